import type { Random } from '../base/random.js';
import type { PieceIndex } from '../metainfo/piece-layout.js';
import { type Bitfield, fullBitfield } from '../wire/bitfield.js';
import { AvailabilityBuckets, firstPiece, nextCommonWord, withoutFirst } from './availability-buckets.js';

/** How many pieces a search looks at before it is content with the best of these. */
const SEARCH_LIMIT = 64;

/** Pieces in a row, none of which has been begun. */
export interface UntouchedRun {
  readonly begin: number;
  /** At least 1. */
  readonly length: number;
}

/** Which run a source is asked for: the longest one, or the one that comes first. */
export type RunChoice = 'longest' | 'first';

/**
 * The pieces of which no block has been asked for. They are kept twice: in buckets by availability, and as a bitfield.
 * When the peer has many of the pieces, the buckets give the rarest one at once. When the peer has few of them, a
 * search of the buckets would go from end to end; the bitfield finds these pieces, 32 a step.
 */
export class UntouchedPieces {
  readonly #random: Random;
  readonly #buckets: AvailabilityBuckets;
  readonly #bits: Bitfield;
  /** The words before this one are zero. */
  #lowWord = 0;
  #lookedAt = 0;

  /** At first all pieces are untouched. */
  constructor(pieceCount: number, random: Random) {
    this.#random = random;
    this.#buckets = new AvailabilityBuckets(pieceCount);
    this.#bits = fullBitfield(pieceCount);
  }

