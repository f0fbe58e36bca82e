/**
 * Reads lists of addresses to refuse, line by line. Each line may have any of the formats that such lists have, so the
 * name of a file says nothing:
 *
 * - P2P: `comment:FIRST-LAST`, where the comment may hold colons and dashes;
 * - eMule's DAT: `FIRST - LAST , level , comment`, with leading zeros; a range with a level above 127 is allowed;
 * - `FIRST-LAST`, `ADDRESS/BITS` and `ADDRESS`, each with or without a comment after `#`, `;` or `//`.
 *
 * Lines that are empty or begin with `#`, `;` or `//` say nothing. A line with a carriage return within it makes no
 * sense: it may be a whole list whose lines end with that alone.
 */
import { RangeCollector, type RangeTables } from './address-ranges.js';
import { IPV6_WORDS, isMapped, readIpv6 } from './ipv6-text.js';

/** Bytes. No line that means a range is as long. */
export const MAX_LINE_LENGTH = 4096;
/** Ranges of all lists together. They take 32 MiB, or 128 MiB when all are of IPv6. */
export const MAX_RANGES = 4_000_000;

/** What one list had in it. */
export interface ListReport {
  /** Lines that name a range, also one that is allowed. */
  readonly ranges: number;
  /** Lines that make no sense. They count for nothing. */
  readonly badLines: number;
  /** The number of the first one, from 1; null when there is none. */
  readonly firstBadLine: number | null;
}

const [LF, CR, TAB, SPACE] = [10, 13, 9, 32];
const [HASH, COMMA, DASH, DOT, SLASH, ZERO, COLON, SEMICOLON] = [35, 44, 45, 46, 47, 48, 58, 59];
/** eMule's levels: from here on a range is allowed. */
const FIRST_ALLOWED_LEVEL = 128;

/** Parses any number of lists, one after the other, and merges their ranges. The bytes of a list may come in parts. */
export class BlocklistParser {
  readonly #ranges = new RangeCollector();
  /** The beginning of a line whose end has not come yet. */
  readonly #held = new Uint8Array(MAX_LINE_LENGTH);
  #heldLength = 0;
  /** The line is too long, and its end has not come yet. */
  #isSkipping = false;
  #line = 0;
  #good = 0;
  #bad = 0;
  #firstBad: number | null = null;

  /** All lists together have more ranges than we take. */
  get isFull(): boolean {
    return this.#ranges.count > MAX_RANGES;
  }

