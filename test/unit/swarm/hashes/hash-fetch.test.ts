import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PeerConnection } from '../../../../src/swarm/connections/peer-connection.js';
import { DEFAULT_HASH_FETCH_OPTIONS, HashFetch } from '../../../../src/swarm/hashes/hash-fetch.js';
import { FINE, JUNK, type Judgement } from '../../../../src/swarm/judgement.js';
import type { HashRange } from '../../../../src/wire/hash-message.js';
import { decodeMessage } from '../../../../src/wire/message.js';
import { HashTrees } from '../../../support/fakes/hash-trees.js';
import { RecordedConnection } from '../../../support/fakes/recorded-connection.js';
import { Timeline } from '../../../support/simulation/timeline.js';
import { v2Torrent } from '../../../support/v2-torrent.js';

const BLOCK = 16 * 1024;
const SAMPLE = v2Torrent([{ path: 'sample', length: 7 * BLOCK }], BLOCK, '2');
const TREES = HashTrees.ofSample(SAMPLE);
const ROOT = SAMPLE.metainfo.files[0]?.piecesRoot as Buffer;
const LAYER = SAMPLE.layers.get(0) as Buffer;
const WHOLE: HashRange = { root: ROOT, base: 0, index: 0, length: 8, proof: 0 };
const UNASKED: Judgement = { kind: 'refuse', reason: { code: 'unasked-hashes' } };
const anyone = (): boolean => true;

/** A connection of version 2 that remembers the ranges it was asked for. */
class HashConnection extends RecordedConnection {
  readonly asked: HashRange[] = [];

  constructor(name: string) {
    super(name, ['v2'], `10.0.0.${name.length}`);
    this.isV2 = true;
  }

  override send(chunks: readonly Buffer[]): void {
    super.send(chunks);
    for (const chunk of chunks) {
      const decoded = decodeMessage(chunk.subarray(4));
      if (decoded.ok && decoded.message.type === 'hashRequest') this.asked.push(decoded.message.range);
    }
  }
}

function world(names: readonly string[] = ['a']) {
  const timeline = new Timeline();
  const banned: PeerConnection[] = [];
  const fetch = new HashFetch(
    { timers: timeline, ban: (connection) => banned.push(connection) },
    DEFAULT_HASH_FETCH_OPTIONS,
  );
  const peers = names.map((name) => new HashConnection(name));
  for (const peer of peers) fetch.connectionMade(peer);
  const got: (Buffer | null)[] = [];
  const want = (range = WHOLE, mayHave: (peer: PeerConnection) => boolean = anyone) =>
    fetch.fetch(range, mayHave, (hashes) => got.push(hashes));
  const say = (peer: HashConnection, hashes?: Buffer, range = peer.asked.shift() as HashRange): Judgement => {
    const right = TREES.answer(range);
    assert.ok(right.type === 'hashes');
    return fetch.gotHashes(peer, { ...right, hashes: hashes ?? right.hashes });
  };
  const reject = (peer: HashConnection, range = peer.asked.shift() as HashRange): Judgement =>
    fetch.gotReject(peer, { type: 'hashReject', range });
  return { timeline, banned, fetch, peers: peers as [HashConnection, ...HashConnection[]], got, want, say, reject };
}

function wrong(range: HashRange): Buffer {
  const answer = TREES.answer(range);
  assert.ok(answer.type === 'hashes');
  const hashes = Buffer.from(answer.hashes);
  hashes[40] = (hashes[40] as number) ^ 1;
  return hashes;
}

