import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Millis } from '../../../../src/base/clock.js';
import { sha1, sha256 } from '../../../../src/base/digest.js';
import type { Random } from '../../../../src/base/random.js';
import type { NamedHashes } from '../../../../src/metainfo/named-hashes.js';
import type { PeerConnection } from '../../../../src/swarm/connections/peer-connection.js';
import type { ExtendedPeer, Payload } from '../../../../src/swarm/extensions/extensions.js';
import { FINE, JUNK } from '../../../../src/swarm/judgement.js';
import {
  DEFAULT_METADATA_FETCH_OPTIONS,
  MetadataFetch,
  type MetadataFetchOptions,
} from '../../../../src/swarm/metadata/metadata-fetch.js';
import { DEFAULT_METADATA_SHARING_OPTIONS, MetadataSharing } from '../../../../src/swarm/metadata/metadata-sharing.js';
import { SILENT_HANDSHAKE } from '../../../../src/wire/extended.js';
import {
  decodeMetadataMessage,
  encodeMetadataMessage,
  METADATA_PIECE_LENGTH,
  type MetadataMessage,
} from '../../../../src/wire/metadata-message.js';
import { RecordedConnection } from '../../../support/fakes/recorded-connection.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';
import { Timeline } from '../../../support/simulation/timeline.js';

const PIECES = 20;
const INFO = Buffer.concat(Array.from({ length: PIECES }, (_, at) => Buffer.alloc(METADATA_PIECE_LENGTH, at))).subarray(
  0,
  -1000,
);

const BY_SHA1: NamedHashes = { infoHashV1: sha1(INFO), infoHashV2: null };

type Answer = (message: MetadataMessage, world: World, peer: FakeMetadataPeer) => void;

/** A peer that speaks ut_metadata and answers, some time later, as its script wants. */
class FakeMetadataPeer implements ExtendedPeer {
  readonly connection: RecordedConnection;
  handshake;
  readonly asked: MetadataMessage[] = [];
  /** In how many writes. */
  writes = 0;
  readonly #world: World;
  readonly #answer: Answer;

  constructor(world: World, name: string, size: number, answer: Answer, host = '10.0.0.1') {
    this.connection = new RecordedConnection(name, [], host);
    this.handshake = { ...SILENT_HANDSHAKE, ids: new Map([['ut_metadata', 3]]), metadataSize: size };
    this.#world = world;
    this.#answer = answer;
  }

  send(_name: string, ...payloads: readonly Payload[]): boolean {
    this.writes += 1;
    for (const payload of payloads) {
      const message = decodeMetadataMessage(Buffer.isBuffer(payload) ? payload : Buffer.concat(payload));
      assert.ok(message !== undefined);
      this.asked.push(message);
      this.#answer(message, this.#world, this);
    }
    return true;
  }

  /** Says something after `delay`, unless it was banned meanwhile. */
  say(message: Exclude<MetadataMessage, { type: 'unknown' }>, delay: Millis): void {
    this.#world.timeline.addTask(() => {
      if (this.connection.closed) return;
      const judgement = this.#world.fetch.gotMessage(this, encodeMetadataMessage(message));
      if (judgement.kind === 'refuse') this.#world.end(this, 'refused');
    }, delay);
  }
}

class World {
  readonly timeline = new Timeline();
  readonly log: string[] = [];
  info: Buffer | null = null;
  readonly peers = new Map<PeerConnection, FakeMetadataPeer>();
  readonly fetch: MetadataFetch;

  constructor(options: Partial<MetadataFetchOptions> = {}, hashes: NamedHashes = BY_SHA1) {
    this.fetch = new MetadataFetch(
      {
        timers: this.timeline,
        random: seededRandom(1),
        hashes,
        gotInfo: (info) => {
          this.info = info;
        },
        ban: (connection) => {
          const peer = this.peers.get(connection);
          if (peer !== undefined) this.end(peer, 'banned');
        },
      },
      { ...DEFAULT_METADATA_FETCH_OPTIONS, ...options },
    );
  }

