import type { PieceIndex } from '../metainfo/piece-layout.js';
import type { Bitfield } from '../wire/bitfield.js';

const NOWHERE = -1;

/**
 * Counts how many peers have each piece (its availability), and sorts the pieces that may be chosen by that number:
 * bucket k holds the pieces that k peers have. When a count changes by one, the piece moves in constant time. The order
 * within a bucket means nothing.
 */
export class AvailabilityBuckets {
  readonly #counts: Uint32Array;
  /** Where a piece stands in its bucket, or NOWHERE when it may not be chosen. */
  readonly #places: Int32Array;
  #buckets: PieceIndex[][] = [[]];
  #size: number;
  /** The buckets from 1 up to, not including, this one are empty. At least 1. */
  #low = 1;

  /** At first no peer has any piece, and all pieces may be chosen. */
  constructor(pieceCount: number) {
    this.#counts = new Uint32Array(pieceCount);
    this.#places = new Int32Array(pieceCount);
    this.#size = pieceCount;
    // The number is below the piece count, so it is the index of a piece.
    for (let piece = 0; piece < pieceCount; piece += 1) this.#append(piece as PieceIndex, 0);
  }

  /** How many pieces stand in a bucket. */
  get size(): number {
    return this.#size;
  }

  /** How many buckets there are; every piece stands in a bucket with a lower number. */
  get bucketCount(): number {
    return this.#buckets.length;
  }

  /** The lowest bucket from 1 on that holds a piece, or `bucketCount` when none of them does. */
  get lowestAboveZero(): number {
    while (this.#low < this.#buckets.length && this.bucket(this.#low).length === 0) this.#low += 1;
    return this.#low;
  }

  bucket(count: number): readonly PieceIndex[] {
    return this.#buckets[count] ?? [];
  }

  countOf(piece: PieceIndex): number {
    return this.#counts[piece] as number;
  }

  holds(piece: PieceIndex): boolean {
    return this.#places[piece] !== NOWHERE;
  }

  insert(piece: PieceIndex): void {
    if (this.holds(piece)) throw new Error(`piece ${piece} stands in a bucket already`);
    this.#append(piece, this.countOf(piece));
    this.#size += 1;
  }

  remove(piece: PieceIndex): void {
    if (!this.holds(piece)) throw new Error(`piece ${piece} stands in no bucket`);
    this.#takeOut(piece, this.countOf(piece));
    this.#places[piece] = NOWHERE;
    this.#size -= 1;
  }

  increment(piece: PieceIndex): void {
    const count = this.countOf(piece);
    this.#counts[piece] = count + 1;
    if (this.holds(piece)) this.#move(piece, count, count + 1);
  }

  decrement(piece: PieceIndex): void {
    const count = this.countOf(piece);
    if (count === 0) throw new Error(`no peer has piece ${piece}`);
    this.#counts[piece] = count - 1;
    if (this.holds(piece)) this.#move(piece, count, count - 1);
  }

  /** Lowers every count by one: the buckets keep their pieces and move down by one. */
  decrementAll(): void {
    for (let piece = 0; piece < this.#counts.length; piece += 1) {
      if (this.#counts[piece] === 0) throw new Error(`no peer has piece ${piece}`);
      this.#counts[piece] = (this.#counts[piece] as number) - 1;
    }
    this.#buckets.shift();
    if (this.#buckets.length === 0) this.#buckets.push([]);
    this.#low = 1;
  }

  /** Throws when an invariant is broken. For tests. */
  check(): void {
    let standing = 0;
    for (const [count, bucket] of this.#buckets.entries()) {
      if (count > 0 && count < this.#low && bucket.length > 0) throw new Error(`bucket ${count} is below the lowest`);
      for (const [place, piece] of bucket.entries()) {
        standing += 1;
        if (this.countOf(piece) !== count) throw new Error(`piece ${piece} stands in bucket ${count}`);
        if (this.#places[piece] !== place) throw new Error(`piece ${piece} is not where it says`);
      }
    }
    const placed = this.#places.reduce((sum, place) => sum + (place === NOWHERE ? 0 : 1), 0);
    if (standing !== this.#size || placed !== this.#size)
      throw new Error(`${standing}, ${placed}, ${this.#size} pieces`);
  }

  #move(piece: PieceIndex, from: number, to: number): void {
    this.#takeOut(piece, from);
    this.#append(piece, to);
  }

  #append(piece: PieceIndex, count: number): void {
    while (this.#buckets.length <= count) this.#buckets.push([]);
    const bucket = this.#buckets[count] as PieceIndex[];
    this.#places[piece] = bucket.length;
    bucket.push(piece);
    if (count > 0 && count < this.#low) this.#low = count;
  }

  /** The last piece of the bucket takes the place that becomes free. */
  #takeOut(piece: PieceIndex, count: number): void {
    const bucket = this.#buckets[count] as PieceIndex[];
    const last = bucket.pop() as PieceIndex;
    if (last === piece) return;
    const place = this.#places[piece] as number;
    bucket[place] = last;
    this.#places[last] = place;
  }
}

/**
 * Returns `bits` without its highest bit; `bits` is not zero.
 *
 * With this and the functions below, pieces are found in bitfields a word (32 pieces) at a time. The bitfields belong
 * to one torrent and are equally long. Bits beyond the end are clear, so a bit that is set is a piece of the torrent.
 */
export function withoutFirst(bits: number): number {
  return bits & ~(0x8000_0000 >>> Math.clz32(bits));
}

/**
 * The piece that the highest bit of `bits` stands for. `bits` is not zero and comes from the word with number `word`.
 */
export function firstPiece(word: number, bits: number): PieceIndex {
  return (word * 32 + Math.clz32(bits)) as PieceIndex;
}

/**
 * The number of the first word from `from` up to, not including, `end` in which `a` and `b` have a common piece; −1
 * when there is none.
 */
export function nextCommonWord(a: Bitfield, b: Bitfield, from: number, end: number): number {
  for (let word = from; word < end; word += 1) {
    if ((a.word(word) & b.word(word)) !== 0) return word;
  }
  return -1;
}
