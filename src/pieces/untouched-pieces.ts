import type { Random } from '../base/random.js';
import type { PieceIndex } from '../metainfo/piece-layout.js';
import { type Bitfield, fullBitfield } from '../wire/bitfield.js';
import { AvailabilityBuckets, firstPiece, nextCommonWord, withoutFirst } from './availability-buckets.js';

/** How many pieces a search looks at before it settles for less than all of them. */
const SEARCH_LIMIT = 64;

/**
 * The pieces of which no block has been asked for, kept twice: in buckets by availability, and as a bitfield. The
 * buckets find the rarest piece at once when the peer has a fair share of the pieces; the bitfield finds what a peer
 * with few pieces has, 32 pieces a step, where the buckets would be walked through from end to end.
 */
export class UntouchedPieces {
  readonly #random: Random;
  readonly #buckets: AvailabilityBuckets;
  readonly #bits: Bitfield;
  /** No word before this one has a bit. */
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

  /** How many pieces, buckets and words all searches together have looked at: their cost, for tests. */
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

  /** The lowest piece that the peer has. */
  first(peerHas: Bitfield): PieceIndex | undefined {
    while (this.#lowWord < this.#bits.wordCount && this.#bits.word(this.#lowWord) === 0) this.#lowWord += 1;
    return this.#firstFrom(peerHas, this.#lowWord, this.#bits.wordCount);
  }

  /** Some piece that the peer has, anywhere. */
  any(peerHas: Bitfield): PieceIndex | undefined {
    if (this.size === 0) return undefined;
    const start = this.#random.below(this.#bits.length);
    const word = start >>> 5;
    const bits = peerHas.word(word) & this.#bits.word(word) & (0xffff_ffff >>> (start & 31));
    this.#lookedAt += 1;
    if (bits !== 0) return firstPiece(word, bits);
    return this.#firstFrom(peerHas, word + 1, this.#bits.wordCount) ?? this.#firstFrom(peerHas, 0, word + 1);
  }

  /**
   * The piece that the peer has and the fewest others have, ties at random. When the peer lacks all of the rarest
   * SEARCH_LIMIT pieces, it is the rarest of as many that the peer does have.
   */
  rarest(peerHas: Bitfield): PieceIndex | undefined {
    if (this.size === 0 || peerHas.isEmpty) return undefined;
    return this.#rarestInBuckets(peerHas) ?? this.#rarestOfSome(peerHas);
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

  #firstFrom(peerHas: Bitfield, from: number, end: number): PieceIndex | undefined {
    const word = nextCommonWord(peerHas, this.#bits, from, end);
    this.#lookedAt += (word < 0 ? end : word + 1) - from;
    return word < 0 ? undefined : firstPiece(word, peerHas.word(word) & this.#bits.word(word));
  }

  #rarestInBuckets(peerHas: Bitfield): PieceIndex | undefined {
    const { bucketCount, lowestAboveZero } = this.#buckets;
    let left = SEARCH_LIMIT;
    // What nobody but seeds has cannot be had from a peer that is none.
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
