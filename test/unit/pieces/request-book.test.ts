import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Random } from '../../../src/base/random.js';
import type { BlockSpan } from '../../../src/disk/storage.js';
import { BLOCK_LENGTH, PieceLayout } from '../../../src/metainfo/piece-layout.js';
import { PiecePicker } from '../../../src/pieces/piece-picker.js';
import { RequestBook } from '../../../src/pieces/request-book.js';
import { type Bitfield, fullBitfield } from '../../../src/wire/bitfield.js';
import { bitfieldOf, NO_HASHES, pieceAt } from '../../support/pieces.js';
import { seededRandom } from '../../support/simulation/seeded-random.js';

interface TestPeer {
  readonly name: string;
  readonly has: Bitfield;
}

const LAYOUT = { ...NO_HASHES, pieceLength: 2 * BLOCK_LENGTH };

/** A book over pieces of two blocks each, in order; the last block of the torrent is `lastLength` long. */
class Scene {
  readonly log: string[] = [];
  readonly picker: PiecePicker;
  readonly book: RequestBook<TestPeer>;
  readonly layout: PieceLayout;
  roomLeft = Number.POSITIVE_INFINITY;

  constructor(pieceCount: number, lastLength = BLOCK_LENGTH, onDemand = false) {
    const length = pieceCount * LAYOUT.pieceLength - BLOCK_LENGTH + lastLength;
    this.layout = new PieceLayout({ ...LAYOUT, pieceCount, length });
    this.picker = new PiecePicker(pieceCount, { randomFirst: 0, sequential: true, onDemand }, seededRandom(1));
    this.book = new RequestBook(this.layout, this.picker, {
      openPiece: (piece) => {
        this.log.push(`${this.roomLeft > 0 ? 'open' : 'no room for'} ${piece}`);
        if (this.roomLeft <= 0) return false;
        this.roomLeft -= 1;
        return true;
      },
      resumePiece: (piece) => this.log.push(`resume ${piece}`),
      releasePiece: (piece) => {
        this.log.push(`release ${piece}`);
        this.roomLeft += 1;
      },
      emptyPiece: (piece) => {
        this.log.push(`empty ${piece}`);
      },
    });
  }

  peer(name: string, picture: string): TestPeer {
    const peer = { name, has: bitfieldOf(picture) };
    this.picker.peerJoined(peer.has);
    return peer;
  }

  /** Takes `count` blocks and says which, as 'piece.block'. */
  take(peer: TestPeer, count = 1): string {
    const spans: string[] = [];
    for (let taken = 0; taken < count; taken += 1) {
      const span = this.book.take(peer, peer.has);
      this.book.check();
      spans.push(span === undefined ? '-' : `${span.piece}.${span.begin / BLOCK_LENGTH}`);
    }
    return spans.join(' ');
  }

  /** Takes a piece on parole over from one of `worse`. Returns its first block, and how many blocks were given up. */
  takeOver(peer: TestPeer, ...worse: TestPeer[]): string {
    const taken = this.book.takeOver(peer, peer.has, (_piece, holder) => worse.includes(holder));
    this.book.check();
    if (taken === undefined) return '-';
    return `${taken.span.piece}.${taken.span.begin / BLOCK_LENGTH} for ${taken.givenUp}`;
  }

  span(name: string): BlockSpan {
    const [piece = 0, block = 0] = name.split('.').map(Number);
    const length = this.layout.blockLength(pieceAt(piece), block);
    return { piece: pieceAt(piece), begin: block * BLOCK_LENGTH, length };
  }

  /** A block arrives. Returns the verdict, and the names of the other peers that were asked. */
  arrive(peer: TestPeer, name: string): string {
    const { piece, begin, length } = this.span(name);
    const arrival = this.book.blockCameIn(peer, piece, begin, length);
    this.book.check();
    if (arrival.verdict !== 'wanted') return arrival.verdict;
    assert.deepEqual(arrival.span, { piece, begin, length });
    return ['wanted', ...arrival.alsoAskedOf.map((other) => other.name)].join(' ');
  }

