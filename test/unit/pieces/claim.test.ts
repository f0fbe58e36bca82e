/** What a RequestBook gives to a source of long runs. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BLOCK_LENGTH, type PieceIndex } from '../../../src/metainfo/piece-layout.js';
import { DEFAULT_PIECE_PICKER_OPTIONS, PiecePicker } from '../../../src/pieces/piece-picker.js';
import { RequestBook } from '../../../src/pieces/request-book.js';
import { type RunChoice, UntouchedPieces } from '../../../src/pieces/untouched-pieces.js';
import { Bitfield, fullBitfield } from '../../../src/wire/bitfield.js';
import { sampleTorrent } from '../../support/sample-torrent.js';
import { seededRandom } from '../../support/simulation/seeded-random.js';

const PIECE = 2 * BLOCK_LENGTH;
const COUNT = 70;
const { layout } = sampleTorrent([{ path: 'file', length: COUNT * PIECE }], PIECE);
const ALL = fullBitfield(COUNT);

class Book {
  readonly rooms = new Set<PieceIndex>();
  readonly picker: PiecePicker;
  readonly book: RequestBook<object>;
  hasRoom = true;

  constructor(sequential = false) {
    this.picker = new PiecePicker(COUNT, { ...DEFAULT_PIECE_PICKER_OPTIONS, sequential }, seededRandom(1));
    this.picker.peerJoined(ALL);
    this.book = new RequestBook<object>(layout, this.picker, {
      openPiece: (piece) => {
        if (this.hasRoom) this.rooms.add(piece);
        return this.hasRoom;
      },
      resumePiece: (piece) => this.rooms.add(piece),
      releasePiece: (piece) => assert.ok(this.rooms.delete(piece), `piece ${piece} had no room`),
      emptyPiece: () => undefined,
    });
  }

  piece(index: number): PieceIndex {
    return layout.pieceIndex(index) ?? assert.fail();
  }

  /** The pieces of a claim of so many pieces. */
  claim(asker: object, pieces: number, has = ALL, choice: RunChoice = 'longest'): number[] {
    const claimed = [...new Set(this.book.claim(asker, has, pieces * PIECE, choice).map(({ piece }) => piece))];
    this.book.check();
    return claimed;
  }

  have(...pieces: readonly number[]): void {
    for (const piece of pieces) this.picker.completePiece(this.piece(piece));
  }
}

describe('a claim', () => {
  it('is the begin of the longest run that nobody has begun, or of the first one in order', () => {
    const some = new Book();
    some.have(10, 50);
    assert.deepEqual(some.claim({}, 3), [11, 12, 13]);
    assert.deepEqual(some.claim({}, 2, ALL, 'first'), [0, 1]);
    const ordered = new Book(true);
    ordered.have(0, 5);
    assert.deepEqual(ordered.claim({}, 9), [1, 2, 3, 4]);
  });

  it('takes no room before it is asked to, and gives none back that it did not take', () => {
    const world = new Book();
    const asker = {};
    const [first, second] = world.claim(asker, 4).map((index) => world.piece(index)) as [PieceIndex, PieceIndex];
    assert.equal(world.rooms.size, 0);
    world.hasRoom = false;
    assert.equal(world.book.makeRoom(first), false);
    world.hasRoom = true;
    assert.ok(world.book.makeRoom(first) && world.book.makeRoom(first));
    assert.deepEqual([...world.rooms], [first]);
    assert.equal(world.book.blockCameIn(asker, first, 0, BLOCK_LENGTH).verdict, 'wanted');
    world.book.giveBackPiece(asker, second);
    assert.ok(world.picker.isUntouched(second));
    world.book.giveBackAll(asker);
    world.book.check();
    assert.deepEqual([...world.rooms], [first]);
    assert.ok(world.picker.isOffered(first));
  });

  it('is left alone by peers until nothing else is to be asked for, and then gets room for them', () => {
    const world = new Book();
    const [seed, peer] = [{}, {}];
    const claimed = new Set(world.claim(seed, 40));
    for (let count = 0; count < 2 * (COUNT - 40); count += 1) {
      const span = world.book.take(peer, ALL);
      assert.ok(span !== undefined && !claimed.has(span.piece));
    }
    assert.ok(world.book.isEndgame);
    const again = world.book.take(peer, ALL);
    assert.ok(again !== undefined && claimed.has(again.piece) && world.rooms.has(again.piece));
    const arrival = world.book.blockCameIn(peer, again.piece, again.begin, again.length);
    assert.deepEqual(arrival.verdict === 'wanted' && arrival.alsoAskedOf, [seed]);
    world.book.check();
  });

  it('is the free blocks of an open piece when no piece is untouched', () => {
    const world = new Book();
    world.have(...Array.from({ length: COUNT - 1 }, (_, index) => index));
    const [peer, seed] = [{}, {}];
    assert.equal(world.book.take(peer, ALL)?.begin, 0);
    assert.deepEqual(
      world.book.claim(seed, ALL, PIECE, 'longest').map(({ begin }) => begin),
      [BLOCK_LENGTH],
    );
    assert.deepEqual(world.claim(seed, 1), []);
  });
});

it('the longest run is that of a plain search, for any pieces', () => {
  for (let seed = 0; seed < 300; seed += 1) {
    const random = seededRandom(seed);
    const length = 1 + random.below(150);
    const untouched = new UntouchedPieces(length, random);
    const has = new Bitfield(length);
    const share = 1 + random.below(20);
    const bits = Array.from({ length }, (_, piece) => {
      if (random.below(share) === 0) untouched.remove(piece as PieceIndex);
      if (random.below(40) !== 0) has.set(piece);
      return untouched.has(piece as PieceIndex) && has.has(piece) ? '1' : '0';
    }).join('');
    const runs = [...bits.matchAll(/1+/g)].map(({ 0: run, index }) => ({ begin: index, length: run.length }));
    const longest = runs.reduce<(typeof runs)[0] | undefined>(
      (best, run) => (run.length > (best?.length ?? 0) ? run : best),
      undefined,
    );
    assert.deepEqual(untouched.run(has, 'longest'), longest, bits);
    assert.deepEqual(untouched.run(has, 'first'), runs[0], bits);
  }
});
