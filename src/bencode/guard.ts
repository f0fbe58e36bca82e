/**
 * Scans bencode before anything decodes it. The scan does not recurse, limits depth and tokens, and checks every
 * length.
 *
 * The bencode package may see only bytes that passed: it never returns from `d-3:`, and deep nesting overflows its
 * stack. It also misreads some well-formed tokens; the scan lists them as `oddities`.
 */

import { COLON, DICTIONARY, END, INTEGER, LIST, MINUS, ZERO } from './characters.js';

/** Which bytes count as bencode. Every field is required; `CANONICAL` and `TOLERANT` are the usual sets. */
export interface BencodeRules {
  /** How many lists and dictionaries may be open at once. */
  readonly maxDepth: number;
  /** How many values and keys there may be in all. A list or dictionary counts as one, even when it is empty. */
  readonly maxTokens: number;
  /** Only BEP 3's one way to write a value passes: keys sorted and unique, no leading zero, no minus zero. */
  readonly canonical: boolean;
  /** What becomes of bytes after the root value: the scan fails, or it ignores them. */
  readonly trailing: 'refused' | 'ignored';
  /**
   * The key of the root dictionary whose value is needed as the original bytes, or null for none. These bytes get
   * hashed, so they must have one meaning only: the key itself and every key inside its value must be unique, even when
   * the rules are not canonical.
   */
  readonly rawKey: string | null;
  /**
   * Keys of the dictionary that `rawKey` has: their values are not decoded. For values of very many parts, which their
   * readers take from the bytes.
   */
  readonly unreadKeys: readonly string[];
}

/** For data that must follow BEP 3 to the letter. */
export const CANONICAL: BencodeRules = {
  maxDepth: 100,
  maxTokens: 3_000_000,
  canonical: true,
  trailing: 'refused',
  rawKey: null,
  unreadKeys: [],
};

/** For what real trackers, peers and .torrent files contain: keys in any order, leading zeros, bytes after the end. */
export const TOLERANT: BencodeRules = { ...CANONICAL, canonical: false, trailing: 'ignored' };

/** The bytes from `begin` up to `end`; `end` is not included. */
export interface Span {
  readonly begin: number;
  readonly end: number;
}

/**
 * A well-formed token that the bencode package would misread, or must not read.
 * - 'key': not ASCII, or `__proto__`
 * - 'duplicate': a key that stood in the same dictionary before
 * - 'integer': an integer outside ±(2^53 − 1), where numbers lose digits
 * - 'unread': the value of one of `unreadKeys`
 */
export interface Oddity extends Span {
  readonly kind: 'key' | 'duplicate' | 'integer' | 'unread';
}

/** What a scan found: the bytes pass, or the first byte that is wrong. */
export type Scan =
  /**
   * `end` is where the root value ends; `raw` is the value of `rawKey`, or null when it is not there. `isRawCanonical`:
   * `CANONICAL` would let that value pass. `unread`: the values of those of `unreadKeys` that are there.
   */
  | {
      readonly ok: true;
      readonly end: number;
      readonly raw: Span | null;
      readonly isRawCanonical: boolean;
      readonly unread: ReadonlyMap<string, Span>;
      readonly oddities: readonly Oddity[];
    }
  /** `at` is the offset of the wrong byte. `isCutShort`: no byte is wrong, but the end of the value is missing. */
  | { readonly ok: false; readonly at: number; readonly why: string; readonly isCutShort: boolean };

/** Scans the value at the beginning of `bytes`. Throws nothing, whatever the bytes are. */
export function scanBencode(bytes: Buffer, rules: BencodeRules): Scan {
  return new Scanner(bytes, rules).scan();
}

const NINE = 0x39;
const ASCII_END = 0x80;

/** 2^64 has 20 digits. Clients write counters of that size; no honest client writes a longer integer. */
const MAX_DIGITS = 20;

/** One list or dictionary that has begun and not ended. */
interface Open {
  readonly isDictionary: boolean;
  /** A dictionary's next token must be a key or its end. */
  awaitsKey: boolean;
  /** Where this dictionary's keys begin on the stack of keys. */
  readonly keysFrom: number;
  /**
   * All keys so far, from the first one that is out of order; null before that, because then the last key is enough.
   */
  seen: Set<string> | null;
}