  giveBack(peer: TestPeer, name: string): void {
    const { piece, begin, length } = this.span(name);
    this.book.blockRejected(peer, piece, begin, length);
    this.book.check();
  }

  giveBackAll(peer: TestPeer): void {
    this.book.giveBackAll(peer);
    this.book.check();
  }

  /** Piece `piece` comes in whole from one peer, and its check fails. */
  fail(peer: TestPeer, piece: number): void {
    assert.equal(this.take(peer, 2), `${piece}.0 ${piece}.1`);
    assert.deepEqual([this.arrive(peer, `${piece}.0`), this.arrive(peer, `${piece}.1`)], ['wanted', 'wanted']);
    this.book.restartPiece(pieceAt(piece));
    this.book.check();
  }
}

describe('the request book with deadlines', () => {
  const onDemand = (pieceCount: number): Scene => new Scene(pieceCount, BLOCK_LENGTH, true);
  const due = (scene: Scene, pieces: readonly number[], late: readonly number[] = []): void => {
    scene.picker.setDeadlines(pieces.map(pieceAt), late.map(pieceAt));
  };

  it('leaves a piece that it has begun for one with an earlier deadline', () => {
    const scene = onDemand(4);
    const peer = scene.peer('a', '****');
    due(scene, [1]);
    assert.equal(scene.take(peer), '1.0');
    due(scene, [3, 1]);
    assert.equal(scene.take(peer, 4), '3.0 3.1 1.1 -');
  });

  it('gives back what has no deadline any more, and takes no late answer to it for the begin of a piece', () => {
    const scene = onDemand(4);
    const peer = scene.peer('a', '****');
    due(scene, [0, 1]);
    assert.equal(scene.take(peer, 4), '0.0 0.1 1.0 1.1');
    due(scene, [1, 2]);
    assert.deepEqual(
      scene.book.giveBackUndue(peer),
      ['0.0', '0.1'].map((name) => scene.span(name)),
    );
    assert.equal(scene.log.at(-1), 'release 0');
    assert.equal(scene.arrive(peer, '0.0'), 'duplicate');
    assert.equal(scene.take(peer, 3), '2.0 2.1 -');
    assert.deepEqual(scene.book.giveBackUndue(peer), []);
  });

  it('asks one more peer for a late piece, and nobody twice for what is only due', () => {
    const scene = onDemand(3);
    const [slow, second, third] = [scene.peer('slow', '***'), scene.peer('second', '***'), scene.peer('third', '***')];
    due(scene, [0, 1]);
    assert.equal(scene.take(slow, 2), '0.0 0.1');
    assert.equal(scene.take(second, 3), '1.0 1.1 -');
    due(scene, [0, 1, 2], [0]);
    assert.equal(scene.take(second, 3), '0.0 0.1 2.0');
    // Now nothing else is left to ask for: it is endgame.
    assert.equal(scene.take(third, 2), '2.1 0.0');
    const { piece, begin, length } = scene.span('0.0');
    const arrival = scene.book.blockCameIn(second, piece, begin, length);
    assert.ok(arrival.verdict === 'wanted');
    assert.deepEqual([arrival.laggard?.name, arrival.alsoAskedOf.map(({ name }) => name)], ['slow', ['slow', 'third']]);
    const other = scene.span('0.1');
    const inTime = scene.book.blockCameIn(slow, other.piece, other.begin, other.length);
    assert.ok(inTime.verdict === 'wanted');
    assert.equal(inTime.laggard, null);
  });

  it('asks for the free blocks of a late piece before it asks for any of them twice', () => {
    const scene = onDemand(1);
    const [slow, second] = [scene.peer('slow', '*'), scene.peer('second', '*')];
    due(scene, [0], [0]);
    assert.equal(scene.take(slow), '0.0');
    assert.equal(scene.take(second, 3), '0.1 0.0 -');
  });

  it('asks nobody for a late piece that lacks it, and no second peer when it is on parole', () => {
    const scene = onDemand(2);
    const [holder, liar, poor] = [scene.peer('holder', '**'), scene.peer('liar', '**'), scene.peer('poor', ' *')];
    due(scene, [0, 1]);
    scene.fail(liar, 0);
    assert.equal(scene.take(holder, 2), '0.0 0.1');
    due(scene, [0, 1], [0]);
    assert.equal(scene.take(liar), '1.0');
    scene.book.pieceVerified(pieceAt(0));
    scene.picker.losePiece(pieceAt(0));
    due(scene, [0, 1], [0]);
    assert.equal(scene.take(holder, 2), '0.0 0.1');
    assert.equal(scene.take(poor, 2), '1.1 -');
  });

  it('goes on with a piece on parole that it keeps for a peer, while that has a deadline', () => {
    const scene = onDemand(3);
    const [holder, liar] = [scene.peer('holder', '***'), scene.peer('liar', '***')];
    due(scene, [1]);
    scene.fail(liar, 1);
    assert.equal(scene.take(holder), '1.0');
    due(scene, [0, 1]);
    assert.equal(scene.take(holder, 2), '1.1 0.0');
    assert.equal(scene.takeOver(liar, holder), '1.0 for 0');
    due(scene, [0]);
    assert.equal(scene.takeOver(holder, liar), '-');
  });

  it('asks for no more of a piece that it has begun once that has no deadline', () => {
    const scene = onDemand(1);
    const peer = scene.peer('a', '*');
    due(scene, [0]);
    assert.equal(scene.take(peer), '0.0');
    due(scene, []);
    assert.equal(scene.take(peer), '-');
  });
});

