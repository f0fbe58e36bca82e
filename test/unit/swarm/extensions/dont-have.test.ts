import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { recountPrice } from '../../../../src/swarm/price.js';
import { encodeExtensionHandshake, SILENT_HANDSHAKE } from '../../../../src/wire/extended.js';
import { TalkingPeer } from '../../../support/fakes/talking-peer.js';
import { sampleTorrent } from '../../../support/sample-torrent.js';
import { Swarm } from '../../../support/worlds/swarm.js';
import type { SwarmMember } from '../../../support/worlds/swarm-member.js';
import { zeroTorrent } from '../../../support/zero-torrent.js';

const BLOCK = 16 * 1024;
/** Ten pieces of two blocks. */
const TORRENT = sampleTorrent([{ path: 'file', length: 20 * BLOCK }], 2 * BLOCK);
/** The id of lt_donthave: ours, the first of what we speak, and the peer's. */
const OURS = 1;
const THEIRS = 7;

/** A peer that speaks the extensions, and has said so. */
function speaker(member: SwarmMember, name: string): TalkingPeer {
  const peer = new TalkingPeer(member, name, 'fast', 'extended');
  const ids = new Map([['lt_donthave', THEIRS]]);
  peer.say({ type: 'extended', id: 0, payload: encodeExtensionHandshake({ ...SILENT_HANDSHAKE, ids }) });
  return peer;
}

function dontHave(peer: TalkingPeer, ...pieces: readonly number[]): void {
  for (const piece of pieces) {
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(piece);
    peer.say({ type: 'extended', id: OURS, payload });
  }
}

function requests(peer: TalkingPeer): string[] {
  return peer.heard().flatMap((line) => line.split(', ').filter((word) => word.startsWith('request')));
}

describe('a peer that has lost a piece', () => {
  it('is not asked for it any more, other peers are asked, and it does not count for the availability', () => {
    const member = new Swarm(TORRENT).member('10.0.0.1', { download: { endgameBacklog: 0 } });
    const [peer, other] = [speaker(member, 'peer'), speaker(member, 'other')];
    for (const each of [peer, other]) each.has('*         ');
    peer.say({ type: 'unchoke' });
    assert.equal(requests(peer).length, 2);
    other.say({ type: 'unchoke' });
    assert.deepEqual(requests(other), []);
    dontHave(peer, 0);
    member.check();
    assert.equal(member.picker.availability(TORRENT.piece(0)), 1);
    assert.deepEqual(peer.heard(), ['notInterested']);
    other.say({ type: 'choke' }, { type: 'unchoke' });
    assert.equal(requests(other).length, 2);
  });

  it('is parted from when it makes us count a million pieces again and again', () => {
    const torrent = zeroTorrent(1_000_000, 1);
    const member = new Swarm(torrent).member('10.0.0.1');
    for (const again of [{ type: 'have', piece: 0 }, { type: 'haveAll' }] as const) {
      const peer = speaker(member, 'peer');
      peer.say({ type: 'haveAll' });
      let times = 0;
      for (; times < 1_000 && peer.refusal === null; times += 1) {
        dontHave(peer, 0);
        peer.say(again);
      }
      assert.equal(peer.refusal, 'too-many-flaps');
      assert.ok(times > 2 && times < 15, `${times} times`);
    }
  });

  it('pays for the count of all its pieces when it had all of them, and only then', () => {
    const member = new Swarm(zeroTorrent(60_000, 1)).member('10.0.0.1');
    const peer = speaker(member, 'peer');
    peer.say({ type: 'haveAll' });
    const paid = [0, 1].map((piece) => {
      const before = peer.connection.idleWork;
      dontHave(peer, piece);
      return peer.connection.idleWork - before;
    });
    assert.deepEqual(paid, [recountPrice(60_000), 0]);
    assert.ok(recountPrice(60_000) >= 1_000);
  });

  it('is counted right, whether it was a seed from the start or became one by its haves', () => {
    const member = new Swarm(TORRENT).member('10.0.0.1');
    const counts = () => [0, 1, 9].map((piece) => member.picker.availability(TORRENT.piece(piece)));
    const [seed, grown] = [speaker(member, 'seed'), speaker(member, 'grown')];
    seed.say({ type: 'haveAll' });
    grown.has('********* ');
    grown.say({ type: 'have', piece: 9 });
    assert.deepEqual(counts(), [2, 2, 2]);
    dontHave(grown, 0);
    dontHave(seed, 1, 9);
    assert.deepEqual(counts(), [1, 1, 1]);
    seed.say({ type: 'have', piece: 9 });
    seed.hangUp();
    assert.deepEqual(counts(), [0, 1, 1]);
    grown.hangUp();
    assert.deepEqual(counts(), [0, 0, 0]);
    member.check();
  });

  it('is refused for a piece that does not exist, for a malformed message, and for losing a piece too often', () => {
    const member = new Swarm(TORRENT).member('10.0.0.1');
    const [far, broken, fickle] = [speaker(member, 'far'), speaker(member, 'broken'), speaker(member, 'fickle')];
    dontHave(far, 10);
    broken.say({ type: 'extended', id: OURS, payload: Buffer.alloc(5) });
    for (let time = 0; time < 201; time += 1) {
      fickle.say({ type: 'have', piece: 3 });
      dontHave(fickle, 3);
    }
    assert.deepEqual(
      [far, broken, fickle].map((peer) => peer.refusal),
      ['piece-out-of-range', 'malformed-extension', 'too-many-flaps'],
    );
  });
});

describe('when we have lost a piece', () => {
  const lost = new Set([TORRENT.piece(2)]);

  it('peers that speak the extension hear it and stay; the others are parted from unless they have the piece', () => {
    const member = new Swarm(TORRENT).seed('10.0.0.1');
    const understands = speaker(member, 'understands');
    const plain = new TalkingPeer(member, 'plain');
    const rich = new TalkingPeer(member, 'rich');
    rich.has('********* ');
    understands.heard();
    member.connecter.piecesLost([...lost], lost);
    assert.deepEqual(understands.heard(), ['extended']);
    assert.deepEqual(
      [understands, plain, rich].map((peer) => peer.refusal),
      [null, 'pieces-lost', null],
    );
  });

  it('a peer with the fast extension stays when the piece was only in doubt, and the others are parted from', () => {
    const member = new Swarm(TORRENT).seed('10.0.0.1');
    const [fast, plain] = [new TalkingPeer(member, 'fast', 'fast'), new TalkingPeer(member, 'plain')];
    member.connecter.piecesLost([], lost);
    assert.deepEqual([fast.refusal, plain.refusal], [null, 'pieces-lost']);
  });
});

describe('a seed’s place', () => {
  it('is not kept by a peer that downloads nothing', () => {
    const member = new Swarm(TORRENT).seed('10.0.0.1');
    const peer = speaker(member, 'peer');
    Object.assign(peer.connection, { locallyInitiated: false });
    assert.equal(member.connecter.leastUseful('external'), undefined);
    const payload = encodeExtensionHandshake({ ...SILENT_HANDSHAKE, uploadOnly: true });
    peer.say({ type: 'extended', id: 0, payload });
    assert.equal(member.connecter.leastUseful('external'), peer.connection);
  });
});