describe('hashes of a tree', () => {
  it('are asked for, proven and given', () => {
    const { timeline, peers, got, want, say } = world();
    want();
    timeline.run(10);
    assert.deepEqual(peers[0].said(), ['hashRequest 0:0+8^0']);
    assert.deepEqual(say(peers[0]), FINE);
    assert.deepEqual(got, [Buffer.concat([LAYER, Buffer.alloc(32)])]);
    timeline.run(60_000);
    assert.equal(timeline.pending, 0);
    assert.deepEqual(peers[0].said(), []);
  });

  it('are proven by uncles, and given without them', () => {
    const { timeline, peers, got, want, say } = world();
    want({ ...WHOLE, index: 4, length: 2, proof: 2 });
    timeline.run(10);
    say(peers[0]);
    assert.deepEqual(got, [LAYER.subarray(128, 192)]);
  });

  it('are asked for once when two want them', () => {
    const { timeline, peers, got, want, say } = world(['a', 'bb']);
    want();
    want().cancel();
    want();
    timeline.run(10);
    say(peers[0]);
    assert.equal(got.length, 2);
    assert.deepEqual([peers[0].said(), peers[1]?.said()], [['hashRequest 0:0+8^0'], []]);
  });

  it('are not reported when nobody wants them any more, and late answers are no fault', () => {
    const { timeline, peers, got, want, say } = world();
    const question = want();
    timeline.run(10);
    question.cancel();
    assert.deepEqual(say(peers[0]), FINE);
    assert.deepEqual(got, []);
    timeline.run(1_000);
    assert.equal(timeline.pending, 0);
  });

  it('are never asked of a connection of version 1', () => {
    const { timeline, peers, got, want } = world();
    peers[0].isV2 = false;
    want();
    timeline.run(4_000);
    assert.deepEqual(peers[0].said(), []);
    timeline.run(2_000);
    assert.deepEqual(got, [null]);
  });

  it('are asked of a peer that becomes one of version 2', () => {
    const { timeline, peers, want } = world();
    peers[0].isV2 = false;
    want();
    timeline.run(1_000);
    peers[0].isV2 = true;
    timeline.run(1_000);
    assert.deepEqual(peers[0].said(), ['hashRequest 0:0+8^0']);
  });

  it('are asked first of peers that probably know them, and then of the others', () => {
    const { timeline, peers, want, reject } = world(['a', 'bb']);
    want(WHOLE, (peer) => peer === peers[1]);
    timeline.run(10);
    assert.deepEqual([peers[0].said(), peers[1]?.said()], [[], ['hashRequest 0:0+8^0']]);
    assert.deepEqual(reject(peers[1] as HashConnection), FINE);
    timeline.run(10);
    assert.deepEqual(peers[0].said(), ['hashRequest 0:0+8^0']);
  });
});

describe('a peer that is asked for hashes', () => {
  it('owes no more than two answers', () => {
    const { timeline, peers, want, say } = world();
    for (const index of [0, 2, 4, 6]) want({ ...WHOLE, index, length: 2, proof: 2 });
    timeline.run(10);
    assert.equal(peers[0].asked.length, 2);
    say(peers[0]);
    timeline.run(10);
    assert.deepEqual(peers[0].said(), ['hashRequest 0:0+2^2', 'hashRequest 0:2+2^2', 'hashRequest 0:4+2^2']);
  });

  it('is banned for wrong ones, and another is asked', () => {
    const { timeline, peers, banned, got, want, say } = world(['a', 'bb']);
    want();
    timeline.run(10);
    assert.deepEqual(say(peers[0], wrong(WHOLE)), FINE);
    timeline.run(10);
    assert.deepEqual(banned, [peers[0]]);
    assert.deepEqual(got, []);
    say(peers[1] as HashConnection);
    assert.equal(got.length, 1);
  });

  it('is banned for wrong uncles', () => {
    const { timeline, peers, banned, want, say } = world();
    const range = { ...WHOLE, index: 4, length: 2, proof: 2 };
    want(range);
    timeline.run(10);
    const answer = TREES.answer(range);
    assert.ok(answer.type === 'hashes');
    const hashes = Buffer.from(answer.hashes);
    hashes[70] = (hashes[70] as number) ^ 1;
    say(peers[0], hashes);
    timeline.run(10);
    assert.deepEqual(banned, [peers[0]]);
  });

  it('is refused for hashes that nobody asked for, and for the same hashes again', () => {
    const { timeline, peers, want, say } = world();
    assert.deepEqual(say(peers[0], undefined, WHOLE), UNASKED);
    want();
    timeline.run(10);
    assert.deepEqual(say(peers[0], undefined, { ...WHOLE, index: 4, length: 4 }), UNASKED);
    assert.deepEqual(say(peers[0]), FINE);
    assert.deepEqual(say(peers[0], undefined, WHOLE), UNASKED);
  });

  it('makes junk by rejects of what nobody asked for', () => {
    const { peers, reject } = world();
    assert.deepEqual(reject(peers[0], WHOLE), JUNK);
  });

  it('is not asked again for a range that it rejected, and rests', () => {
    const { timeline, peers, want, reject, got } = world();
    want();
    timeline.run(10);
    reject(peers[0]);
    want({ ...WHOLE, index: 4, length: 2, proof: 2 });
    timeline.run(500);
    assert.deepEqual(peers[0].said(), ['hashRequest 0:0+8^0']);
    timeline.run(2_000);
    assert.deepEqual(peers[0].said(), ['hashRequest 0:4+2^2']);
    timeline.run(3_000);
    assert.deepEqual(got, [null]);
  });

  it('is not the only one that is asked after a second, and its late answer still counts', () => {
    const { timeline, peers, got, want, say } = world(['a', 'bb']);
    want();
    timeline.run(900);
    assert.deepEqual(peers[1]?.said(), []);
    timeline.run(500);
    assert.deepEqual(peers[1]?.said(), ['hashRequest 0:0+8^0']);
    assert.deepEqual(say(peers[0]), FINE);
    assert.equal(got.length, 1);
    // The other answer comes for nothing, and is no fault.
    assert.deepEqual(say(peers[1] as HashConnection), FINE);
    assert.equal(got.length, 1);
  });

  it('that was late or rejected a range comes after the others from then on', () => {
    const { timeline, peers, want, say } = world(['a', 'bb']);
    want();
    timeline.run(3_100);
    say(peers[1] as HashConnection);
    for (const peer of peers) peer.said();
    timeline.run(5_000);
    for (const index of [0, 2]) want({ ...WHOLE, index, length: 2, proof: 2 });
    timeline.run(10);
    assert.deepEqual([peers[0].said(), peers[1]?.said()], [[], ['hashRequest 0:0+2^2', 'hashRequest 0:2+2^2']]);
  });

  it('may answer even a minute late', () => {
    const { timeline, peers, want, say } = world();
    want();
    timeline.run(60_000);
    assert.deepEqual(say(peers[0]), FINE);
  });

  it('may answer a minute late also while others are asked for more', () => {
    const { timeline, peers, want, say } = world(['a', 'bb']);
    want();
    for (const index of [0, 1, 2, 3, 0, 1, 2, 3]) {
      timeline.run(8_000);
      want({ ...WHOLE, index: 2 * index, length: 2, proof: 2 });
    }
    assert.deepEqual(say(peers[0]), FINE);
    assert.deepEqual(say(peers[0], undefined, WHOLE), UNASKED);
  });

  it('that is lost owes nothing, and another is asked at once', () => {
    const { timeline, fetch, peers, want } = world(['a', 'bb']);
    want();
    timeline.run(10);
    fetch.connectionLost(peers[0]);
    timeline.run(10);
    assert.deepEqual(peers[1]?.said(), ['hashRequest 0:0+8^0']);
  });
});