describe('the request book', () => {
  it('asks for each block once, the lowest first, and knows the length of the last one', () => {
    const scene = new Scene(2, 100);
    const peer = scene.peer('a', '**');
    assert.equal(scene.take(peer, 4), '0.0 0.1 1.0 1.1');
    assert.equal(scene.book.take(peer, peer.has), undefined);
    assert.equal(scene.book.howManyAsked(peer), 4);
    assert.equal(scene.arrive(peer, '1.1'), 'wanted');
    assert.equal(scene.book.howManyAsked(peer), 3);
    assert.deepEqual(scene.log, ['open 0', 'open 1']);
  });

  it('gives one peer the rest of a piece that another began, and each peer goes on with its own piece', () => {
    const scene = new Scene(3);
    const [a, b] = [scene.peer('a', '***'), scene.peer('b', ' **')];
    assert.equal(scene.take(a), '0.0');
    assert.equal(scene.take(b), '1.0');
    assert.equal(scene.take(a, 2), '0.1 1.1');
    assert.equal(scene.take(b), '2.0');
  });

  it('calls a block unasked that its sender was not asked for', () => {
    const scene = new Scene(2, 100);
    const [a, b] = [scene.peer('a', '**'), scene.peer('b', '**')];
    assert.equal(scene.arrive(a, '0.0'), 'unasked');
    assert.equal(scene.take(a, 4), '0.0 0.1 1.0 1.1');
    const unasked: [piece: number, begin: number, length: number][] = [
      [2, 0, BLOCK_LENGTH],
      [-1, 0, BLOCK_LENGTH],
      [0.5, 0, BLOCK_LENGTH],
      [0xffffffff, 0, BLOCK_LENGTH],
      [0, 1, BLOCK_LENGTH],
      [0, -BLOCK_LENGTH, BLOCK_LENGTH],
      [0, 2 * BLOCK_LENGTH, BLOCK_LENGTH],
      [0, 0xffffffff, BLOCK_LENGTH],
      [0, 0, BLOCK_LENGTH - 1],
      [0, 0, BLOCK_LENGTH + 1],
      [0, 0, 0],
      [0, 0, 2 * BLOCK_LENGTH],
      [1, BLOCK_LENGTH, BLOCK_LENGTH],
      [1, BLOCK_LENGTH, 99],
    ];
    for (const [piece, begin, length] of unasked) {
      assert.deepEqual(
        scene.book.blockCameIn(a, piece, begin, length),
        { verdict: 'unasked' },
        `${[piece, begin, length]}`,
      );
    }
    assert.equal(scene.arrive(b, '0.0'), 'unasked');
    assert.equal(scene.arrive(a, '0.0'), 'wanted');
    assert.equal(scene.arrive(a, '0.0'), 'unasked');
  });

  it('asks another peer for blocks that are given back, and releases a piece of which nothing is left', () => {
    const scene = new Scene(2);
    const [a, b] = [scene.peer('a', '**'), scene.peer('b', '**')];
    assert.equal(scene.take(a, 2), '0.0 0.1');
    scene.giveBack(a, '0.1');
    scene.giveBack(a, '0.1');
    assert.equal(scene.take(b), '0.1');
    scene.giveBackAll(a);
    scene.giveBackAll(b);
    assert.deepEqual([scene.book.howManyAsked(a), scene.book.howManyAsked(b)], [0, 0]);
    assert.deepEqual(scene.log, ['open 0', 'release 0']);
    assert.equal(scene.picker.isUntouched(pieceAt(0)), true);
  });

  it('keeps a piece of which a block has arrived', () => {
    const scene = new Scene(1);
    const [a, b] = [scene.peer('a', '*'), scene.peer('b', '*')];
    assert.equal(scene.take(a, 2), '0.0 0.1');
    scene.arrive(a, '0.0');
    scene.giveBackAll(a);
    assert.equal(scene.take(b), '0.1');
    assert.equal(scene.arrive(b, '0.1'), 'wanted');
    scene.book.pieceVerified(pieceAt(0));
    scene.book.check();
    assert.equal(scene.book.isInteresting(fullBitfield(1)), false);
    assert.equal(scene.book.isEndgame, false);
    assert.equal(scene.take(b), '-');
    assert.deepEqual(scene.log, ['open 0']);
  });

  it('accepts a late answer to a request that was given back, once', () => {
    const scene = new Scene(2);
    const [a, b] = [scene.peer('a', '**'), scene.peer('b', '* ')];
    assert.equal(scene.take(a, 2), '0.0 0.1');
    scene.giveBackAll(a);
    assert.equal(scene.take(b, 2), '0.0 0.1');
    assert.equal(scene.arrive(a, '0.0'), 'wanted b');
    assert.equal(scene.arrive(a, '0.0'), 'unasked');
    assert.equal(scene.book.howManyAsked(b), 1);
    assert.equal(scene.arrive(b, '0.0'), 'duplicate');
    assert.equal(scene.arrive(b, '0.0'), 'unasked');
    assert.equal(scene.arrive(b, '0.1'), 'wanted');
    scene.book.pieceVerified(pieceAt(0));
    assert.equal(scene.arrive(a, '0.1'), 'duplicate');
  });

  it('accepts one answer to a request that was made, given back and made again', () => {
    const scene = new Scene(1);
    const a = scene.peer('a', '*');
    scene.take(a);
    scene.giveBackAll(a);
    assert.equal(scene.take(a), '0.0');
    assert.deepEqual([scene.arrive(a, '0.0'), scene.arrive(a, '0.0')], ['wanted', 'unasked']);
  });

  it('makes room again for a late answer, if it can', () => {
    const scene = new Scene(1);
    const a = scene.peer('a', '*');
    scene.take(a, 2);
    scene.giveBackAll(a);
    assert.equal(scene.arrive(a, '0.1'), 'wanted');
    scene.roomLeft = 0;
    assert.equal(scene.take(a), '0.0');
    assert.deepEqual(scene.log, ['open 0', 'release 0', 'open 0']);
    const other = new Scene(1);
    const b = other.peer('b', '*');
    other.take(b);
    other.giveBackAll(b);
    other.roomLeft = 0;
    assert.equal(other.arrive(b, '0.0'), 'duplicate');
  });

  it('remembers a bounded number of lapsed requests, the latest ones', () => {
    const scene = new Scene(1_068);
    const a = scene.peer('a', '*'.repeat(1_068));
    scene.take(a, 2_136);
    scene.giveBackAll(a);
    assert.equal(scene.arrive(a, '0.0'), 'unasked');
    assert.equal(scene.arrive(a, '43.1'), 'unasked');
    assert.equal(scene.arrive(a, '44.0'), 'wanted');
  });

  it('while there is no room, asks only for blocks of open pieces', () => {
    const scene = new Scene(3);
    const [a, b] = [scene.peer('a', '***'), scene.peer('b', '***')];
    scene.roomLeft = 1;
    assert.equal(scene.take(a), '0.0');
    assert.equal(scene.take(b, 2), '0.1 -');
    assert.equal(scene.book.isEndgame, false);
    assert.deepEqual(scene.log, ['open 0', 'no room for 1']);
    scene.roomLeft = 1;
    assert.equal(scene.take(b), '1.0');
  });

  it('does not ask for blocks of a piece that is no longer wanted', () => {
    const scene = new Scene(2);
    const a = scene.peer('a', '**');
    assert.equal(scene.take(a), '0.0');
    scene.picker.setWanted(pieceAt(0), false);
    assert.equal(scene.take(a, 3), '1.0 1.1 -');
    assert.equal(scene.arrive(a, '0.0'), 'wanted');
  });

  it('says whether a peer is interesting', () => {
    const scene = new Scene(2);
    scene.book.pieceVerified(pieceAt(0));
    assert.deepEqual(
      [bitfieldOf('* '), bitfieldOf(' *')].map((has) => scene.book.isInteresting(has)),
      [false, true],
    );
  });
});

