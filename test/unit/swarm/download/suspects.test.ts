/** What a Downloader makes of pieces that fail, of torrents with hash trees and with padding. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BLOCK_LENGTH } from '../../../../src/metainfo/piece-layout.js';
import { HonestLeaves } from '../../../support/fakes/honest-leaves.js';
import { TalkingPeer } from '../../../support/fakes/talking-peer.js';
import { type SampleTorrent, sampleTorrent } from '../../../support/sample-torrent.js';
import { v2Torrent } from '../../../support/v2-torrent.js';
import { Swarm } from '../../../support/worlds/swarm.js';
import type { SwarmMember } from '../../../support/worlds/swarm-member.js';

const PIECE = 4 * BLOCK_LENGTH;
/** One piece of four blocks. */
const FOUR = v2Torrent([{ path: 'file', length: PIECE }], PIECE, '2');
/** A piece of four blocks, and one of a block and ten bytes, of which a hybrid has two more blocks of padding. */
const FILES = [
  { path: 'top/a', length: PIECE },
  { path: 'top/b', length: BLOCK_LENGTH + 10 },
];
const HYBRID = v2Torrent(FILES, PIECE, 'hybrid');
const V2 = v2Torrent(FILES, PIECE, '2');
/** The middle one of its three pieces is padding, and so are the last three blocks of the third. */
const PADDED = sampleTorrent(
  [
    { path: 'top/a', length: PIECE },
    { path: 'top/.pad/1', length: PIECE, padding: true },
    { path: 'top/b', length: BLOCK_LENGTH - 1 },
    { path: 'top/.pad/2', length: 3 * BLOCK_LENGTH + 1, padding: true },
  ],
  PIECE,
);

class Leeching {
  readonly torrent: SampleTorrent;
  readonly swarm: Swarm;
  readonly member: SwarmMember;
  readonly leaves: HonestLeaves;

  /** Questions for leaves are answered after a second. In endgame nobody is asked twice. */
  constructor(torrent: SampleTorrent, gives = true) {
    this.torrent = torrent;
    this.swarm = new Swarm(torrent);
    this.leaves = new HonestLeaves(
      torrent,
      this.swarm.timeline,
      () => 1_000,
      () => gives,
    );
    this.member = this.swarm.member('10.0.0.1', { leaves: this.leaves, download: { endgameBacklog: 0 } });
  }

  /** A peer that has every piece. */
  peer(name: string): TalkingPeer {
    const peer = new TalkingPeer(this.member, name);
    peer.has('*'.repeat(this.torrent.layout.pieceCount));
    peer.say({ type: 'unchoke' });
    return peer;
  }

  /** The peer sends a block with `wrong` in its first byte, or in the byte with this number. */
  lie(peer: TalkingPeer, piece: number, block: number, at = 0): void {
    const begin = block * BLOCK_LENGTH;
    const length = this.torrent.layout.blockLength(this.torrent.piece(piece), block);
    const data = Buffer.from(this.torrent.bytesOf(piece).subarray(begin, begin + length));
    data.fill((data[at] as number) ^ 1, at, at + 1);
    peer.say({ type: 'piece', piece, begin, block: data });
  }

  deliver(peer: TalkingPeer, piece: number, ...blocks: number[]): void {
    for (const block of blocks) {
      const begin = block * BLOCK_LENGTH;
      const length = this.torrent.layout.blockLength(this.torrent.piece(piece), block);
      peer.say({ type: 'piece', piece, begin, block: this.torrent.bytesOf(piece).subarray(begin, begin + length) });
    }
  }

  run(span: number): void {
    this.swarm.timeline.run(span);
    this.member.check();
  }
}

/** What a peer was asked for, such as '0:3'. */
function requests(peer: TalkingPeer): string[] {
  const words = peer.heard().flatMap((line) => line.split(', '));
  return words
    .filter((word) => word.startsWith('request'))
    .map((word) => {
      const [piece, begin] = word.slice('request '.length).split(/[:+]/).map(Number);
      return `${piece}:${(begin ?? 0) / BLOCK_LENGTH}`;
    });
}

/** Two peers that were asked for two blocks each of the only piece. */
function shared(leeching: Leeching): [TalkingPeer, TalkingPeer] {
  const first = leeching.peer('first');
  assert.deepEqual(requests(first), ['0:0', '0:1', '0:2', '0:3']);
  leeching.deliver(first, 0, 0, 1);
  first.say({ type: 'choke' });
  const second = leeching.peer('second');
  assert.deepEqual(requests(second), ['0:2', '0:3']);
  return [first, second];
}

