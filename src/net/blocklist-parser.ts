/**
 * Reads lists of addresses to refuse, line by line. Each line may have any of the formats that such lists have, so the
 * name of a file says nothing:
 *
 * - P2P: `comment:FIRST-LAST`, where the comment may hold colons and dashes;
 * - eMule's DAT: `FIRST - LAST , level , comment`, with leading zeros; a range with a level above 127 is allowed;
 * - `FIRST-LAST`, `ADDRESS/BITS` and `ADDRESS`, each with or without a comment after `#`, `;` or `//`.
 *
 * Lines that are empty or begin with `#` or `//` say nothing.
 */
import { RangeCollector, type RangeTables } from './address-ranges.js';
import { type IpAddress, parseIp, parseNetwork } from './ip-address.js';

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
  /** The begin of a line whose end has not come yet. */
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
    if (this.#line === 1 && bytes[begin] === 0xef && bytes[begin + 1] === 0xbb && bytes[begin + 2] === 0xbf) begin += 3;
    while (begin < end && isBlank(bytes[begin])) begin += 1;
    while (begin < end && isBlank(bytes[end - 1])) end -= 1;
    const isRemark = bytes[begin] === HASH || (bytes[begin] === SLASH && bytes[begin + 1] === SLASH);
    if (begin >= end || isRemark) return;
    if (this.#readIpv4(bytes, begin, end) || this.#readText(bytes, begin, end)) this.#good += 1;
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
    if (bytes[first.end] === SLASH) return this.#readBits(from, bytes, first.end + 1, end);
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

  /** Reads any line, also one with addresses of IPv6. It takes longer. */
  #readText(bytes: Uint8Array, begin: number, end: number): boolean {
    // No address of IPv6 is without two colons.
    const colon = bytes.indexOf(COLON, begin);
    if (colon === -1 || colon >= end) return false;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + begin, end - begin).toString('latin1');
    const [, address = '', rest = ''] = /^([0-9a-f:.]+(?:\/\d+)?)\s*(.*)$/i.exec(text) ?? [];
    if (rest === '' || /^(?:[#;]|\/\/)/.test(rest)) {
      const network = parseNetwork(address);
      if (network !== undefined) {
        const { first, last } = endsOf(network.address, network.bits);
        this.#ranges.add(network.address.family, first, last);
        return true;
      }
    }
    const [, left = '', right = '', level = ''] = EMULE.exec(text) ?? [];
    const pair = level === '' ? narrowest(text) : pairOf(left, right);
    if (pair === null) return false;
    if (Number(level) < FIRST_ALLOWED_LEVEL) this.#ranges.add(pair.first.family, pair.first.bytes, pair.last.bytes);
    return true;
  }
}

const EMULE = /^([0-9a-f:.]+)\s*-\s*([0-9a-f:.]+)\s*,\s*(\d{1,5})\s*(?:,.*)?$/i;

interface Pair {
  readonly first: IpAddress;
  readonly last: IpAddress;
}

/**
 * The range of a P2P line, or of one that is a range alone. The comment ends in a colon, and an address of IPv6 has
 * colons too, so the line can be read in several ways. The narrowest range is meant: any other one would have half of a
 * comment in its address.
 */
function narrowest(text: string): Pair | null {
  const dash = text.lastIndexOf('-');
  const last = parseIp(text.slice(dash + 1).trim());
  if (dash === -1 || last === undefined) return null;
  const left = text.slice(0, dash).trimEnd();
  let best: Pair | null = null;
  let width = 0n;
  // From the last colon on to the left, then the whole text, when it has so few colons.
  let colon = left.length;
  for (let count = 0; count <= MAX_COLONS + 1 && colon >= 0; count += 1) {
    colon = colon === 0 ? -1 : left.lastIndexOf(':', colon - 1);
    const pair = pairOf(left.slice(colon + 1).trim(), last.text);
    if (pair === null) continue;
    const [a, b] = [numberOf(pair.first), numberOf(pair.last)];
    const between = a < b ? b - a : a - b;
    if (best !== null && between >= width) continue;
    best = pair;
    width = between;
  }
  return best;
}

/** No address has more (`1:2:3:4:5:6:7::`). One more ends the comment. */
const MAX_COLONS = 8;

/** Two addresses of one family, or null. */
function pairOf(left: string, right: string): Pair | null {
  const [first, last] = [parseIp(left), parseIp(right)];
  return first === undefined || last === undefined || first.family !== last.family ? null : { first, last };
}

function numberOf({ bytes }: IpAddress): bigint {
  return BigInt(`0x${bytes.toString('hex')}`);
}

/** The first and the last address of a network. */
function endsOf({ bytes }: IpAddress, bits: number): { readonly first: Buffer; readonly last: Buffer } {
  const [first, last] = [Buffer.from(bytes), Buffer.from(bytes)];
  for (let at = 0; at < bytes.length; at += 1) {
    const hosts = 0xff >> Math.min(8, Math.max(0, bits - 8 * at));
    first[at] = (first[at] as number) & ~hosts;
    last[at] = (last[at] as number) | hosts;
  }
  return { first, last };
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

/** Whether nothing but a comment follows. */
function isRest(bytes: Uint8Array, begin: number, end: number): boolean {
  const at = skipBlanks(bytes, begin, end);
  if (at >= end || bytes[at] === HASH || bytes[at] === SEMICOLON) return true;
  return bytes[at] === SLASH && bytes[at + 1] === SLASH;
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
