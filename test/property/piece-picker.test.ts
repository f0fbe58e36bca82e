import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PiecePicker } from '../../src/pieces/piece-picker.js';
import { Bitfield, fullBitfield } from '../../src/wire/bitfield.js';
import { pieceAt } from '../support/pieces.js';
import { seededRandom } from '../support/simulation/seeded-random.js';

const PIECES = 40;

type State = 'untouched' | 'open' | 'full' | 'had';

/** The picker, and the same facts kept in the plainest way to compare with. */
class Pair {
  readonly picker: PiecePicker;
  readonly peers: Bitfield[] = [];
  readonly states: State[] = new Array<State>(PIECES).fill('untouched');
  readonly wanted: boolean[] = new Array<boolean>(PIECES).fill(true);
  readonly #sequential: boolean;
  readonly #randomFirst: number;

  constructor(sequential: boolean, randomFirst: number, seed: number) {
    this.#sequential = sequential;
    this.#randomFirst = randomFirst;
    this.picker = new PiecePicker(PIECES, { sequential, randomFirst, onDemand: false }, seededRandom(seed));
  }

  change(piece: number, from: State, to: State, action: () => void): void {
    if (this.states[piece] !== from) return;
    action();
    this.states[piece] = to;
  }

  availability(piece: number): number {
    return this.peers.filter((has) => has.has(piece)).length;
  }

  /** Every piece that `next` may return; empty when it must return undefined. */
  candidates(has: Bitfield): number[] {
    const of = (state: State): number[] =>
      this.states.flatMap((each, piece) => (each === state && this.wanted[piece] && has.has(piece) ? [piece] : []));
    const open = of('open');
    const pieces = open.length > 0 ? open : of('untouched');
    if (this.#sequential) return pieces.slice(0, 1);
    const random = open.length === 0 && this.states.filter((state) => state === 'had').length < this.#randomFirst;
    if (random) return pieces;
    const rarest = Math.min(...pieces.map((piece) => this.availability(piece)));
    return pieces.filter((piece) => this.availability(piece) === rarest);
  }

  check(): void {
    this.picker.check();
    const missing = (piece: number): boolean => this.wanted[piece] === true && this.states[piece] !== 'had';
    for (let piece = 0; piece < PIECES; piece += 1) {
      assert.equal(this.picker.availability(pieceAt(piece)), this.availability(piece));
      assert.equal(this.picker.isWanted(pieceAt(piece)), this.wanted[piece]);
      const one = new Bitfield(PIECES);
      one.set(piece);
      assert.equal(this.picker.interestingPiece(one), missing(piece) ? piece : undefined);
    }
    assert.equal(this.picker.completeCount, this.states.filter((state) => state === 'had').length);
    assert.equal(
      this.picker.hasSomethingToAskFor,
      this.states.some(
        (state, piece) =>
          this.wanted[piece] && (state === 'open' || (state === 'untouched' && this.availability(piece) > 0)),
      ),
    );
    for (const has of this.peers) {
      const expected = this.candidates(has);
      const piece = this.picker.next(has);
      if (expected.length === 0) assert.equal(piece, undefined);
      else assert.ok(piece !== undefined && expected.includes(piece), `${piece} is none of ${expected}`);
      const interesting = this.states.findIndex((_, each) => missing(each) && has.has(each));
      assert.equal(this.picker.interestingPiece(has), interesting < 0 ? undefined : interesting);
    }
  }
}

type Step = (pair: Pair) => void;

const piece = fc.nat(PIECES - 1);
const on = (make: (pair: Pair, index: number) => void) =>
  piece.map(
    (index): Step =>
      (pair) =>
        make(pair, index),
  );

const join = fc.oneof(fc.constant(PIECES), fc.nat(PIECES), fc.constant(0)).chain((size) =>
  fc.uniqueArray(piece, { minLength: size, maxLength: size }).map(
    (pieces): Step =>
      (pair) => {
        const has = size === PIECES ? fullBitfield(PIECES) : new Bitfield(PIECES);
        for (const index of pieces) has.set(index);
        pair.picker.peerJoined(has);
        pair.peers.push(has);
      },
  ),
);
const leave = fc.nat().map(
  (choice): Step =>
    (pair) => {
      const [has] = pair.peers.splice(choice % Math.max(1, pair.peers.length), 1);
      if (has !== undefined) pair.picker.peerLeft(has);
    },
);
const have = fc.tuple(fc.nat(), piece).map(
  ([choice, index]): Step =>
    (pair) => {
      const has = pair.peers[choice % Math.max(1, pair.peers.length)];
      if (has?.set(index)) pair.picker.gotHave(pieceAt(index));
    },
);
const grow = fc.nat().map(
  (choice): Step =>
    (pair) => {
      const has = pair.peers[choice % Math.max(1, pair.peers.length)];
      for (let index = 0; index < PIECES; index += 1) if (has?.set(index)) pair.picker.gotHave(pieceAt(index));
    },
);
const step = fc.oneof(
  { weight: 3, arbitrary: join },
  { weight: 2, arbitrary: leave },
  { weight: 4, arbitrary: have },
  { weight: 1, arbitrary: grow },
  on((pair, index) => {
    pair.wanted[index] = !pair.wanted[index];
    pair.picker.setWanted(pieceAt(index), pair.wanted[index]);
  }),
  on((pair, index) => pair.change(index, 'untouched', 'open', () => pair.picker.startPiece(pieceAt(index)))),
  on((pair, index) => pair.change(index, 'open', 'full', () => pair.picker.blocksRanOut(pieceAt(index)))),
  on((pair, index) => pair.change(index, 'full', 'open', () => pair.picker.blocksFreed(pieceAt(index)))),
  on((pair, index) => pair.change(index, 'full', 'untouched', () => pair.picker.abandonPiece(pieceAt(index)))),
  on((pair, index) => pair.change(index, 'open', 'untouched', () => pair.picker.abandonPiece(pieceAt(index)))),
  on((pair, index) => pair.change(index, 'had', 'untouched', () => pair.picker.losePiece(pieceAt(index)))),
  on((pair, index) => {
    pair.picker.completePiece(pieceAt(index));
    pair.states[index] = 'had';
  }),
);

describe('the piece picker, whatever happens', () => {
  it('agrees with plain book-keeping after every step', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 80, size: 'max' }),
        fc.boolean(),
        fc.constantFrom(0, 3),
        fc.nat(),
        (steps, sequential, randomFirst, seed) => {
          const pair = new Pair(sequential, randomFirst, seed);
          for (const action of steps) {
            action(pair);
            pair.check();
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});