  join(name: string, answer: Answer, size = INFO.length): FakeMetadataPeer {
    const peer = new FakeMetadataPeer(this, name, size, answer);
    this.peers.set(peer.connection, peer);
    this.fetch.gotHandshake(peer);
    return peer;
  }

  end(peer: FakeMetadataPeer, how: string): void {
    if (peer.connection.closed) return;
    peer.connection.refuse({ code: 'banned', evidence: { kind: 'wrong-metadata' } });
    this.log.push(`${peer.connection.peerId.toString().replace(/-+$/, '')} ${how}`);
    this.fetch.peerLeft(peer);
  }
}

const dataOf = (piece: number) => INFO.subarray(piece * METADATA_PIECE_LENGTH, (piece + 1) * METADATA_PIECE_LENGTH);
const honest: Answer = (message, _world, peer) => {
  if (message.type !== 'request') return;
  peer.say({ type: 'data', piece: message.piece, totalSize: INFO.length, data: dataOf(message.piece) }, 100);
};
const liar: Answer = (message, _world, peer) => {
  if (message.type !== 'request') return;
  const data = Buffer.alloc(dataOf(message.piece).length, 0xbb);
  peer.say({ type: 'data', piece: message.piece, totalSize: INFO.length, data }, 50);
};
const silent: Answer = () => undefined;
const rejecting: Answer = (message, _world, peer) => {
  if (message.type === 'request') peer.say({ type: 'reject', piece: message.piece }, 40);
};
/** Answers just in time, again and again, what nobody can use. */
function slow(totalSize: number): Answer {
  return (message, _world, peer) => {
    if (message.type !== 'request') return;
    const data = Buffer.alloc(Math.min(METADATA_PIECE_LENGTH, totalSize - message.piece * METADATA_PIECE_LENGTH));
    peer.say({ type: 'data', piece: message.piece, totalSize, data }, 9_000);
  };
}