  get buckets(): AvailabilityBuckets {
    return this.#buckets;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** The cost of all searches, for tests: how many pieces, buckets and words they have looked at. */
  get lookedAt(): number {
    return this.#lookedAt;
  }

  has(piece: PieceIndex): boolean {
    return this.#bits.has(piece);
  }

  insert(piece: PieceIndex): void {
    this.#bits.set(piece);
    this.#buckets.insert(piece);
    this.#lowWord = Math.min(this.#lowWord, piece >>> 5);
  }

  remove(piece: PieceIndex): void {
    this.#bits.clear(piece);
    this.#buckets.remove(piece);
  }

  /** The untouched piece with the lowest index that the peer has. */
  first(peerHas: Bitfield): PieceIndex | undefined {
    while (this.#lowWord < this.#bits.wordCount && this.#bits.word(this.#lowWord) === 0) this.#lowWord += 1;
    return this.#firstFrom(peerHas, this.#lowWord, this.#bits.wordCount);
  }

  /** Some untouched piece that the peer has, from a random place on. */
  any(peerHas: Bitfield): PieceIndex | undefined {
    if (this.size === 0) return undefined;
    const start = this.#random.below(this.#bits.length);
    return this.#firstAt(peerHas, start) ?? this.#firstFrom(peerHas, 0, (start >>> 5) + 1);
  }

  /**
   * The rarest untouched piece that the peer has; one at random when several are equally rare. When the peer lacks all
   * of the rarest SEARCH_LIMIT pieces, it is the rarest of about SEARCH_LIMIT pieces that the peer has.
   */
  rarest(peerHas: Bitfield): PieceIndex | undefined {
    if (this.size === 0 || peerHas.isEmpty) return undefined;
    return this.#rarestInBuckets(peerHas) ?? this.#rarestOfSome(peerHas);
  }

  /**
   * The longest run of untouched pieces that are all in `has`, or the first one, as `choice` says; of equal runs the
   * first. Undefined when there is none. It costs a look at each word, and at the pieces of mixed words.
   */
  run(has: Bitfield, choice: RunChoice): UntouchedRun | undefined {
    let best = this.#runAt(has, 0);
    if (choice === 'first') return best;
    for (let run = best; run !== undefined; run = this.#runAt(has, run.begin + run.length)) {
      if (best === undefined || run.length > best.length) best = run;
    }
    return best;
  }

  /** Throws when an invariant is broken. For tests. */
  check(): void {
    this.#buckets.check();
    if (this.#bits.count !== this.#buckets.size) throw new Error('the bitfield and the buckets differ');
    for (let word = 0; word < this.#bits.wordCount; word += 1) {
      for (let bits = this.#bits.word(word); bits !== 0; bits = withoutFirst(bits)) {
        const piece = firstPiece(word, bits);
        if (!this.#buckets.holds(piece)) throw new Error(`untouched piece ${piece} stands in no bucket`);
        if (word < this.#lowWord) throw new Error(`untouched piece ${piece} lies before the low word`);
      }
    }
  }

  /** The run that begins at the first untouched piece in `has` whose index is at least `from`. */
  #runAt(has: Bitfield, from: number): UntouchedRun | undefined {
    const begin = this.#firstAt(has, from);
    if (begin === undefined) return undefined;
    let end = begin + 1;
    for (;;) {
      const word = end >>> 5;
      // The bits that end the run, from `end` on.
      const gaps = ~(has.word(word) & this.#bits.word(word)) & (0xffff_ffff >>> (end & 31));
      if (gaps !== 0) return { begin, length: firstPiece(word, gaps) - begin };
      end = (word + 1) * 32;
    }
  }

  /** The first untouched piece that the peer has and whose index is at least `from`. */
  #firstAt(peerHas: Bitfield, from: number): PieceIndex | undefined {
    const word = from >>> 5;
    const bits = peerHas.word(word) & this.#bits.word(word) & (0xffff_ffff >>> (from & 31));
    this.#lookedAt += 1;
    return bits === 0 ? this.#firstFrom(peerHas, word + 1, this.#bits.wordCount) : firstPiece(word, bits);
  }

  /** The first untouched piece that the peer has, of the words from `from` up to, not including, `end`. */
  #firstFrom(peerHas: Bitfield, from: number, end: number): PieceIndex | undefined {
    const word = nextCommonWord(peerHas, this.#bits, from, end);
    this.#lookedAt += (word < 0 ? end : word + 1) - from;
    return word < 0 ? undefined : firstPiece(word, peerHas.word(word) & this.#bits.word(word));
  }

  #rarestInBuckets(peerHas: Bitfield): PieceIndex | undefined {
    const { bucketCount, lowestAboveZero } = this.#buckets;
    let left = SEARCH_LIMIT;
    // Bucket 0 holds the pieces that only seeds have. A peer that is no seed does not have them.
    for (let count = peerHas.isComplete ? 0 : lowestAboveZero; count < bucketCount && left > 0; count += 1) {
      const bucket = this.#buckets.bucket(count);
      this.#lookedAt += 1;
      if (bucket.length === 0) continue;
      let place = this.#random.below(bucket.length);
      for (let tries = Math.min(bucket.length, left); tries > 0; tries -= 1) {
        const piece = bucket[place] as PieceIndex;
        this.#lookedAt += 1;
        left -= 1;
        if (peerHas.has(piece)) return piece;
        place = place + 1 === bucket.length ? 0 : place + 1;
      }
    }
    return undefined;
  }

  #rarestOfSome(peerHas: Bitfield): PieceIndex | undefined {
    const words = this.#bits.wordCount;
    let word = this.#random.below(words);
    let rarest: PieceIndex | undefined;
    let left = SEARCH_LIMIT;
    let turned = 0;
    for (; turned < words && left > 0; turned += 1) {
      for (let bits = peerHas.word(word) & this.#bits.word(word); bits !== 0; bits = withoutFirst(bits)) {
        const piece = firstPiece(word, bits);
        left -= 1;
        if (rarest === undefined || this.#buckets.countOf(piece) < this.#buckets.countOf(rarest)) rarest = piece;
      }
      word = word + 1 === words ? 0 : word + 1;
    }
    this.#lookedAt += turned + SEARCH_LIMIT - left;
    return rarest;
  }
}
