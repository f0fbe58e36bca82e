/**
 * A set of IP addresses as sorted ranges: a few bytes for each range, and a look-up that halves what is left at each
 * step. A list of peers to refuse has hundreds of thousands of ranges.
 */
import type { IpAddress } from './ip-address.js';
import { IPV6_WORDS as WORDS } from './ipv6-text.js';

/**
 * The ranges of a set. Those of each family are sorted, and neither overlap nor touch. The arrays can be transferred
 * between threads.
 */
export interface RangeTables {
  /** The first addresses of the IPv4 ranges, and the last ones. */
  readonly firsts: Uint32Array<ArrayBuffer>;
  readonly lasts: Uint32Array<ArrayBuffer>;
  /** Eight words for each IPv6 range: four of its first address, four of its last one. */
  readonly ipv6: Uint32Array<ArrayBuffer>;
}

export class AddressRanges {
  readonly #tables: RangeTables;
  /** The IPv6 address that is looked up. */
  readonly #wanted = new Uint32Array(WORDS);

  constructor(tables: RangeTables) {
    this.#tables = tables;
  }

  /** Ranges of both families. */
  get count(): number {
    return this.#tables.firsts.length + this.#tables.ipv6.length / (2 * WORDS);
  }

  has({ family, bytes }: IpAddress): boolean {
    if (family === 4) return this.hasIpv4(bytes.readUInt32BE(0));
    for (let word = 0; word < WORDS; word += 1) this.#wanted[word] = bytes.readUInt32BE(4 * word);
    return this.#hasIpv6(this.#wanted);
  }

  /** `address` is the number that its four bytes make, in network order. */
  hasIpv4(address: number): boolean {
    const { firsts, lasts } = this.#tables;
    let from = 0;
    let to = firsts.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((lasts[middle] as number) < address) from = middle + 1;
      else to = middle;
    }
    return from < firsts.length && (firsts[from] as number) <= address;
  }

  #hasIpv6(address: Uint32Array): boolean {
    const { ipv6 } = this.#tables;
    const count = ipv6.length / (2 * WORDS);
    let from = 0;
    let to = count;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (compareWords(ipv6, (2 * middle + 1) * WORDS, address, 0) < 0) from = middle + 1;
      else to = middle;
    }
    return from < count && compareWords(ipv6, 2 * from * WORDS, address, 0) <= 0;
  }
}

export const NO_RANGES: AddressRanges = new AddressRanges({
  firsts: new Uint32Array(0),
  lasts: new Uint32Array(0),
  ipv6: new Uint32Array(0),
});

/** Collects ranges in any order, and makes the tables of them. */
export class RangeCollector {
  /**
   * Each range is one number of 64 bits, its first address above its last one: so ranges sort by their first addresses
   * without a function of ours.
   */
  readonly #ipv4 = new GrowingWords();
  readonly #ipv6 = new GrowingWords();

  /** How many ranges were added. */
  get count(): number {
    return this.#ipv4.length / 2 + this.#ipv6.length / (2 * WORDS);
  }

  /** The ends may be swapped. */
  addIpv4(first: number, last: number): void {
    const low = Math.max(first, last);
    const high = Math.min(first, last);
    this.#ipv4.add(HAS_LOW_WORD_FIRST ? low : high);
    this.#ipv4.add(HAS_LOW_WORD_FIRST ? high : low);
  }

  /** The ends, four words each, may be swapped. */
  addIpv6(first: Uint32Array, last: Uint32Array): void {
    const isSwapped = compareWords(first, 0, last, 0) > 0;
    for (let word = 0; word < WORDS; word += 1) this.#ipv6.add((isSwapped ? last : first)[word] as number);
    for (let word = 0; word < WORDS; word += 1) this.#ipv6.add((isSwapped ? first : last)[word] as number);
  }

  /** The tables of all ranges. The collector is used up. */
  tables(): RangeTables {
    return { ...mergeIpv4(this.#ipv4.words), ipv6: mergeIpv6(this.#ipv6.words) };
  }
}

const HAS_LOW_WORD_FIRST = new Uint32Array(new BigUint64Array([1n]).buffer)[0] === 1;

/** Sorts and merges in place. */
function mergeIpv4(sorted: Uint32Array<ArrayBuffer>): Pick<RangeTables, 'firsts' | 'lasts'> {
  const [high, low] = HAS_LOW_WORD_FIRST ? [1, 0] : [0, 1];
  new BigUint64Array(sorted.buffer, sorted.byteOffset, sorted.length / 2).sort();
  let count = 0;
  for (let at = 0; at < sorted.length; at += 2) {
    const first = sorted[at + high] as number;
    const last = sorted[at + low] as number;
    const before = 2 * (count - 1);
    if (count > 0 && first <= (sorted[before + low] as number) + 1) {
      if (last > (sorted[before + low] as number)) sorted[before + low] = last;
      continue;
    }
    sorted[2 * count + high] = first;
    sorted[2 * count + low] = last;
    count += 1;
  }
  const firsts = new Uint32Array(count);
  const lasts = new Uint32Array(count);
  for (let range = 0; range < count; range += 1) {
    firsts[range] = sorted[2 * range + high] as number;
    lasts[range] = sorted[2 * range + low] as number;
  }
  return { firsts, lasts };
}

function mergeIpv6(words: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const order = new Uint32Array(words.length / (2 * WORDS));
  for (let range = 0; range < order.length; range += 1) order[range] = range * 2 * WORDS;
  order.sort((a, b) => compareWords(words, a, words, b));
  const merged = new Uint32Array(words.length);
  let length = 0;
  for (const at of order) {
    const lastBefore = length - WORDS;
    if (length > 0 && !isBeyond(words, at, merged, lastBefore)) {
      if (compareWords(words, at + WORDS, merged, lastBefore) > 0)
        merged.set(words.subarray(at + WORDS, at + 2 * WORDS), lastBefore);
      continue;
    }
    merged.set(words.subarray(at, at + 2 * WORDS), length);
    length += 2 * WORDS;
  }
  return merged.slice(0, length);
}

/** Whether at least one address lies between `last` and `first`, which is not before it. */
function isBeyond(firsts: Uint32Array, first: number, lasts: Uint32Array, last: number): boolean {
  if (compareWords(firsts, first, lasts, last) <= 0) return false;
  const next = lasts.slice(last, last + WORDS);
  for (let word = WORDS - 1; word >= 0; word -= 1) {
    const sum = (next[word] as number) + 1;
    next[word] = sum;
    if (sum <= 0xffff_ffff) break;
  }
  return compareWords(firsts, first, next, 0) > 0;
}

/** Compares two IPv6 addresses, each at an offset in words. */
function compareWords(a: Uint32Array, atA: number, b: Uint32Array, atB: number): number {
  for (let word = 0; word < WORDS; word += 1) {
    const inA = a[atA + word] as number;
    const inB = b[atB + word] as number;
    if (inA !== inB) return inA < inB ? -1 : 1;
  }
  return 0;
}

/** An array that doubles when it is full. */
class GrowingWords {
  #room = new Uint32Array(1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get words(): Uint32Array<ArrayBuffer> {
    return this.#room.subarray(0, this.#length);
  }

  add(word: number): void {
    if (this.#length === this.#room.length) {
      const room = new Uint32Array(2 * this.#room.length);
      room.set(this.#room);
      this.#room = room;
    }
    this.#room[this.#length] = word;
    this.#length += 1;
  }
}