  feed(bytes: Uint8Array): void {
    let begin = 0;
    while (begin < bytes.length) {
      const found = bytes.indexOf(LF, begin);
      const end = found === -1 ? bytes.length : found;
      if (found !== -1 && this.#heldLength === 0 && !this.#isSkipping) this.#gotLine(bytes, begin, end);
      else {
        this.#hold(bytes, begin, end);
        if (found !== -1) this.#endHeld();
      }
      begin = end + 1;
    }
  }

  /** The list is over. What is fed from now on is of the next list. */
  endList(): ListReport {
    if (this.#heldLength > 0 || this.#isSkipping) this.#endHeld();
    const report = { ranges: this.#good, badLines: this.#bad, firstBadLine: this.#firstBad };
    [this.#line, this.#good, this.#bad, this.#firstBad] = [0, 0, 0, null];
    return report;
  }

  tables(): RangeTables {
    return this.#ranges.tables();
  }

  #hold(bytes: Uint8Array, begin: number, end: number): void {
    if (this.#heldLength + end - begin > MAX_LINE_LENGTH) this.#isSkipping = true;
    if (this.#isSkipping) return;
    this.#held.set(bytes.subarray(begin, end), this.#heldLength);
    this.#heldLength += end - begin;
  }

  #endHeld(): void {
    const length = this.#heldLength;
    this.#heldLength = 0;
    if (this.#isSkipping) {
      this.#isSkipping = false;
      this.#line += 1;
      this.#gotBad();
    } else this.#gotLine(this.#held, 0, length);
  }

  #gotLine(bytes: Uint8Array, from: number, to: number): void {
    this.#line += 1;
    if (to - from > MAX_LINE_LENGTH) {
      this.#gotBad();
      return;
    }
    let begin = from;
    let end = to;
    if (this.#line === 1 && startsWithMark(bytes, begin, end)) begin += 3;
    while (begin < end && isBlank(bytes[begin])) begin += 1;
    while (begin < end && isBlank(bytes[end - 1])) end -= 1;
    if (isRest(bytes, begin, end)) return;
    if (hasReturn(bytes, begin, end)) this.#gotBad();
    else if (this.#readIpv4(bytes, begin, end) || this.#readIpv6(bytes, begin, end)) this.#good += 1;
    else this.#gotBad();
  }

  #gotBad(): void {
    this.#bad += 1;
    this.#firstBad ??= this.#line;
  }

  /** Reads a line whose range is of IPv4, as nearly all are. False for any other line. */
  #readIpv4(bytes: Uint8Array, begin: number, end: number): boolean {
    if (this.#readBareIpv4(bytes, begin, end)) return true;
    // P2P: the dash of the range is the last one, and the last colon before it ends the comment.
    const dash = lastIndexOf(bytes, DASH, begin, end);
    const colon = lastIndexOf(bytes, COLON, begin, dash);
    return colon >= begin && this.#readRange(bytes, colon + 1, dash, end);
  }

  #readRange(bytes: Uint8Array, begin: number, dash: number, end: number): boolean {
    const first = readAddress(bytes, skipBlanks(bytes, begin, dash), dash);
    if (first === null || skipBlanks(bytes, first.end, dash) !== dash) return false;
    const from = first.address;
    const last = readAddress(bytes, skipBlanks(bytes, dash + 1, end), end);
    if (last === null || last.end !== end) return false;
    this.#ranges.addIpv4(from, last.address);
    return true;
  }

  /** The address stands first: eMule's form, a range, a network, or an address alone. */
  #readBareIpv4(bytes: Uint8Array, begin: number, end: number): boolean {
    const first = readAddress(bytes, begin, end);
    if (first === null) return false;
    const from = first.address;
    if (first.end < end && bytes[first.end] === SLASH && !isDoubleSlash(bytes, first.end, end))
      return this.#readBits(from, bytes, first.end + 1, end);
    const at = skipBlanks(bytes, first.end, end);
    if (bytes[at] !== DASH || at >= end) {
      if (!isRest(bytes, first.end, end)) return false;
      this.#ranges.addIpv4(from, from);
      return true;
    }
    const last = readAddress(bytes, skipBlanks(bytes, at + 1, end), end);
    if (last === null) return false;
    const { address: to, end: rest } = last;
    const isAllowed = readLevel(bytes, rest, end);
    if (isAllowed === null) return false;
    if (!isAllowed) this.#ranges.addIpv4(from, to);
    return true;
  }

  #readBits(address: number, bytes: Uint8Array, begin: number, end: number): boolean {
    const number = readNumber(bytes, begin, end, 2);
    if (number === null || number.value > 32 || !isRest(bytes, number.end, end)) return false;
    const hosts = 2 ** (32 - number.value);
    const first = Math.floor(address / hosts) * hosts;
    this.#ranges.addIpv4(first, first + hosts - 1);
    return true;
  }

  /** Reads a line with addresses of IPv6. */
  #readIpv6(bytes: Uint8Array, begin: number, end: number): boolean {
    let token = begin;
    while (token < end && isOfAddress(bytes[token] as number)) token += 1;
    if (readIpv6(bytes, begin, token, FIRST)) {
      if (token < end && bytes[token] === SLASH && this.#readIpv6Bits(bytes, token + 1, end)) return true;
      if (isRest(bytes, token, end)) return this.#addIpv6(FIRST, FIRST);
      if (this.#readIpv6Level(bytes, token, end)) return true;
    }
    return this.#readNarrowest(bytes, begin, end);
  }

  /** The network of `FIRST`. */
  #readIpv6Bits(bytes: Uint8Array, begin: number, end: number): boolean {
    const number = readNumber(bytes, begin, end, 3);
    if (number === null || number.value > 128 || !isRest(bytes, number.end, end)) return false;
    // The bits before an IPv4 address in the form of IPv6 are always the same. A shorter network would be all of IPv4.
    if (isMapped(FIRST) && number.value < 96) return false;
    for (let word = 0; word < IPV6_WORDS; word += 1) {
      const bits = Math.min(32, Math.max(0, number.value - 32 * word));
      const hosts = bits === 32 ? 0 : 0xffff_ffff >>> bits;
      LAST[word] = (FIRST[word] as number) | hosts;
      FIRST[word] = (FIRST[word] as number) & ~hosts;
    }
    return this.#addIpv6(FIRST, LAST);
  }

  /** eMule's form: what follows `FIRST`. */
  #readIpv6Level(bytes: Uint8Array, begin: number, end: number): boolean {
    const dash = skipBlanks(bytes, begin, end);
    if (dash >= end || bytes[dash] !== DASH) return false;
    const last = skipBlanks(bytes, dash + 1, end);
    let token = last;
    while (token < end && isOfAddress(bytes[token] as number)) token += 1;
    const comma = skipBlanks(bytes, token, end);
    if (comma >= end || bytes[comma] !== COMMA || !readIpv6(bytes, last, token, LAST)) return false;
    const isAllowed = readLevel(bytes, token, end);
    if (isAllowed === true) return isMapped(FIRST) === isMapped(LAST);
    return isAllowed === false && this.#addIpv6(FIRST, LAST);
  }