describe('the request book in endgame', () => {
  it('asks again for blocks that are asked of the fewest peers, and never the same peer twice', () => {
    const scene = new Scene(2, 100);
    const [a, b, c] = [scene.peer('a', '**'), scene.peer('b', '**'), scene.peer('c', '* ')];
    assert.equal(scene.take(a, 3), '0.0 0.1 1.0');
    assert.equal(scene.book.isEndgame, false);
    assert.equal(scene.take(b), '1.1');
    assert.equal(scene.book.isEndgame, true);
    assert.equal(scene.take(c, 3), '0.0 0.1 -');
    assert.equal(scene.take(b, 4), '1.0 0.0 0.1 -');
    assert.equal(scene.take(a, 2), '1.1 -');
    assert.equal(scene.arrive(b, '0.0'), 'wanted a c');
    assert.deepEqual(
      [a, b, c].map((peer) => scene.book.howManyAsked(peer)),
      [3, 3, 1],
    );
    assert.equal(scene.arrive(a, '0.0'), 'duplicate');
    assert.equal(scene.arrive(c, '0.1'), 'wanted a b');
    assert.equal(scene.arrive(c, '0.0'), 'duplicate');
  });

  it('ends when a block is free again, and that block is asked for first', () => {
    const scene = new Scene(1);
    const [a, b] = [scene.peer('a', '*'), scene.peer('b', '*')];
    assert.equal(scene.take(a, 2), '0.0 0.1');
    assert.equal(scene.take(b), '0.0');
    scene.giveBackAll(a);
    assert.equal(scene.book.isEndgame, false);
    assert.equal(scene.take(b), '0.1');
    assert.equal(scene.book.isEndgame, true);
    scene.giveBack(b, '0.0');
    assert.equal(scene.book.isEndgame, false);
    assert.equal(scene.take(a), '0.0');
  });

  it('does not ask for blocks that have arrived', () => {
    const scene = new Scene(1);
    const [a, b] = [scene.peer('a', '*'), scene.peer('b', '*')];
    scene.take(a, 2);
    scene.arrive(a, '0.0');
    assert.equal(scene.take(b, 2), '0.1 -');
    scene.arrive(b, '0.1');
    assert.equal(scene.take(b), '-');
  });

  it('does not wait for pieces that no peer has', () => {
    const scene = new Scene(3);
    const [a, b] = [scene.peer('a', '*  '), scene.peer('b', '*  ')];
    assert.equal(scene.take(a, 2), '0.0 0.1');
    assert.equal(scene.book.isEndgame, true);
    assert.equal(scene.take(b), '0.0');
  });

  it('keeps a block asked for while one of its askers is left', () => {
    const scene = new Scene(1);
    const [a, b, c] = [scene.peer('a', '*'), scene.peer('b', '*'), scene.peer('c', '*')];
    scene.take(a, 2);
    scene.take(b, 2);
    scene.take(c, 2);
    scene.giveBackAll(b);
    assert.equal(scene.book.isEndgame, true);
    scene.giveBackAll(a);
    assert.equal(scene.book.isEndgame, true);
    assert.equal(scene.arrive(c, '0.1'), 'wanted');
    scene.giveBackAll(c);
    assert.equal(scene.book.isEndgame, false);
  });
});