describe('a piece that fails in a torrent with hash trees', () => {
  it('costs the sender of its wrong block its connection, and us that block', () => {
    const leeching = new Leeching(FOUR);
    const { member } = leeching;
    const [first, second] = shared(leeching);
    leeching.lie(second, 0, 2);
    leeching.deliver(second, 0, 3);
    first.say({ type: 'unchoke' });
    leeching.run(999);
    assert.deepEqual(leeching.leaves.asked, [0]);
    assert.deepEqual(
      [requests(first), member.banned, member.downloader.wasted],
      [[], [], 0],
      'it waits for the leaves',
    );
    leeching.run(1);
    assert.deepEqual(member.banned, [second.connection]);
    assert.deepEqual(member.evidence, [{ kind: 'wrong-block', piece: 0, block: 2 }]);
    assert.equal(member.downloader.wasted, BLOCK_LENGTH);
    assert.deepEqual(requests(first), ['0:2'], 'the block is asked of another peer, and nothing else');
    leeching.deliver(first, 0, 2);
    leeching.run(100);
    assert.ok(member.isDone);
    assert.deepEqual(member.banned, [second.connection]);
    assert.equal(member.downloader.wasted, BLOCK_LENGTH);
  });

  it('shows every liar, each once', () => {
    const leeching = new Leeching(FOUR);
    const first = leeching.peer('first');
    requests(first);
    leeching.lie(first, 0, 0);
    leeching.lie(first, 0, 1);
    first.say({ type: 'choke' });
    const second = leeching.peer('second');
    leeching.deliver(second, 0, 2);
    leeching.lie(second, 0, 3);
    leeching.run(1_000);
    assert.deepEqual(leeching.member.banned, [first.connection, second.connection]);
    assert.equal(leeching.member.downloader.wasted, 3 * BLOCK_LENGTH);
    const third = leeching.peer('third');
    assert.deepEqual(requests(third), ['0:0', '0:1', '0:3']);
    leeching.deliver(third, 0, 0, 1, 3);
    leeching.run(100);
    assert.ok(leeching.member.isDone);
  });

  it('bans its only sender at once, and keeps the right blocks', () => {
    const leeching = new Leeching(FOUR);
    const liar = leeching.peer('liar');
    requests(liar);
    leeching.deliver(liar, 0, 0, 1, 2);
    leeching.lie(liar, 0, 3);
    leeching.run(1);
    assert.deepEqual(leeching.member.banned, [liar.connection]);
    assert.deepEqual(leeching.member.evidence, [{ kind: 'wrong-piece', piece: 0 }]);
    const other = leeching.peer('other');
    assert.deepEqual(requests(other), []);
    leeching.run(1_000);
    assert.deepEqual(requests(other), ['0:3']);
    assert.equal(leeching.member.downloader.wasted, BLOCK_LENGTH);
    assert.deepEqual(leeching.member.banned, [liar.connection], 'nobody is banned twice');
  });

  it('asks for no leaves when the piece is a single block', () => {
    const leeching = new Leeching(v2Torrent([{ path: 'file', length: 100 }], PIECE, '2'));
    const liar = leeching.peer('liar');
    requests(liar);
    leeching.lie(liar, 0, 0);
    leeching.run(1);
    assert.deepEqual(leeching.leaves.asked, []);
    assert.deepEqual(leeching.member.evidence, [{ kind: 'wrong-block', piece: 0, block: 0 }]);
    assert.equal(leeching.member.downloader.wasted, 100);
    assert.deepEqual(requests(leeching.peer('other')), ['0:0']);
  });

  it('goes the way of version 1 when nobody gives the leaves', () => {
    const leeching = new Leeching(FOUR, false);
    const { member } = leeching;
    const [first, second] = shared(leeching);
    leeching.lie(second, 0, 2);
    leeching.deliver(second, 0, 3);
    leeching.run(1_000);
    assert.deepEqual([member.banned, member.downloader.wasted], [[], PIECE]);
    assert.deepEqual(member.log, ['piece 0 is suspect', 'piece 0 failed']);
    first.say({ type: 'unchoke' });
    second.say({ type: 'choke' });
    leeching.run(1);
    assert.deepEqual(requests(first), ['0:0', '0:1', '0:2', '0:3']);
    leeching.deliver(first, 0, 0, 1, 2, 3);
    leeching.run(100);
    assert.deepEqual(member.banned, [second.connection], 'the right piece shows who lied');
  });

  it('is judged also when all peers are gone, and not any more when the torrent ends', () => {
    const alone = new Leeching(FOUR);
    for (const peer of shared(alone)) {
      alone.lie(peer, 0, 2);
      alone.deliver(peer, 0, 3);
      peer.hangUp();
    }
    alone.run(1_000);
    assert.deepEqual(requests(alone.peer('late')), ['0:2']);

    const ended = new Leeching(FOUR);
    const [, second] = shared(ended);
    ended.lie(second, 0, 2);
    ended.deliver(second, 0, 3);
    ended.run(1);
    ended.member.stop();
    assert.equal(ended.leaves.cancelled, 1);
    ended.swarm.timeline.run(60_000);
    assert.deepEqual(ended.member.banned, []);
    assert.equal(ended.swarm.timeline.pending, 0);
  });

  it('makes nobody guilty of blocks of an earlier run, and loses only the wrong ones', () => {
    const leeching = new Leeching(FOUR);
    const { member } = leeching;
    const piece = FOUR.piece(0);
    member.storage.writeBlock(piece, 0, FOUR.bytesOf(0).subarray(0, BLOCK_LENGTH), () => undefined);
    member.storage.writeBlock(piece, BLOCK_LENGTH, Buffer.alloc(BLOCK_LENGTH), () => undefined);
    member.downloader.resumePiece(piece, [0, 1]);
    const peer = leeching.peer('peer');
    assert.deepEqual(requests(peer), ['0:2', '0:3']);
    leeching.deliver(peer, 0, 2, 3);
    leeching.run(1_100);
    assert.deepEqual(requests(peer), ['0:1']);
    assert.deepEqual([member.banned, member.downloader.wasted], [[], 0]);
    leeching.deliver(peer, 0, 1);
    leeching.run(100);
    assert.ok(member.isDone);
  });

  it('is let go when the disk loses it meanwhile', () => {
    const leeching = new Leeching(FOUR);
    const { member } = leeching;
    const piece = FOUR.piece(0);
    member.downloader.resumePiece(piece, [0]);
    const peer = leeching.peer('peer');
    requests(peer);
    leeching.deliver(peer, 0, 1, 2, 3);
    leeching.run(100);
    assert.deepEqual(leeching.leaves.asked, [0]);
    assert.deepEqual(requests(peer), []);
    member.wrapper.doubt([piece]);
    assert.equal(leeching.leaves.cancelled, 1);
    leeching.run(5_000);
    assert.deepEqual(requests(peer), ['0:0', '0:1', '0:2', '0:3'], 'the piece begins anew');
    assert.deepEqual(member.banned, []);
  });
});