  /**
   * A P2P line, or a range alone. The comment ends in a colon, and an address of IPv6 has colons too, so the line can
   * be read in several ways. The ends of the range that is meant have most of their first bits in common: any other
   * first end would have half of a comment in it.
   */
  #readNarrowest(bytes: Uint8Array, begin: number, end: number): boolean {
    const dash = lastIndexOf(bytes, DASH, begin, end);
    if (dash < begin || !readIpv6(bytes, skipBlanks(bytes, dash + 1, end), end, LAST)) return false;
    let left = dash;
    while (left > begin && isBlank(bytes[left - 1])) left -= 1;
    let isFound = false;
    let colon = left;
    // From the last colon on to the left, then the whole text, when it has so few colons.
    for (let count = 0; count <= MAX_COLONS + 1 && colon >= begin; count += 1) {
      colon = lastIndexOf(bytes, COLON, begin, colon);
      if (!readIpv6(bytes, skipBlanks(bytes, colon + 1, left), left, FIRST)) continue;
      if (isMapped(FIRST) !== isMapped(LAST) || (isFound && !isNearer(FIRST, NARROWEST, LAST))) continue;
      NARROWEST.set(FIRST);
      isFound = true;
    }
    return isFound && this.#addIpv6(NARROWEST, LAST);
  }

  /** False when one end alone is an IPv4 address. */
  #addIpv6(first: Uint32Array, last: Uint32Array): boolean {
    if (isMapped(first) !== isMapped(last)) return false;
    if (isMapped(first)) this.#ranges.addIpv4(first[3] as number, last[3] as number);
    else this.#ranges.addIpv6(first, last);
    return true;
  }
}

/** No address has more (`1:2:3:4:5:6:7::`). One more ends the comment. */
const MAX_COLONS = 8;

/** The ends of the range that is being read. */
const FIRST = new Uint32Array(IPV6_WORDS);
const LAST = new Uint32Array(IPV6_WORDS);
const NARROWEST = new Uint32Array(IPV6_WORDS);

/** Whether `a` has more of its first bits in common with `end` than `b`. */
function isNearer(a: Uint32Array, b: Uint32Array, end: Uint32Array): boolean {
  for (let word = 0; word < IPV6_WORDS; word += 1) {
    const ofA = ((a[word] as number) ^ (end[word] as number)) >>> 0;
    const ofB = ((b[word] as number) ^ (end[word] as number)) >>> 0;
    if (ofA !== ofB) return ofA < ofB;
  }
  return false;
}