describe('the metadata of a magnet link', () => {
  for (const [name, hashes] of [
    ['its v2 hash', { infoHashV1: null, infoHashV2: sha256(INFO) }],
    ['the first 20 bytes of its v2 hash', { infoHashV1: sha256(INFO).subarray(0, 20), infoHashV2: null }],
    ['both of its hashes', { infoHashV1: sha1(INFO), infoHashV2: sha256(INFO) }],
    [
      'its v2 hash and the first 20 bytes of it',
      { infoHashV1: sha256(INFO).subarray(0, 20), infoHashV2: sha256(INFO) },
    ],
  ] as const) {
    test(`is proven by ${name}`, () => {
      const world = new World({}, hashes);
      world.join('liar', liar);
      world.join('honest', honest);
      world.timeline.runUntil(() => world.info !== null, 10_000);
      assert.deepEqual(world.info, INFO);
      world.timeline.run(10_000);
      assert.deepEqual(world.log, ['liar banned']);
    });
  }

  for (const [name, hashes] of [
    ['a wrong v2 hash beside the v1 hash', { infoHashV1: sha1(INFO), infoHashV2: sha256(sha1(INFO)) }],
    ['a wrong v1 hash beside the v2 hash', { infoHashV1: sha1(sha1(INFO)), infoHashV2: sha256(INFO) }],
  ] as const) {
    test(`is of no use under ${name}`, () => {
      const world = new World({}, hashes);
      world.join('honest', honest);
      world.timeline.run(10_000);
      assert.equal(world.info, null);
      assert.deepEqual(world.log, ['honest banned']);
    });
  }

  test('comes from several peers at once, each asked for other pieces', () => {
    const world = new World();
    const peers = ['a', 'b'].map((name) => world.join(name, honest));
    world.timeline.runUntil(() => world.info !== null, 10_000);
    assert.deepEqual(world.info, INFO);
    const asked = peers.map((peer) => peer.asked.map((message) => message.type === 'request' && message.piece));
    assert.ok(asked.every((pieces) => pieces.length >= 8));
    assert.deepEqual(new Set(asked.flat()).size, PIECES);
    assert.equal(asked.flat().length, PIECES);
    assert.equal(world.timeline.now(), 200);
    assert.equal(world.timeline.pending, 0);
  });

  test('is asked for in few writes, however many its pieces are', () => {
    const info = seededRandom(1).bytes(600 * METADATA_PIECE_LENGTH);
    const world = new World({}, { infoHashV1: sha1(info), infoHashV2: null });
    const one: Answer = (message, _world, peer) => {
      if (message.type !== 'request') return;
      const { piece } = message;
      const data = info.subarray(piece * METADATA_PIECE_LENGTH, (piece + 1) * METADATA_PIECE_LENGTH);
      peer.say({ type: 'data', piece, totalSize: info.length, data }, 100);
    };
    const peer = world.join('honest', one, info.length);
    world.timeline.runUntil(() => world.info !== null, 10_000);
    assert.deepEqual(world.info, info);
    assert.equal(peer.asked.length, 600);
    assert.ok(peer.writes <= 60, `${peer.writes} writes`);
  });

  test('is not believed when its hash is wrong, and the peer that sent all of it is banned', () => {
    const world = new World();
    world.join('liar', liar);
    world.timeline.run(1_000);
    assert.equal(world.info, null);
    assert.deepEqual(world.log, ['liar banned']);
    world.join('honest', honest);
    world.timeline.runUntil(() => world.info !== null, 10_000);
    assert.deepEqual(world.info, INFO);
  });

  test('is asked of each peer alone when the mix was wrong, so that only the liar is found and blamed', () => {
    const world = new World();
    const mixed: Answer = (message, own, peer) => {
      if (message.type === 'request' && message.piece === 0) liar(message, own, peer);
      else honest(message, own, peer);
    };
    world.join('liar', mixed);
    world.join('honest', honest);
    world.timeline.runUntil(() => world.info !== null, 60_000);
    assert.deepEqual(world.info, INFO);
    assert.deepEqual(
      world.log.filter((line) => line !== 'liar banned'),
      [],
    );
  });

  test('comes from other peers when a peer rejects, keeps silent, or leaves', () => {
    const world = new World();
    world.join('rejects', (message, _world, peer) => {
      if (message.type === 'request') peer.say({ type: 'reject', piece: message.piece }, 10);
    });
    const leaving = world.join('leaves', silent);
    world.timeline.run(1_000);
    world.join('silent', silent);
    world.timeline.run(1_000);
    world.end(leaving, 'left');
    world.join('honest', honest);
    world.timeline.runUntil(() => world.info !== null, 30_000);
    assert.deepEqual(world.info, INFO);
    assert.deepEqual(world.log, ['leaves left']);
  });

  test('of another size than the peer had said, or in pieces of a wrong length, ends the connection', () => {
    for (const wrong of [
      { totalSize: INFO.length + 1, data: dataOf(0) },
      { totalSize: INFO.length, data: dataOf(0).subarray(1) },
    ]) {
      const world = new World();
      world.join('x', (message, _world, peer) => {
        if (message.type === 'request') peer.say({ type: 'data', piece: message.piece, ...wrong }, 10);
      });
      world.timeline.run(1_000);
      assert.deepEqual(world.log, ['x refused']);
    }
  });

  test('that we did not ask for is junk, and so is a request while we have none', () => {
    const world = new World();
    const peer = world.join('x', silent);
    const unasked = encodeMetadataMessage({ type: 'data', piece: 99, totalSize: INFO.length, data: Buffer.of(1) });
    assert.equal(world.fetch.gotMessage(peer, unasked), JUNK);
    assert.equal(world.fetch.gotMessage(peer, encodeMetadataMessage({ type: 'request', piece: 0 })), JUNK);
    assert.deepEqual(peer.asked.at(-1), { type: 'reject', piece: 0 });
  });

  test('is not fetched from a peer that claims a size beyond the limit', () => {
    const world = new World();
    const peer = world.join('x', silent, DEFAULT_METADATA_FETCH_OPTIONS.maxSize + 1);
    world.timeline.run(60_000);
    assert.deepEqual(peer.asked, []);
  });

  test('is not held up by peers that claim other sizes, however large and many, and send as slowly as they may', () => {
    for (const [count, sizeOf] of [
      [2, () => DEFAULT_METADATA_FETCH_OPTIONS.maxSize],
      [2, (at: number) => DEFAULT_METADATA_FETCH_OPTIONS.maxSize - at],
      [40, (at: number) => 1_000_000 + at],
    ] as const) {
      const world = new World();
      for (let at = 0; at < count; at += 1) world.join(`liar${at}`, slow(sizeOf(at)), sizeOf(at));
      world.timeline.run(60_000);
      world.join('honest', honest);
      world.timeline.run(1_000);
      assert.deepEqual(world.info, INFO, `${count} liars`);
    }
  });

  test('of liars that really send it is bounded in memory, and other peers are heard', () => {
    const world = new World();
    const { maxSize, maxMemory } = DEFAULT_METADATA_FETCH_OPTIONS;
    let sent = 0;
    for (let at = 0; at < 4; at += 1) {
      const pour: Answer = (message, _world, peer) => {
        if (message.type !== 'request' || message.piece >= 1_900) return;
        sent += METADATA_PIECE_LENGTH;
        const data = Buffer.alloc(METADATA_PIECE_LENGTH);
        peer.say({ type: 'data', piece: message.piece, totalSize: maxSize - at, data }, 1);
      };
      world.join(`liar${at}`, pour, maxSize - at);
    }
    let most = 0;
    for (let at = 0; at < 2_000; at += 1) {
      world.timeline.run(1);
      most = Math.max(most, world.fetch.heldLength);
    }
    assert.ok(sent > maxMemory, 'they sent more than is kept');
    assert.ok(most <= maxMemory + METADATA_PIECE_LENGTH, `${most} bytes were kept`);
    world.join('honest', honest);
    world.timeline.run(1_000);
    assert.deepEqual(world.info, INFO);
  });

  test('has one size for each peer: the first that it claims', () => {
    const world = new World();
    const peer = world.join('x', silent, 100_000);
    for (let at = 0; at < 1_000; at += 1) {
      peer.handshake = { ...peer.handshake, metadataSize: 200_000 + at };
      world.fetch.gotHandshake(peer);
    }
    assert.equal(peer.asked.length, 7, 'each piece once');
  });

  test('comes within a few round trips from an honest peer behind a row of peers that reject', () => {
    const world = new World();
    for (let at = 0; at < 40; at += 1) world.join(`rejects${at}`, rejecting);
    world.join('honest', honest);
    world.timeline.runUntil(() => world.info !== null, 2_000);
    assert.deepEqual(world.info, INFO);
  });

  test('comes from an honest peer that is slower than our patience, and that is not banned', () => {
    const world = new World();
    world.join('silent', silent);
    world.join('slow', (message, _world, peer) => {
      if (message.type !== 'request') return;
      const { piece } = message;
      peer.say({ type: 'data', piece, totalSize: INFO.length, data: dataOf(piece) }, 700 * peer.asked.length);
    });
    world.timeline.runUntil(() => world.info !== null, 30_000);
    assert.deepEqual(world.info, INFO);
    assert.deepEqual(world.log, []);
  });

  test('comes from an honest peer that takes no more than four requests at once and rejects the others', () => {
    const world = new World();
    let open = 0;
    world.join('busy', (message, own, peer) => {
      if (message.type !== 'request') return;
      if (open === 4) {
        peer.say({ type: 'reject', piece: message.piece }, 100);
        return;
      }
      open += 1;
      world.timeline.addTask(() => {
        open -= 1;
      }, 100);
      honest(message, own, peer);
    });
    world.timeline.runUntil(() => world.info !== null, 5_000);
    assert.deepEqual(world.info, INFO);
  });

  test('shows, once it is right, which peers sent wrong pieces of it, and only these are banned', () => {
    const world = new World();
    for (const wrong of [3, 5]) {
      world.join(`liar${wrong}`, (message, own, peer) => {
        if (message.type !== 'request') return;
        if (message.piece === wrong) liar(message, own, peer);
        // It keeps back a piece, so that its own whole is never judged.
        else if (message.piece !== 0) honest(message, own, peer);
      });
    }
    world.join('keeps', (message, own, peer) => {
      if (message.type === 'request' && message.piece !== 0) honest(message, own, peer);
    });
    world.join('honest', honest);
    world.timeline.runUntil(() => world.info !== null, 10_000);
    assert.deepEqual(world.info, INFO);
    assert.deepEqual(world.log.sort(), ['liar3 banned', 'liar5 banned']);
  });

  test('is found right by its digests when memory was short, and any peer is asked for it again', () => {
    const maxMemory = 30 * METADATA_PIECE_LENGTH;
    const world = new World({ maxMemory });
    let most = 0;
    for (let at = 0; at < 20; at += 1) {
      world.join(`liar${at}`, (message, _world, peer) => {
        if (message.type !== 'request' || message.piece === PIECES - 1) return;
        const data = Buffer.alloc(METADATA_PIECE_LENGTH, 100 + at);
        peer.say({ type: 'data', piece: message.piece, totalSize: INFO.length, data }, 100);
      });
    }
    world.timeline.run(1_000);
    const late = world.join('honest', honest);
    world.timeline.runUntil(() => {
      most = Math.max(most, world.fetch.heldLength);
      return world.info !== null;
    }, 5_000);
    assert.deepEqual(world.info, INFO);
    assert.ok(most <= maxMemory + METADATA_PIECE_LENGTH, `${most} bytes were kept`);
    assert.ok(late.asked.length > PIECES, 'some pieces came twice');
    assert.ok(!world.log.includes('honest banned'));
  });

  test('in memory is bounded when the peers that sent it have left', () => {
    const maxMemory = 30 * METADATA_PIECE_LENGTH;
    const world = new World({ maxMemory });
    for (let at = 0; at < 10; at += 1) {
      const size = INFO.length + 1 + at;
      const pour: Answer = (message, _world, peer) => {
        if (message.type !== 'request' || message.piece === PIECES - 1) return;
        const data = Buffer.alloc(METADATA_PIECE_LENGTH, at);
        peer.say({ type: 'data', piece: message.piece, totalSize: size, data }, 1);
      };
      world.join(`stays${at}`, silent, size);
      const leaving = world.join(`leaves${at}`, pour, size);
      world.timeline.run(1_500);
      world.end(leaving, 'left');
      assert.ok(world.fetch.heldLength <= maxMemory + METADATA_PIECE_LENGTH, `${world.fetch.heldLength}`);
    }
    world.join('honest', honest);
    world.timeline.run(1_000);
    assert.deepEqual(world.info, INFO);
  });

  test('has an outlook: infinite for a peer that keeps it back, a time for one that sends, and unknown before', () => {
    const world = new World();
    const quiet = world.join('quiet', silent);
    const sending = world.join('sending', (message, own, peer) => {
      if (message.type === 'request' && message.piece !== PIECES - 1) honest(message, own, peer);
    });
    const outlookOf = ({ connection }: FakeMetadataPeer) => world.fetch.outlook(connection);
    assert.deepEqual([quiet, sending].map(outlookOf), [null, null]);
    world.timeline.run(150);
    const time = outlookOf(sending);
    assert.ok(time !== null && time < 1_000, `${time}`);
    world.timeline.run(1_000);
    assert.equal(outlookOf(quiet), Number.POSITIVE_INFINITY);
    const pausing = outlookOf(sending);
    assert.ok(pausing !== null && pausing < 4_000, `it has sent something lately: ${pausing}`);
    world.timeline.run(1_500);
    assert.equal(outlookOf(sending), Number.POSITIVE_INFINITY);
    const stranger = new RecordedConnection('stranger');
    assert.equal(world.fetch.outlook(stranger), Number.POSITIVE_INFINITY);
  });

  test('comes in all of 100 runs from one honest peer among fifty liars of every kind', (t) => {
    const times: number[] = [];
    for (let seed = 0; seed < 100; seed += 1) times.push(amongLiars(seededRandom(seed)));
    times.sort((a, b) => a - b);
    t.diagnostic(`ms until the metadata was there: median ${times[50]}, most ${times[99]}`);
    assert.ok((times[99] ?? Number.POSITIVE_INFINITY) <= 5_000, `${times[99]}`);
  });
});