describe('a piece whose check failed', () => {
  it('is asked of one peer alone, the first that takes it', () => {
    const scene = new Scene(2);
    const [a, b, c] = [scene.peer('a', '**'), scene.peer('b', '**'), scene.peer('c', '* ')];
    scene.fail(a, 0);
    assert.equal(scene.take(b), '0.0');
    assert.equal(scene.take(a, 2), '1.0 1.1');
    assert.equal(scene.book.isEndgame, true);
    assert.equal(scene.take(c), '-');
    assert.equal(scene.take(b), '0.1');
    assert.deepEqual([scene.arrive(b, '0.0'), scene.arrive(b, '0.1')], ['wanted', 'wanted']);
    scene.book.pieceVerified(pieceAt(0));
    scene.book.check();
    assert.equal(scene.picker.completeCount, 1);
  });

  it('goes to no other peer while a request to its former holder is open', () => {
    const scene = new Scene(1);
    const [a, b] = [scene.peer('a', '*'), scene.peer('b', '*')];
    scene.fail(a, 0);
    scene.take(a, 2);
    scene.giveBack(a, '0.0');
    assert.deepEqual([scene.take(a), scene.take(b)], ['-', '-']);
    assert.equal(scene.arrive(a, '0.1'), 'wanted');
    assert.equal(scene.take(b), '0.0');
  });

  it('goes to the next peer when its holder gives back what it was asked for', () => {
    const scene = new Scene(1);
    const [a, b] = [scene.peer('a', '*'), scene.peer('b', '*')];
    scene.fail(a, 0);
    assert.equal(scene.take(a, 2), '0.0 0.1');
    assert.equal(scene.arrive(a, '0.0'), 'wanted');
    assert.equal(scene.take(b), '-');
    scene.giveBack(a, '0.1');
    assert.equal(scene.take(b), '0.1');
    assert.equal(scene.take(a), '-');
    assert.equal(scene.arrive(a, '0.1'), 'duplicate');
    assert.equal(scene.arrive(b, '0.1'), 'wanted');
  });

  it('goes to the next peer when its holder is choked between two requests', () => {
    const scene = new Scene(1);
    const [a, b] = [scene.peer('a', '*'), scene.peer('b', '*')];
    scene.fail(a, 0);
    assert.equal(scene.take(a), '0.0');
    assert.equal(scene.arrive(a, '0.0'), 'wanted');
    assert.equal(scene.take(b), '-');
    scene.giveBackAll(a);
    assert.equal(scene.take(b), '0.1');
  });

  it('can be taken over by a better peer, and then begins anew', () => {
    const scene = new Scene(1);
    const [a, b] = [scene.peer('a', '*'), scene.peer('b', '*')];
    scene.fail(a, 0);
    assert.equal(scene.takeOver(b, a), '-', 'nobody holds it');
    assert.equal(scene.take(a, 2), '0.0 0.1');
    assert.equal(scene.arrive(a, '0.1'), 'wanted');
    assert.deepEqual([scene.takeOver(b), scene.takeOver(a, a, b)], ['-', '-']);
    assert.equal(scene.takeOver(b, a), '0.0 for 1');
    assert.deepEqual([scene.book.howManyAsked(a), scene.arrive(a, '0.0')], [0, 'duplicate']);
    assert.deepEqual([scene.take(a), scene.take(b)], ['-', '0.1']);
    assert.deepEqual([scene.arrive(b, '0.1'), scene.arrive(b, '0.0')], ['wanted', 'wanted']);
    assert.equal(scene.takeOver(a, b), '-', 'it is whole');
    assert.equal(scene.log.at(-1), 'empty 0');
  });

  it('is not taken over by a peer that lacks it, or when it is no longer wanted', () => {
    const scene = new Scene(2);
    const [a, b, c] = [scene.peer('a', '**'), scene.peer('b', ' *'), scene.peer('c', '**')];
    scene.fail(a, 0);
    scene.take(a, 2);
    assert.equal(scene.takeOver(b, a), '-');
    scene.picker.setWanted(pieceAt(0), false);
    assert.equal(scene.takeOver(c, a), '-');
  });

  it('is free for others once its holder goes on with another piece or gives it back', () => {
    for (const leave of ['takes another over', 'asks for another', 'gives it back'] as const) {
      const scene = new Scene(2);
      const [a, b, c, d] = [scene.peer('a', '**'), scene.peer('b', '**'), scene.peer('c', '**'), scene.peer('d', ' *')];
      scene.fail(d, 1);
      scene.fail(c, 0);
      assert.deepEqual([scene.take(a), scene.take(b)], ['0.0', '1.0'], leave);
      assert.equal(scene.arrive(a, '0.0'), 'wanted');
      if (leave === 'takes another over') assert.equal(scene.takeOver(a, b), '1.0 for 0');
      else if (leave === 'gives it back') scene.book.giveBackPiece(a, pieceAt(0));
      else {
        scene.book.giveBackAll(b);
        scene.picker.setWanted(pieceAt(0), false);
        assert.equal(scene.take(a), '1.0');
        scene.picker.setWanted(pieceAt(0), true);
      }
      scene.book.check();
      assert.equal(scene.take(c), '0.1', leave);
    }
  });

  it('is like any other once it has passed', () => {
    const scene = new Scene(1);
    const [a, b] = [scene.peer('a', '*'), scene.peer('b', '*')];
    scene.fail(a, 0);
    scene.take(a, 2);
    scene.arrive(a, '0.0');
    scene.arrive(a, '0.1');
    scene.book.pieceVerified(pieceAt(0));
    scene.picker.losePiece(pieceAt(0));
    assert.equal(scene.take(a), '0.0');
    assert.equal(scene.take(b), '0.1');
  });

  it('is like any other once it is known which of its blocks are wrong', () => {
    const scene = new Scene(1);
    const [a, b] = [scene.peer('a', '*'), scene.peer('b', '*')];
    scene.fail(a, 0);
    scene.take(a, 2);
    scene.arrive(a, '0.0');
    scene.arrive(a, '0.1');
    scene.book.loseBlocks(pieceAt(0), [0, 1]);
    scene.book.check();
    assert.equal(scene.take(a), '0.0');
    assert.equal(scene.take(b), '0.1');
  });

  it('accepts a late block from its holder alone', () => {
    const scene = new Scene(1);
    const [a, b] = [scene.peer('a', '*'), scene.peer('b', '*')];
    scene.take(b);
    scene.giveBackAll(b);
    scene.fail(a, 0);
    assert.equal(scene.arrive(b, '0.0'), 'duplicate');
    scene.take(a);
    assert.equal(scene.arrive(a, '0.0'), 'wanted');
  });
});