class Scanner {
  readonly #bytes: Buffer;
  readonly #rules: BencodeRules;
  readonly #open: Open[] = [];
  /** Where the keys of all open dictionaries stand: begin, end, begin, end, and so on. */
  readonly #keys: number[] = [];
  readonly #oddities: Oddity[] = [];
  #at = 0;
  #tokens = 0;
  #why: string | null = null;
  #isCutShort = false;
  #rawBegin: number | null = null;
  #rawEnd: number | null = null;
  #isRawCanonical = true;
  readonly #unread = new Map<string, Span>();
  /** A value that stays unread has begun: its key, and how many oddities stood before it. */
  #unreadBegun: { readonly key: string; readonly begin: number; readonly oddities: number } | null = null;

  constructor(bytes: Buffer, rules: BencodeRules) {
    this.#bytes = bytes;
    this.#rules = rules;
  }

  scan(): Scan {
    do {
      this.#token();
      if (this.#why !== null) return { ok: false, at: this.#at, why: this.#why, isCutShort: this.#isCutShort };
    } while (this.#open.length > 0);
    if (this.#at < this.#bytes.length && this.#rules.trailing === 'refused') {
      return { ok: false, at: this.#at, why: 'bytes follow the end', isCutShort: false };
    }
    const raw = this.#rawBegin === null || this.#rawEnd === null ? null : { begin: this.#rawBegin, end: this.#rawEnd };
    const [isRawCanonical, unread, oddities] = [this.#isRawCanonical, this.#unread, this.#oddities];
    return { ok: true, end: this.#at, raw, isRawCanonical, unread, oddities };
  }

  get #isInRaw(): boolean {
    return this.#rawBegin !== null && this.#rawEnd === null;
  }

  /** What stands at offset `at` is not BEP 3's one way to write it. */
  #notCanonical(why: string, at: number): void {
    if (this.#rules.canonical) {
      this.#at = at;
      this.#fail(why);
    } else if (this.#isInRaw) this.#isRawCanonical = false;
  }

  #fail(why: string, fault: 'wrong byte' | 'cut short' = 'wrong byte'): void {
    if (this.#why !== null) return;
    const atEnd = this.#at >= this.#bytes.length;
    this.#why = atEnd ? 'the bytes end too early' : why;
    this.#isCutShort = atEnd || fault === 'cut short';
  }

  #token(): void {
    const open = this.#open.at(-1);
    const byte = this.#bytes[this.#at];
    if (open !== undefined && byte === END) {
      this.#close(open);
      return;
    }
    this.#tokens += 1;
    if (this.#tokens > this.#rules.maxTokens) this.#fail(`more than ${this.#rules.maxTokens} values`);
    else if (open?.awaitsKey) this.#key(open);
    else if (byte === LIST || byte === DICTIONARY) this.#begin(byte === DICTIONARY);
    else if (byte === INTEGER) this.#integer();
    else if (isDigit(byte)) {
      this.#string();
      this.#valueEnded();
    } else this.#fail('a value should begin here');
  }

  #begin(isDictionary: boolean): void {
    if (this.#open.length >= this.#rules.maxDepth) {
      this.#fail(`nested deeper than ${this.#rules.maxDepth}`);
      return;
    }
    this.#open.push({ isDictionary, awaitsKey: isDictionary, keysFrom: this.#keys.length, seen: null });
    this.#at += 1;
  }

  #close(open: Open): void {
    if (open.isDictionary && !open.awaitsKey) {
      this.#fail('a key has no value');
      return;
    }
    this.#keys.length = open.keysFrom;
    this.#open.pop();
    this.#at += 1;
    this.#valueEnded();
  }

  #valueEnded(): void {
    const open = this.#open.at(-1);
    if (open?.isDictionary) open.awaitsKey = true;
    if (this.#open.length === 1 && this.#rawBegin !== null) this.#rawEnd ??= this.#at;
    if (this.#open.length === 2 && this.#unreadBegun !== null) {
      const { key, begin, oddities } = this.#unreadBegun;
      const span = { begin, end: this.#at };
      this.#oddities.length = oddities;
      this.#oddities.push({ kind: 'unread', ...span });
      this.#unread.set(key, span);
      this.#unreadBegun = null;
    }
  }

  #integer(): void {
    const begin = this.#at;
    const bytes = this.#bytes;
    this.#at += 1;
    const negative = bytes[this.#at] === MINUS;
    if (negative) this.#at += 1;
    const digits = this.#at;
    let value = 0;
    for (let byte = bytes[this.#at]; byte !== undefined && byte >= ZERO && byte <= NINE; byte = bytes[this.#at]) {
      if (this.#at - digits >= MAX_DIGITS) break;
      value = value * 10 + (byte - ZERO);
      this.#at += 1;
    }
    const count = this.#at - digits;
    if (count === MAX_DIGITS && isDigit(bytes[this.#at])) this.#fail(`an integer has more than ${MAX_DIGITS} digits`);
    else if (count === 0 || bytes[this.#at] !== END) this.#fail('a digit should stand here');
    else {
      if (bytes[digits] === ZERO && (negative || count > 1)) this.#notCanonical('an integer begins with zero', digits);
      if (this.#why !== null) return;
      this.#at += 1;
      if (value > Number.MAX_SAFE_INTEGER) this.#oddities.push({ kind: 'integer', begin, end: this.#at });
      this.#valueEnded();
    }
  }

  /** Scans a string, and returns where its content begins. */
  #string(): number {
    const bytes = this.#bytes;
    const digits = this.#at;
    let length = 0;
    for (let byte = bytes[this.#at]; byte !== undefined && byte >= ZERO && byte <= NINE; byte = bytes[this.#at]) {
      length = length * 10 + (byte - ZERO);
      if (length > bytes.length) break;
      this.#at += 1;
    }
    if (length > bytes.length) this.#fail('a string is longer than all bytes there are', 'cut short');
    else if (this.#at === digits) this.#fail('the length of a string should stand here');
    else if (bytes[this.#at] !== COLON) this.#fail('a colon should stand here');
    else if (length > bytes.length - this.#at - 1) this.#fail('a string goes beyond the end', 'cut short');
    else if (bytes[digits] === ZERO && this.#at - digits > 1) {
      this.#notCanonical('the length of a string begins with zero', this.#at);
    }
    const content = this.#at + 1;
    if (this.#why === null) this.#at = content + length;
    return content;
  }

  #key(open: Open): void {
    const token = this.#at;
    const begin = this.#string();
    if (this.#why !== null) return;
    const end = this.#at;
    const isDuplicate = this.#isDuplicate(open, token, begin, end);
    if (this.#why !== null) return;
    this.#keys.push(begin, end);
    open.awaitsKey = false;
    if (this.#open.length === 1 && this.#rules.rawKey !== null && this.#isText(begin, end, this.#rules.rawKey)) {
      this.#rawBegin = end;
    }
    if (this.#open.length === 2 && this.#isInRaw) {
      const key = this.#rules.unreadKeys.find((unread) => this.#isText(begin, end, unread));
      if (key !== undefined) this.#unreadBegun = { key, begin: end, oddities: this.#oddities.length };
    }
    if (isDuplicate) this.#oddities.push({ kind: 'duplicate', begin: token, end });
    else if (!this.#isPlain(begin, end)) this.#oddities.push({ kind: 'key', begin: token, end });
  }

  #isDuplicate(open: Open, token: number, begin: number, end: number): boolean {
    let isDuplicate = false;
    if (open.seen === null && this.#keys.length > open.keysFrom) {
      const [lastBegin = 0, lastEnd = 0] = this.#keys.slice(-2);
      const order = this.#bytes.compare(this.#bytes, lastBegin, lastEnd, begin, end);
      isDuplicate = order === 0;
      if (order < 0) {
        this.#notCanonical('a key is out of order', token);
        open.seen = this.#keysOf(open);
      }
    }
    if (open.seen !== null) {
      const key = this.#bytes.toString('latin1', begin, end);
      isDuplicate = open.seen.has(key);
      open.seen.add(key);
    }
    if (isDuplicate && this.#mustBeUnique(begin, end)) {
      this.#at = token;
      this.#fail('a key stands twice in one dictionary');
    }
    return isDuplicate;
  }

  #mustBeUnique(begin: number, end: number): boolean {
    const { canonical, rawKey } = this.#rules;
    if (canonical || rawKey === null) return canonical;
    if (this.#open.length === 1) return this.#isText(begin, end, rawKey);
    return this.#isInRaw;
  }

  #keysOf(open: Open): Set<string> {
    const keys = new Set<string>();
    for (let i = open.keysFrom; i < this.#keys.length; i += 2) {
      keys.add(this.#bytes.toString('latin1', this.#keys[i], this.#keys[i + 1]));
    }
    return keys;
  }

  #isText(begin: number, end: number, text: string): boolean {
    return end - begin === text.length && this.#bytes.toString('latin1', begin, end) === text;
  }

  /** True when the bencode package gives this key back as it is. */
  #isPlain(begin: number, end: number): boolean {
    for (let i = begin; i < end; i += 1) {
      if ((this.#bytes[i] as number) >= ASCII_END) return false;
    }
    return !this.#isText(begin, end, '__proto__');
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= NINE;
}