/** Fifty liars and one honest peer join within a minute. Returns how long it took from when the honest one joined. */
function amongLiars(random: Random): number {
  const world = new World();
  const honestAt = random.below(51);
  const drip: Answer = (message, _world, peer) => {
    if (message.type !== 'request') return;
    const answer = { type: 'data', piece: message.piece, totalSize: INFO.length, data: dataOf(message.piece) } as const;
    peer.say(answer, 9_000 * (1 + peer.asked.length));
  };
  const halfHonest: Answer = (message, own, peer) =>
    message.type === 'request' && message.piece === 3 ? liar(message, own, peer) : honest(message, own, peer);
  let joinedAt: Millis = 0;
  const kinds = [liar, liar, halfHonest, silent, drip, rejecting];
  for (let at = 0; at < 51; at += 1) {
    world.timeline.addTask(() => {
      if (at === honestAt) {
        joinedAt = world.timeline.now();
        world.join('honest', honest);
      } else if (random.below(10) === 0) world.join(`liar${at}`, silent, 1 + random.below(40_000_000));
      else world.join(`liar${at}`, kinds[random.below(kinds.length)] ?? liar);
    }, random.below(60_000));
  }
  world.timeline.runUntil(() => world.info !== null, 3_600_000);
  assert.deepEqual(world.info, INFO);
  assert.ok(!world.log.includes('honest banned'));
  return Math.round(world.timeline.now() - joinedAt);
}

