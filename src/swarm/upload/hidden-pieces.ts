import type { Random } from '../../base/random.js';
import type { PieceIndex } from '../../metainfo/piece-layout.js';
import type { Bitfield } from '../../wire/bitfield.js';

/**
 * The pieces of a super seed that are on offer to no peer. Those that no peer has come first. The order among them is
 * chance, because a peer that holds back a piece must not know which others will miss it.
 *
 * The number of copies changes with every message of a peer, so it is looked up only when a piece is taken. A choice
 * costs the same for any number of pieces, as long as there are pieces that no peer has.
 */
export class HiddenPieces {
  readonly #have: Bitfield;
  readonly #copiesOf: (piece: PieceIndex) => number;
  readonly #random: Random;
  /** Pieces that no peer had when they came here. */
  readonly #rare: PieceIndex[] = [];
  /** Pieces that some peer had when they came here. */
  #spread: PieceIndex[] = [];
  /** The pieces before this one were all with some peer at the last look. */
  #firstMissing = 0;

  /**
   * `have`: the pieces that we have; all of them are hidden at first. `copiesOf` says how many peers have a piece, us
   * not counted.
   */
  constructor(have: Bitfield, copiesOf: (piece: PieceIndex) => number, random: Random) {
    this.#have = have;
    this.#copiesOf = copiesOf;
    this.#random = random;
    // Each number is below the length of the bitfield, so it is the index of a piece.
    for (let piece = 0; piece < have.length; piece += 1) if (have.has(piece)) this.#rare.push(piece as PieceIndex);
  }

  /** Takes a piece that no peer has, any of them. */
  takeMissing(): PieceIndex | undefined {
    while (this.#rare.length > 0) {
      const place = this.#random.below(this.#rare.length);
      const piece = this.#rare[place] as PieceIndex;
      const last = this.#rare.pop() as PieceIndex;
      if (place < this.#rare.length) this.#rare[place] = last;
      if (this.#copiesOf(piece) === 0) return piece;
      this.#spread.push(piece);
    }
    return undefined;
  }

  /** There is a hidden piece that no peer has. */
  get hasMissing(): boolean {
    for (let last = this.#rare.at(-1); last !== undefined; last = this.#rare.at(-1)) {
      if (this.#copiesOf(last) === 0) return true;
      this.#rare.pop();
      this.#spread.push(last);
    }
    return false;
  }

  /** Takes up to `count` pieces that a peer lacks: of those that some peer has, the ones with the fewest copies. */
  takeRarest(lacks: (piece: PieceIndex) => boolean, count: number): PieceIndex[] {
    const fitting = this.#spread.filter(lacks);
    const fewest = fitting.reduce((least, piece) => Math.min(least, this.#copiesOf(piece)), Number.POSITIVE_INFINITY);
    const rarest = fitting.filter((piece) => this.#copiesOf(piece) === fewest);
    const taken = new Set<PieceIndex>();
    const wanted = Math.min(count, rarest.length);
    const begin = wanted === 0 ? 0 : this.#random.below(rarest.length);
    for (let at = 0; at < wanted; at += 1) taken.add(rarest[(begin + at) % rarest.length] as PieceIndex);
    if (taken.size > 0) this.#spread = this.#spread.filter((piece) => !taken.has(piece));
    return [...taken];
  }

  /** The piece is on offer to no peer again. */
  putBack(piece: PieceIndex): void {
    if (this.#copiesOf(piece) === 0) this.#rare.push(piece);
    else this.#spread.push(piece);
  }

  /** Peers have left, or have lost pieces: finds the hidden pieces that no peer has any more. */
  review(): void {
    const missing = this.#spread.filter((piece) => this.#copiesOf(piece) === 0);
    if (missing.length === 0) return;
    this.#rare.push(...missing);
    this.#spread = this.#spread.filter((piece) => this.#copiesOf(piece) > 0);
  }

  /** Every piece that we have is with some other peer too. */
  get areAllSpread(): boolean {
    const { length } = this.#have;
    this.#firstMissing = this.#nextMissing(this.#firstMissing);
    if (this.#firstMissing < length) return false;
    // A piece that was passed over may have lost its last copy since.
    this.#firstMissing = this.#nextMissing(0);
    return this.#firstMissing === length;
  }

  #nextMissing(from: number): number {
    let piece = from;
    while (piece < this.#have.length && !(this.#have.has(piece) && this.#copiesOf(piece as PieceIndex) === 0)) {
      piece += 1;
    }
    return piece;
  }
}