describe('a range', () => {
  it('is asked of twice as many peers each second, and after each reject', () => {
    const names = Array.from({ length: 20 }, (_, at) => 'x'.repeat(at + 1));
    const { timeline, peers, want, reject } = world(names);
    const asked = (): number => peers.filter((peer) => peer.asked.length > 0).length;
    want();
    const counts: number[] = [];
    for (let second = 0; second < 3; second += 1) {
      timeline.run(second === 0 ? 10 : 1_000);
      counts.push(asked());
    }
    assert.deepEqual(counts, [1, 2, 4]);
    reject(peers.find((peer) => peer.asked.length > 0) as HashConnection);
    timeline.run(10);
    assert.equal(asked(), 8);
  });

  it('is asked of sixteen peers at once at the most', () => {
    const names = Array.from({ length: 60 }, (_, at) => 'x'.repeat(at + 1));
    const { timeline, peers, want, reject } = world(names);
    want();
    const counts: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      timeline.run(10);
      const asked = peers.filter((peer) => peer.asked.length > 0);
      counts.push(asked.length);
      for (const peer of asked) reject(peer);
    }
    assert.deepEqual(counts, [1, 2, 8, 16, 16]);
  });

  it('that nobody was asked for comes before others', () => {
    const { timeline, peers, want } = world(['a', 'bb']);
    want();
    timeline.run(10);
    for (const index of [0, 2, 4]) want({ ...WHOLE, index, length: 2, proof: 2 });
    timeline.run(2_000);
    assert.deepEqual([...peers[0].said(), ...(peers[1]?.said() ?? [])].sort(), [
      'hashRequest 0:0+2^2',
      'hashRequest 0:0+8^0',
      'hashRequest 0:2+2^2',
      'hashRequest 0:4+2^2',
    ]);
  });
});

describe('a range that nobody gives', () => {
  it('is given up, with no peer after five seconds', () => {
    const { timeline, got, want } = world([]);
    want();
    timeline.run(4_900);
    assert.deepEqual(got, []);
    timeline.run(500);
    assert.deepEqual(got, [null]);
    assert.equal(timeline.pending, 0);
  });

  it('is given up five seconds after the last peer was late with it', () => {
    const { timeline, peers, got, want } = world(['a', 'bb']);
    want();
    timeline.run(8_900);
    assert.deepEqual(got, []);
    timeline.run(1_000);
    assert.deepEqual(got, [null]);
    for (const peer of peers) assert.deepEqual(peer.said(), ['hashRequest 0:0+8^0']);
  });

  it('is not given up while a new peer may be asked', () => {
    const { timeline, fetch, got, want, say } = world([]);
    want();
    timeline.run(4_000);
    const peer = new HashConnection('late');
    fetch.connectionMade(peer);
    timeline.run(2_000);
    say(peer);
    assert.deepEqual(got, [Buffer.concat([LAYER, Buffer.alloc(32)])]);
  });

  it('is not reported after a stop', () => {
    const { timeline, fetch, got, want } = world([]);
    want();
    fetch.stop();
    want();
    timeline.run(60_000);
    assert.deepEqual(got, []);
    assert.equal(timeline.pending, 0);
  });
});
