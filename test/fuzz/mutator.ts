/** Inputs for decoders that begin as good ones and are damaged in the ways in which parsers fail. */
import type { Random } from '../../src/base/random.js';

/** Bytes of an input; a repeated part may come near it. */
const MAX_LENGTH = 64 * 1024;
/** One input in so many has parts repeated until it is long. */
const LONG_ONES = 500;
const NUMBERS = ['-1', '0', '00', '-0', '1', '255', '65536', '2147483648', '4294967296', '9007199254740993'];
const LONG_NUMBER = '9'.repeat(400);
/** What means something to one grammar or the other. */
const TOKENS = [
  ...NUMBERS,
  LONG_NUMBER,
  ...['d', 'l', 'e', 'i', ':', 'le', 'de', 'i0e', '0:', '1:a', 'd1:ai1ee', 'i-0e', 'i1', '4:info', '5:pieces'],
  ...['\r\n', '\n', '\r', '\0', ' ', '%', '%00', '%zz', '&', '=', '?', '#', '/', '..', '\\', '@', '[', ']', '+'],
  ...['<', '>', '</', '/>', '&amp;', '&#x', '<![CDATA[', '<!DOCTYPE', '"', "'", '{', '}', ',', '__proto__', '\u2028'],
  ...['\xff', '\xc0\x80', '\xed\xa0\x80', '\xf4\x90\x80\x80', '\x80', '\x7f', '\x1b['],
].map((text) => Buffer.from(text, 'latin1'));
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0xfe, 0x20, 0x30, 0x39];

export class Mutator {
  readonly #random: Random;
  readonly #seeds: readonly Buffer[];

  /** `seeds`: at least one. The same chance gives the same inputs. */
  constructor(random: Random, seeds: readonly Buffer[]) {
    this.#random = random;
    this.#seeds = seeds;
  }

  /** The next input: a seed, damaged one to six times. One in fifty is chance alone. */
  next(): Buffer {
    const random = this.#random;
    if (random.below(50) === 0) return random.bytes(random.below(300));
    let bytes = this.#seed();
    for (let left = 1 + random.below(6); left > 0; left -= 1) bytes = this.#damage(bytes);
    if (random.below(LONG_ONES) === 0) bytes = this.#lengthen(bytes);
    return bytes.length > MAX_LENGTH ? bytes.subarray(0, MAX_LENGTH) : bytes;
  }

  #seed(): Buffer {
    return this.#seeds[this.#random.below(this.#seeds.length)] as Buffer;
  }

  #damage(bytes: Buffer): Buffer {
    const random = this.#random;
    const at = random.below(bytes.length + 1);
    const end = Math.min(bytes.length, at + random.below(random.below(4) === 0 ? bytes.length + 1 : 12));
    switch (random.below(9)) {
      case 0:
        return withByte(bytes, at, (byte) => byte ^ (1 << random.below(8)));
      case 1:
        return withByte(bytes, at, () => EDGES[random.below(EDGES.length)] as number);
      case 2:
        return bytes.subarray(0, at);
      case 3:
        return splice(bytes, at, end, Buffer.alloc(0));
      case 4:
        return splice(bytes, at, at, bytes.subarray(at, end));
      case 5:
        return splice(bytes, at, random.below(2) === 0 ? at : end, TOKENS[random.below(TOKENS.length)] as Buffer);
      case 6:
        return splice(bytes, at, end, random.bytes(random.below(9)));
      case 7:
        return this.#otherNumber(bytes, at);
      default: {
        const other = this.#seed();
        const from = random.below(other.length + 1);
        return splice(bytes, at, end, other.subarray(from, from + random.below(64)));
      }
    }
  }

  /** Puts another number in the place of the digits that stand at or after `at`. */
  #otherNumber(bytes: Buffer, at: number): Buffer {
    const isDigit = (index: number): boolean => (bytes[index] ?? 0) >= 0x30 && (bytes[index] ?? 0) <= 0x39;
    let begin = at;
    while (begin < bytes.length && !isDigit(begin)) begin += 1;
    let end = begin;
    while (isDigit(end)) end += 1;
    const number = NUMBERS[this.#random.below(NUMBERS.length)] as string;
    return begin === end ? bytes : splice(bytes, begin, end, Buffer.from(number));
  }

  #lengthen(bytes: Buffer): Buffer {
    const random = this.#random;
    const at = random.below(bytes.length + 1);
    // A token repeats in the midst of something else too: what looks for a run of it may begin anew at each.
    const part =
      random.below(2) === 0
        ? (TOKENS[random.below(TOKENS.length)] as Buffer)
        : bytes.subarray(at, at + 1 + random.below(random.below(2) === 0 ? 8 : 200));
    if (part.length === 0) return bytes;
    const times = Math.floor((MAX_LENGTH - bytes.length) / part.length);
    return splice(bytes, at, at, Buffer.concat(Array.from({ length: Math.max(0, times) }, () => part)));
  }
}

function withByte(bytes: Buffer, at: number, change: (byte: number) => number): Buffer {
  if (at >= bytes.length) return bytes;
  const changed = Buffer.from(bytes);
  changed[at] = change(changed[at] as number);
  return changed;
}

function splice(bytes: Buffer, begin: number, end: number, instead: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, begin), instead, bytes.subarray(end)]);
}
