import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeBencode } from '../../../src/bencode/encode.js';
import { priceOf } from '../../../src/swarm/price.js';
import { DEFAULT_WORK_OPTIONS } from '../../../src/swarm/work-budget.js';
import { decodeExtensionHandshake } from '../../../src/wire/extended.js';
import type { encodeMessage, PeerMessage } from '../../../src/wire/message.js';
import { TalkingPeer } from '../../support/fakes/talking-peer.js';
import { sampleTorrent } from '../../support/sample-torrent.js';
import { Swarm } from '../../support/worlds/swarm.js';

const KIB = 1024;
const BLOCK = 16 * KIB;
const { limit } = DEFAULT_WORK_OPTIONS.idle;

type Said = Parameters<typeof encodeMessage>[0];

/** More blocks than a peer may ask for at once. */
const TORRENT = sampleTorrent([{ path: 'file', length: 2_048 * KIB }], KIB);

function blocks(type: 'request' | 'cancel', count: number): Said[] {
  return Array.from({ length: count }, (_, piece) => ({ type, piece, begin: 0, length: KIB }));
}

/** A peer that a seed has unchoked, and that is interested. */
function guestOfSeed(): TalkingPeer {
  const swarm = new Swarm(TORRENT);
  const peer = new TalkingPeer(swarm.seed('10.0.0.1'), 'peer', 'fast');
  peer.say({ type: 'interested' });
  swarm.timeline.run(20_000);
  assert.ok(peer.heard().includes('unchoke'));
  return peer;
}

describe('the most that an honest peer sends', () => {
  it('costs a fraction of what is forgiven: 2,000 requests and their cancels, as at the end of a download', () => {
    const peer = guestOfSeed();
    peer.say(...blocks('request', 2_000), ...blocks('cancel', 2_000));
    assert.ok(peer.connection.idleWork <= limit / 5, `${peer.connection.idleWork}`);
    assert.equal(peer.refusal, null);
  });

  it('costs nothing: requests that are served, or refused by our choke', () => {
    const peer = guestOfSeed();
    peer.say(...blocks('request', 2_000));
    assert.equal(peer.connection.idleWork, 0);
  });

  it('costs nothing: a have of each of very many pieces, as from a peer that checks its disk', () => {
    const swarm = new Swarm(sampleTorrent([{ path: 'file', length: 100_000 }], 1));
    const peer = new TalkingPeer(swarm.member('10.0.0.1'), 'peer');
    for (let piece = 0; piece < 100_000; piece += 1) peer.say({ type: 'have', piece });
    assert.deepEqual([peer.connection.idleWork, peer.refusal], [0, null]);
    assert.ok(peer.connection.work >= 100_000);
  });

  it('costs nothing: a reject of each request after a choke', () => {
    const swarm = new Swarm(sampleTorrent([{ path: 'file', length: 32 * BLOCK }], 2 * BLOCK));
    const peer = new TalkingPeer(swarm.member('10.0.0.1'), 'peer', 'fast');
    peer.say({ type: 'haveAll' }, { type: 'unchoke' });
    const asked = peer.heard().flatMap((batch) => batch.split(', '));
    peer.say({ type: 'choke' });
    const before = peer.connection.idleWork;
    let rejected = 0;
    for (const words of asked) {
      const [, piece, begin, length] = /^request (\d+):(\d+)\+(\d+)$/.exec(words) ?? [];
      if (piece === undefined) continue;
      peer.say({ type: 'reject', piece: Number(piece), begin: Number(begin), length: Number(length) });
      rejected += 1;
    }
    assert.ok(rejected > 0);
    assert.deepEqual([peer.connection.idleWork, peer.refusal], [before, null]);
  });
});

describe('the price of a message', () => {
  it('is above zero, and grows with its length', () => {
    const types: readonly PeerMessage['type'][] = ['have', 'cancel', 'unknown', 'extended', 'piece'];
    for (const type of types) {
      assert.ok(priceOf(type, 1, 0) >= 1);
      assert.ok(priceOf(type, 1024 * KIB, 0) >= 4_000);
    }
  });

  it('grows with the dictionary of an extended message, up to a bound', () => {
    assert.ok(priceOf('extended', 1_024, 0) >= 1_024);
    assert.ok(priceOf('extended', 16 * KIB, 0) <= 2_000, 'metadata is no dictionary');
    const names = new Map(Array.from({ length: 160 }, (_, at) => [`name ${at}`, 1] as const));
    assert.equal(decodeExtensionHandshake(encodeBencode(new Map([['m', names]]))), undefined);
  });

  it('grows with the number of pieces for a message that concerns all of them, however short it is', () => {
    const types: readonly PeerMessage['type'][] = ['bitfield', 'haveAll', 'haveNone'];
    for (const type of types) assert.ok(priceOf(type, 1, 2_000_000) >= 100 * priceOf(type, 1, 1_000));
  });
});