describe('padding', () => {
  for (const [name, torrent, asked] of [
    ['a hybrid', HYBRID, ['0:0', '0:1', '0:2', '0:3', '1:0', '1:1']],
    ['version 2', V2, ['0:0', '0:1', '0:2', '0:3', '1:0', '1:1']],
    ['version 1', PADDED, ['0:0', '0:1', '0:2', '0:3', '2:0']],
  ] as const) {
    it(`is never asked for (${name})`, () => {
      const leeching = new Leeching(torrent);
      const peer = leeching.peer('peer');
      const told = requests(peer);
      assert.deepEqual([...told].sort(), asked);
      for (const word of told) {
        const [piece, block] = word.split(':').map(Number);
        leeching.deliver(peer, piece ?? 0, block ?? 0);
      }
      leeching.run(1_000);
      assert.ok(leeching.member.isDone);
      assert.equal(leeching.member.downloader.wasted, 0);
      assert.deepEqual(leeching.member.storage.contents(), torrent.content);
      const length = asked.length * BLOCK_LENGTH - (torrent === V2 ? BLOCK_LENGTH - 10 : 0);
      assert.equal(leeching.member.downloader.total, length);
    });
  }

  it('is begun without any peer when a piece is nothing else', () => {
    const leeching = new Leeching(PADDED);
    leeching.member.downloader.beginPadding(PADDED.piece(1));
    leeching.run(100);
    assert.ok(leeching.member.wrapper.have.has(1));
    assert.deepEqual(leeching.swarm.timeline.pending, 0);
  });

  it('gives a liar no hold: neither does the piece fail, nor is anybody banned', () => {
    const leeching = new Leeching(HYBRID);
    const liar = leeching.peer('liar');
    requests(liar);
    leeching.deliver(liar, 0, 0, 1, 2, 3);
    leeching.deliver(liar, 1, 0);
    leeching.lie(liar, 1, 1, 10);
    leeching.run(100);
    assert.ok(leeching.member.isDone);
    assert.deepEqual(leeching.member.banned, []);
    assert.deepEqual(leeching.member.storage.contents(), HYBRID.content);
  });

  it('is junk when a peer sends it unasked', () => {
    const leeching = new Leeching(HYBRID);
    const peer = leeching.peer('peer');
    leeching.deliver(peer, 1, 2);
    assert.equal(leeching.member.downloader.total, 0);
    assert.equal(leeching.member.downloader.wasted, BLOCK_LENGTH);
    leeching.run(100);
  });

  it('does not count as wasted when its piece fails', () => {
    const leeching = new Leeching(PADDED);
    const liar = leeching.peer('liar');
    requests(liar);
    leeching.lie(liar, 2, 0);
    leeching.run(100);
    assert.deepEqual(leeching.member.banned, [liar.connection]);
    assert.equal(leeching.member.downloader.wasted, BLOCK_LENGTH);
  });
});