describe('sharing the metadata', () => {
  const setUp = (info = INFO) => {
    const world = new World();
    const sharing = new MetadataSharing(info, () => world.timeline.now(), DEFAULT_METADATA_SHARING_OPTIONS);
    const peer = new FakeMetadataPeer(world, 'x', 1, silent);
    const ask = (piece: number) => sharing.gotMessage(peer, encodeMetadataMessage({ type: 'request', piece }));
    return { world, sharing, peer, ask };
  };

  test('answers each request with its piece, and rejects a piece that does not exist', () => {
    const { peer, ask } = setUp();
    assert.deepEqual([ask(0), ask(19), ask(20), ask(2 ** 40)], [FINE, FINE, JUNK, JUNK]);
    assert.deepEqual(peer.asked, [
      { type: 'data', piece: 0, totalSize: INFO.length, data: dataOf(0) },
      { type: 'data', piece: 19, totalSize: INFO.length, data: dataOf(19) },
      { type: 'reject', piece: 20 },
      { type: 'reject', piece: 2 ** 40 },
    ]);
  });

  const { copies, morePieces, copyTime, maxHosts } = DEFAULT_METADATA_SHARING_OPTIONS;
  const share = copies * PIECES + morePieces;
  const servedTo = (peer: FakeMetadataPeer) => peer.asked.filter(({ type }) => type === 'data').length;

  test('a peer gets it a few times, then rejects, and pieces again after a while', () => {
    const { world, peer, ask } = setUp();
    for (let count = 0; count < 30_000; count += 1) ask(0);
    assert.equal(servedTo(peer), share);
    world.timeline.run(copyTime / PIECES);
    assert.equal(ask(0), FINE);
    assert.equal(ask(0), JUNK);
  });

  test('a peer that must forget what it has, and fetch it again, gets three wholes at once', () => {
    const pieceCount = 200;
    const { ask } = setUp(Buffer.alloc(pieceCount * METADATA_PIECE_LENGTH));
    for (let copy = 0; copy < 3; copy += 1) {
      for (let piece = 0; piece < pieceCount; piece += 1) assert.equal(ask(piece), FINE);
      // What was on its way over a connection that turned out to be one too many.
      for (let lost = 0; lost < DEFAULT_METADATA_FETCH_OPTIONS.maxWindow; lost += 1) assert.equal(ask(0), FINE);
    }
  });

  test('a peer that connects again and again gets no more than the share of its host', () => {
    const { world, sharing } = setUp();
    let served = 0;
    for (let at = 0; at < 100; at += 1) {
      const peer = new FakeMetadataPeer(world, `x${at}`, 1, silent);
      for (let count = 0; count < 100; count += 1)
        sharing.gotMessage(peer, encodeMetadataMessage({ type: 'request', piece: 0 }));
      served += servedTo(peer);
      sharing.peerLeft(peer);
    }
    assert.equal(served, share);
    const other = new FakeMetadataPeer(world, 'other', 1, silent, '10.0.0.2');
    assert.equal(sharing.gotMessage(other, encodeMetadataMessage({ type: 'request', piece: 0 })), FINE);
  });

  test('the number of hosts that are remembered is bounded by the options', () => {
    const { world, sharing, ask } = setUp();
    for (let count = 0; count < share; count += 1) ask(0);
    const askFrom = (host: string) => {
      const other = new FakeMetadataPeer(world, 'y', 1, silent, host);
      sharing.gotMessage(other, encodeMetadataMessage({ type: 'request', piece: 0 }));
    };
    for (let at = 1; at < maxHosts; at += 1) askFrom(`10.1.${at >> 8}.${at & 255}`);
    assert.equal(ask(0), JUNK, 'it is remembered');
    for (let at = 0; at < maxHosts; at += 1) askFrom(`10.2.${at >> 8}.${at & 255}`);
    assert.equal(ask(0), FINE, 'it was forgotten');
  });

  test('an answer takes no memory of its own: it is a view of the metadata', () => {
    const { sharing, peer } = setUp();
    const sent: Payload[] = [];
    peer.send = (_name: string, payload: Payload) => sent.push(payload) > 0;
    sharing.gotMessage(peer, encodeMetadataMessage({ type: 'request', piece: 1 }));
    const [parts] = sent;
    assert.ok(Array.isArray(parts));
    assert.equal(parts.at(-1)?.buffer, INFO.buffer);
  });

  test('a peer that takes nothing is sent nothing more', () => {
    const { peer, ask } = setUp();
    peer.connection.unsentLength = DEFAULT_METADATA_SHARING_OPTIONS.maxUnsent + 1;
    assert.equal(ask(0), JUNK);
    assert.deepEqual(peer.asked, [{ type: 'reject', piece: 0 }]);
  });

  test('a malformed metadata message ends the connection', () => {
    const { sharing, peer } = setUp();
    const judgement = sharing.gotMessage(peer, Buffer.from('x'));
    assert.deepEqual(judgement, {
      kind: 'refuse',
      reason: { code: 'malformed-extension', name: 'ut_metadata', length: 1 },
    });
  });
});
