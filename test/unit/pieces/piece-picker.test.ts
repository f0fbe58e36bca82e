import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PiecePicker, type PiecePickerOptions } from '../../../src/pieces/piece-picker.js';
import { Bitfield, fullBitfield } from '../../../src/wire/bitfield.js';
import { bitfieldOf, pieceAt } from '../../support/pieces.js';
import { seededRandom } from '../../support/simulation/seeded-random.js';

interface Picture {
  /** A digit for each piece: how many peers have it. */
  readonly availability: string;
  /** '*': we have it. 'o': started, with free blocks. 'f': started, every block asked for. '-': not wanted. */
  readonly have?: string;
  readonly seeds?: number;
  readonly options?: Partial<PiecePickerOptions>;
  readonly seed?: number;
}

function picker({ availability, have = '', seeds = 0, options = {}, seed = 1 }: Picture): PiecePicker {
  const count = availability.length;
  const made = new PiecePicker(
    count,
    { randomFirst: 0, sequential: false, onDemand: false, ...options },
    seededRandom(seed),
  );
  for (let peer = 1; peer <= 9; peer += 1) {
    const picture = [...availability].map((digit) => (Number(digit) >= peer ? '*' : ' ')).join('');
    // Peers with no pieces are there too, and one of them became complete by its haves.
    const has = new Bitfield(count);
    made.peerJoined(has);
    for (const [piece, mark] of [...picture].entries()) if (mark === '*') made.gotHave(pieceAt(piece));
  }
  for (let joined = 0; joined < seeds; joined += 1) made.peerJoined(fullBitfield(count));
  for (const [index, mark] of [...have].entries()) {
    const piece = pieceAt(index);
    if (mark === '*') made.completePiece(piece);
    if (mark === 'o' || mark === 'f') made.startPiece(piece);
    if (mark === 'f') made.blocksRanOut(piece);
    if (mark === '-') made.setWanted(piece, false);
  }
  made.check();
  return made;
}

/** The order in which a peer that has `peerHas` gets pieces, each one completed before the next. */
function order(made: PiecePicker, peerHas: Bitfield): number[] {
  const pieces: number[] = [];
  for (;;) {
    const piece = made.next(peerHas);
    if (piece === undefined) return pieces;
    pieces.push(piece);
    made.completePiece(piece);
    made.check();
  }
}

/** The pieces that come first, over many seeds of the random generator. */
function firsts(picture: Picture, peerHas: Bitfield): number[] {
  const seen = new Set<number>();
  for (let seed = 0; seed < 200; seed += 1) {
    const piece = picker({ ...picture, seed }).next(peerHas);
    if (piece !== undefined) seen.add(piece);
  }
  return [...seen].sort((a, b) => a - b);
}