/** Whether the byte may stand in an address. */
function isOfAddress(byte: number): boolean {
  const letter = byte | 0x20;
  return (byte >= ZERO && byte <= COLON) || byte === DOT || (letter >= 97 && letter <= 102);
}

/** An object that is used again: a list has a million addresses. What it holds counts until the next call. */
const FOUND_ADDRESS = { address: 0, end: 0 };

/** Reads an IPv4 address, whose parts may have leading zeros and are decimal all the same. */
function readAddress(bytes: Uint8Array, begin: number, end: number): Readonly<typeof FOUND_ADDRESS> | null {
  let address = 0;
  let at = begin;
  for (let octet = 0; octet < 4; octet += 1) {
    if (octet > 0 && (bytes[at++] !== DOT || at >= end)) return null;
    const number = readNumber(bytes, at, end, 3);
    if (number === null || number.value > 255) return null;
    address = address * 256 + number.value;
    at = number.end;
  }
  FOUND_ADDRESS.address = address;
  FOUND_ADDRESS.end = at;
  return FOUND_ADDRESS;
}

const FOUND_NUMBER = { value: 0, end: 0 };

/** Reads a number of one to `most` digits, after which no digit comes. */
function readNumber(bytes: Uint8Array, begin: number, end: number, most: number): Readonly<typeof FOUND_NUMBER> | null {
  let value = 0;
  let at = begin;
  for (; at < end; at += 1) {
    const digit = (bytes[at] as number) - ZERO;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  if (at === begin || at - begin > most) return null;
  FOUND_NUMBER.value = value;
  FOUND_NUMBER.end = at;
  return FOUND_NUMBER;
}

/** Whether the level after a range allows it; null when what follows is neither a level nor a comment. */
function readLevel(bytes: Uint8Array, begin: number, end: number): boolean | null {
  if (isRest(bytes, begin, end)) return false;
  const comma = skipBlanks(bytes, begin, end);
  if (bytes[comma] !== COMMA) return null;
  const level = readNumber(bytes, skipBlanks(bytes, comma + 1, end), end, 5);
  if (level === null) return null;
  const { value, end: after } = level;
  const rest = skipBlanks(bytes, after, end);
  return rest === end || bytes[rest] === COMMA ? value >= FIRST_ALLOWED_LEVEL : null;
}

function hasReturn(bytes: Uint8Array, begin: number, end: number): boolean {
  for (let at = begin; at < end; at += 1) if (bytes[at] === CR) return true;
  return false;
}

/** Whether nothing but a comment follows. */
function isRest(bytes: Uint8Array, begin: number, end: number): boolean {
  const at = skipBlanks(bytes, begin, end);
  if (at >= end || bytes[at] === HASH || bytes[at] === SEMICOLON) return true;
  return isDoubleSlash(bytes, at, end);
}

/** What lies behind the end of a line is of another line. */
function isDoubleSlash(bytes: Uint8Array, at: number, end: number): boolean {
  return at + 1 < end && bytes[at] === SLASH && bytes[at + 1] === SLASH;
}

/** The mark of UTF-8, which some editors put before a text. */
function startsWithMark(bytes: Uint8Array, at: number, end: number): boolean {
  return at + 3 <= end && bytes[at] === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf;
}

/** Where `byte` stands last from `begin` to before `end`. Less than `begin` when it does not. */
function lastIndexOf(bytes: Uint8Array, byte: number, begin: number, end: number): number {
  let at = end - 1;
  while (at >= begin && bytes[at] !== byte) at -= 1;
  return at;
}

function skipBlanks(bytes: Uint8Array, begin: number, end: number): number {
  let at = begin;
  while (at < end && isBlank(bytes[at])) at += 1;
  return at;
}

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === TAB || byte === CR;
}