describe('a piece of which the disk lost blocks', () => {
  it('starts again with any peer, and blocks on the way may still come', () => {
    const scene = new Scene(1);
    const [a, b] = [scene.peer('a', '*'), scene.peer('b', '*')];
    assert.equal(scene.take(a, 2), '0.0 0.1');
    scene.arrive(a, '0.0');
    assert.equal(scene.take(b), '0.1');
    scene.book.dropPiece(pieceAt(0));
    scene.book.check();
    assert.deepEqual([scene.book.howManyAsked(a), scene.book.howManyAsked(b)], [0, 0]);
    assert.equal(scene.take(b), '0.0');
    assert.equal(scene.arrive(a, '0.1'), 'wanted');
    assert.equal(scene.arrive(b, '0.1'), 'duplicate');
    assert.deepEqual(scene.log, ['open 0', 'open 0']);
  });
});

/** A peer that is asked for a constant number of blocks, and that answers them as a test says. */
class Pipeline {
  readonly scene = new Scene(20_000);
  readonly peer = this.scene.peer('peer', '*'.repeat(20_000));
  /** The requests that it has not answered. */
  readonly queue: BlockSpan[] = [];
  answers = 0;

  fill(length: number): void {
    while (this.queue.length < length) this.queue.push(this.scene.book.take(this.peer, this.peer.has) as BlockSpan);
  }