describe('the piece picker', () => {
  it('takes the rarest piece first', () => {
    assert.deepEqual(order(picker({ availability: '5362417' }), fullBitfield(7)), [5, 3, 1, 4, 0, 2, 6]);
  });

  it('chooses among equally rare pieces at random', () => {
    assert.deepEqual(firsts({ availability: '2223333', have: '* * *  ' }, fullBitfield(7)), [1]);
    assert.deepEqual(firsts({ availability: '3223233', have: '  *    ' }, fullBitfield(7)), [1, 4]);
    assert.deepEqual(firsts({ availability: '111', have: '' }, fullBitfield(3)), [0, 1, 2]);
  });

  it('takes only pieces that the peer has', () => {
    assert.deepEqual(order(picker({ availability: '1234567' }), bitfieldOf('  * * *')), [2, 4, 6]);
    assert.deepEqual(order(picker({ availability: '1234567' }), bitfieldOf('       ')), []);
  });

  it('finds the few pieces of a peer among very many that the peer lacks', () => {
    const count = 5000;
    const made = new PiecePicker(count, { randomFirst: 0, sequential: false, onDemand: false }, seededRandom(1));
    const rare = new Bitfield(count);
    for (let piece = 0; piece < count; piece += 1) if (piece % 1000 !== 999) rare.set(piece);
    const few = new Bitfield(count);
    for (let piece = 999; piece < count; piece += 1000) few.set(piece);
    for (const peer of [rare, few, few, few]) made.peerJoined(peer);
    made.gotHave(pieceAt(1999));
    made.gotHave(pieceAt(3999));
    const taken = order(made, few);
    assert.deepEqual(new Set(taken.slice(0, 3)), new Set([999, 2999, 4999]));
    assert.deepEqual(new Set(taken.slice(3)), new Set([1999, 3999]));
  });

  it('takes started pieces with free blocks before untouched ones, the rarest first', () => {
    assert.deepEqual(order(picker({ availability: '1534', have: ' oo ' }), fullBitfield(4)), [2, 1, 0, 3]);
  });

  it('does not offer a started piece of which every block is asked for, until one is free', () => {
    const made = picker({ availability: '12', have: 'ff' });
    assert.equal(made.next(fullBitfield(2)), undefined);
    assert.equal(made.hasSomethingToAskFor, false);
    made.blocksFreed(pieceAt(1));
    made.check();
    assert.equal(made.hasSomethingToAskFor, true);
    assert.equal(made.next(fullBitfield(2)), 1);
  });

  it('takes an abandoned piece for untouched again', () => {
    const made = picker({ availability: '321', have: 'of*' });
    made.abandonPiece(pieceAt(0));
    made.abandonPiece(pieceAt(1));
    made.check();
    assert.deepEqual([made.isUntouched(pieceAt(0)), made.isUntouched(pieceAt(1))], [true, true]);
    assert.deepEqual(order(made, fullBitfield(3)), [1, 0]);
  });

  it('never takes an unwanted piece, and takes it once it is wanted again', () => {
    const made = picker({ availability: '1234', have: '-  o' });
    made.setWanted(pieceAt(3), false);
    made.check();
    assert.deepEqual(
      [0, 1, 2, 3].filter((piece) => made.isWanted(pieceAt(piece))),
      [1, 2],
    );
    assert.deepEqual(order(made, fullBitfield(4)), [1, 2]);
    assert.equal(made.interestingPiece(fullBitfield(4)), undefined);
    made.setWanted(pieceAt(0), true);
    made.setWanted(pieceAt(3), true);
    made.check();
    assert.deepEqual(order(made, fullBitfield(4)), [3, 0]);
  });

  it('takes a lost piece again', () => {
    const made = picker({ availability: '11', have: '**' });
    assert.equal(made.completeCount, 2);
    made.losePiece(pieceAt(1));
    made.check();
    assert.equal(made.completeCount, 1);
    assert.deepEqual(order(made, fullBitfield(2)), [1]);
  });

  it('takes the first pieces at random, and then the rarest', () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 100; seed += 1) {
      const made = picker({ availability: '99991', options: { randomFirst: 2 }, seed });
      const taken = order(made, fullBitfield(5));
      seen.add(`${taken.slice(0, 2)}`);
      if (!taken.slice(0, 2).includes(4)) assert.equal(taken[2], 4);
    }
    assert.ok(seen.size > 10, `${seen.size} different beginnings`);
  });

  it('takes pieces in order when asked to, whatever their availability', () => {
    const made = picker({ availability: '9876543', have: '*     o', options: { sequential: true } });
    assert.deepEqual(order(made, bitfieldOf('** *** ')), [1, 3, 4, 5]);
    assert.deepEqual(order(made, fullBitfield(7)), [6, 2]);
  });

  it('in order, goes back when an earlier piece may be asked for again', () => {
    const made = picker({ availability: '1'.repeat(70), options: { sequential: true } });
    assert.equal(order(made, bitfieldOf('*'.repeat(69).padEnd(70))).length, 69);
    made.losePiece(pieceAt(1));
    made.check();
    assert.deepEqual(order(made, fullBitfield(70)), [1, 69]);
  });

  it('counts seeds apart, and a peer that became complete as it counts a seed', () => {
    const made = new PiecePicker(3, { randomFirst: 0, sequential: false, onDemand: false }, seededRandom(1));
    const grown = bitfieldOf('*  ');
    const counts = (): number[] => [0, 1, 2].map((piece) => made.availability(pieceAt(piece)));
    const log: number[][] = [];
    const step = (action: () => void): void => {
      action();
      made.check();
      log.push(counts());
    };
    step(() => made.peerJoined(fullBitfield(3)));
    step(() => made.peerJoined(grown));
    for (const piece of [1, 2]) {
      step(() => {
        grown.set(piece);
        made.gotHave(pieceAt(piece));
      });
    }
    step(() => made.peerLeft(grown));
    step(() => made.peerLeft(fullBitfield(3)));
    assert.deepEqual(log, [
      [1, 1, 1],
      [2, 1, 1],
      [2, 2, 1],
      [2, 2, 2],
      [1, 1, 1],
      [0, 0, 0],
    ]);
  });

  it('asks a seed for pieces that only seeds have', () => {
    const made = picker({ availability: '1012', seeds: 1 });
    assert.equal(made.next(fullBitfield(4)), 1);
    assert.equal(made.availability(pieceAt(1)), 1);
  });

  it('has nothing to ask for when no peer has a missing piece', () => {
    assert.equal(picker({ availability: '100', have: '*  ' }).hasSomethingToAskFor, false);
    assert.equal(picker({ availability: '100', have: '*  ', seeds: 1 }).hasSomethingToAskFor, true);
    assert.equal(picker({ availability: '101', have: '*  ' }).hasSomethingToAskFor, true);
    assert.equal(picker({ availability: '111', have: '*o*' }).hasSomethingToAskFor, true);
  });

  it('finds a peer interesting for a wanted piece that we lack', () => {
    const made = picker({ availability: '11111', have: '*of- ' });
    const example = (picture: string) => made.interestingPiece(bitfieldOf(picture));
    assert.deepEqual(['*  * ', '**   ', '  *  ', '   **', '     '].map(example), [undefined, 1, 2, 4, undefined]);
  });

  it('takes pieces with deadlines before all others, the earliest first, begun or not', () => {
    const made = picker({ availability: '5555521', have: '   o   ' });
    made.setDeadlines([4, 1, 3].map(pieceAt), []);
    assert.deepEqual(order(made, bitfieldOf('*** ***')), [4, 1, 6, 5, 0, 2]);
    assert.deepEqual(order(made, fullBitfield(7)), [3]);
  });

  it('takes no other piece on demand, and ends with the last deadline that some peer can meet', () => {
    const made = picker({ availability: '1110', have: '*f  ', options: { onDemand: true } });
    assert.deepEqual([made.next(fullBitfield(4)), made.hasSomethingToAskFor], [undefined, false]);
    made.setDeadlines([0, 1, 3].map(pieceAt), []);
    assert.deepEqual([made.next(bitfieldOf('*** ')), made.hasSomethingToAskFor], [undefined, false]);
    made.setDeadlines([2, 1, 0].map(pieceAt), []);
    assert.deepEqual([made.next(fullBitfield(4)), made.hasSomethingToAskFor], [2, true]);
    assert.deepEqual(
      [0, 1, 2, 3].map((piece) => made.isDue(pieceAt(piece))),
      [true, true, true, false],
    );
  });

  it('knows a late piece until it is here', () => {
    const made = picker({ availability: '111', have: '*  ', options: { onDemand: true } });
    made.setDeadlines([0, 1, 2].map(pieceAt), [0, 1].map(pieceAt));
    assert.deepEqual([...made.latePieces], [1]);
    assert.deepEqual(
      [1, 2].map((piece) => made.mayRepeat(pieceAt(piece))),
      [true, false],
    );
    made.completePiece(pieceAt(1));
    assert.deepEqual([...made.latePieces], []);
  });

  it('gives a source of long runs the run at the earliest deadline', () => {
    const made = picker({ availability: '1111111', options: { onDemand: true } });
    assert.equal(made.nextRun(fullBitfield(7), 'longest'), undefined);
    made.setDeadlines([4, 5, 1, 2, 6].map(pieceAt), []);
    assert.deepEqual(made.nextRun(fullBitfield(7), 'longest'), { begin: 4, length: 3 });
    assert.deepEqual(made.nextRun(bitfieldOf('**** * '), 'longest'), { begin: 5, length: 1 });
    made.startPiece(pieceAt(2));
    assert.equal(made.nextOpen(fullBitfield(7)), 2);
    made.setDeadlines([1].map(pieceAt), []);
    assert.equal(made.nextOpen(fullBitfield(7)), undefined);
  });

  it('throws when it is told something impossible', () => {
    const made = picker({ availability: '000', have: '*o ' });
    for (const wrong of [
      () => made.startPiece(pieceAt(0)),
      () => made.startPiece(pieceAt(1)),
      () => made.blocksFreed(pieceAt(1)),
      () => made.blocksRanOut(pieceAt(2)),
      () => made.abandonPiece(pieceAt(2)),
      () => made.losePiece(pieceAt(2)),
      () => made.peerLeft(bitfieldOf(' * ')),
      () => made.peerLeft(fullBitfield(3)),
    ]) {
      assert.throws(wrong, /piece \d/);
    }
  });

  it('accepts a torrent without pieces', () => {
    const made = picker({ availability: '' });
    made.peerJoined(new Bitfield(0));
    assert.equal(made.next(new Bitfield(0)), undefined);
    assert.equal(made.interestingPiece(new Bitfield(0)), undefined);
  });
});
