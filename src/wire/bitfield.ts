const WORD_BITS = 32;
const IS_LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/**
 * Which pieces one side has: a peer, or we. The bits are kept in 32-bit words, the most significant bit first, so that
 * two bitfields can be compared a word at a time. On the wire the high bit of the first byte is piece 0 (BEP 3).
 */
export class Bitfield {
  readonly length: number;
  readonly #words: Uint32Array;
  #count: number;

  /**
   * `length` is the number of pieces. All bits are clear, or as in `words`. The bits of `words` beyond the last piece
   * must be clear, and the caller must not change `words` afterwards.
   */
  constructor(length: number, words: Uint32Array = new Uint32Array(Math.ceil(length / WORD_BITS))) {
    this.length = length;
    this.#words = words;
    this.#count = words.reduce((sum, word) => sum + bitsSet(word), 0);
  }

  /** How many bits are set. */
  get count(): number {
    return this.#count;
  }

  get isComplete(): boolean {
    return this.#count === this.length;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** The 32 bits from bit `32 × word` on, the first of them the highest. Bits beyond the last piece are clear. */
  word(word: number): number {
    return this.#words[word] ?? 0;
  }

  get wordCount(): number {
    return this.#words.length;
  }

  has(index: number): boolean {
    return (((this.#words[index >>> 5] ?? 0) >>> (31 - (index & 31))) & 1) === 1;
  }

  /** Returns true when the bit was clear before. Throws a RangeError when there is no such bit. */
  set(index: number): boolean {
    if (index < 0 || index >= this.length) throw new RangeError(`bit ${index} of ${this.length}`);
    if (this.has(index)) return false;
    this.#words[index >>> 5] = ((this.#words[index >>> 5] as number) | (1 << (31 - (index & 31)))) >>> 0;
    this.#count += 1;
    return true;
  }

  /** Returns true when the bit was set before. */
  clear(index: number): boolean {
    if (!this.has(index)) return false;
    this.#words[index >>> 5] = ((this.#words[index >>> 5] as number) & ~(1 << (31 - (index & 31)))) >>> 0;
    this.#count -= 1;
    return true;
  }

  copy(): Bitfield {
    return new Bitfield(this.length, this.#words.slice());
  }

  /** The bytes of a `bitfield` message, spare bits clear. */
  toWire(): Buffer {
    const bytes = Buffer.alloc(Math.ceil(this.length / 8));
    for (let index = 0; index < bytes.length; index += 1) {
      bytes[index] = (this.#words[index >> 2] as number) >>> (24 - (index & 3) * 8);
    }
    return bytes;
  }
}

/**
 * Reads the bytes of a `bitfield` message; `length` is the number of pieces. Undefined when the size is wrong or a
 * spare bit is set: BEP 3 closes the connection for either. `bytes` are copied.
 */
export function decodeBitfield(bytes: Buffer, length: number): Bitfield | undefined {
  if (bytes.length !== Math.ceil(length / 8)) return undefined;
  const spare = bytes.length * 8 - length;
  if (spare > 0 && ((bytes[bytes.length - 1] as number) & ((1 << spare) - 1)) !== 0) return undefined;
  const words = new Uint32Array(Math.ceil(length / WORD_BITS));
  // A bitfield has up to 256 KiB: an array with a number for each byte would be megabytes of garbage.
  const inPlace = Buffer.from(words.buffer);
  bytes.copy(inPlace);
  if (IS_LITTLE_ENDIAN) inPlace.swap32();
  return new Bitfield(length, words);
}

/** A bitfield of `length` bits, all of them set. */
export function fullBitfield(length: number): Bitfield {
  const words = new Uint32Array(Math.ceil(length / WORD_BITS)).fill(0xffffffff);
  const spare = words.length * WORD_BITS - length;
  if (spare > 0) words[words.length - 1] = (0xffffffff << spare) >>> 0;
  return new Bitfield(length, words);
}

function bitsSet(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