  /** It answers the request at this place of its queue. Returns the requests that now count as dropped. */
  answer(place: number): string[] {
    const [span] = this.queue.splice(place, 1);
    const { piece, begin, length } = span as BlockSpan;
    assert.equal(this.scene.book.blockCameIn(this.peer, piece, begin, length).verdict, 'wanted');
    this.answers += 1;
    return this.scene.book
      .giveBackDropped(this.peer)
      .map((each) => `${each.span.piece}.${each.span.begin / BLOCK_LENGTH}`);
  }
}

describe('a request that a peer without the fast extension drops', () => {
  it('is given back when four answers have come for each open request; a late answer is still accepted', () => {
    const pipeline = new Pipeline();
    const { scene, peer } = pipeline;
    pipeline.fill(200);
    pipeline.queue.splice(150, 1);
    let dropped: string[] = [];
    for (pipeline.fill(199); dropped.length === 0 && pipeline.answers < 2_000; pipeline.fill(199)) {
      dropped = pipeline.answer(0);
    }
    scene.book.check();
    assert.deepEqual(dropped, ['75.0']);
    assert.ok(pipeline.answers >= 4 * 200 - 4 && pipeline.answers < 4 * 200 + 32, `${pipeline.answers}`);
    assert.equal(scene.arrive(peer, '75.0'), 'wanted', 'a late answer is as good as any');
  });

  it('is given back with all overtaken requests, and only after more answers once one came late', () => {
    const answersUntilDropped = (late: number): readonly [string[], number] => {
      const pipeline = new Pipeline();
      pipeline.fill(100);
      // The first request is not answered until this many answers have come.
      for (let count = 0; count < late; count += 1) {
        assert.deepEqual(pipeline.answer(1), []);
        pipeline.fill(100);
      }
      assert.deepEqual(pipeline.answer(0), []);
      pipeline.fill(100);
      pipeline.queue.splice(0, 3);
      const before = pipeline.answers;
      for (;;) {
        pipeline.fill(97);
        const dropped = pipeline.answer(0);
        if (dropped.length > 0) return [dropped, pipeline.answers - before];
        assert.ok(pipeline.answers < 2_000);
      }
    };
    const [[few, soon], [many, later]] = [0, 300].map(answersUntilDropped) as [[string[], number], [string[], number]];
    assert.deepEqual([few.length, many.length], [3, 3]);
    assert.ok(soon < 440 && later >= 500, `${soon} ${later}`);
  });

  it('is none that the peer answers in another order', () => {
    const orders: readonly ((pipeline: Pipeline, random: Random) => readonly number[])[] = [
      // Any request at each turn.
      ({ queue }, random) => [random.below(queue.length)],
      // Each queue in random order; the places are those in the shrinking queue.
      ({ queue }, random) => queue.map((_, done) => random.below(queue.length - done)),
      // Each queue from its end to its beginning.
      ({ queue }) => queue.map((_, done) => queue.length - 1 - done),
    ];
    for (const order of orders) {
      for (const length of [1, 8, 40, 500]) {
        for (let seed = 1; seed <= 5; seed += 1) {
          const pipeline = new Pipeline();
          const random = seededRandom(seed);
          while (pipeline.answers < Math.max(500, 12 * length)) {
            pipeline.fill(length);
            for (const place of order(pipeline, random))
              assert.deepEqual(pipeline.answer(place), [], `${length} ${seed}`);
          }
        }
      }
    }
  });
});
