/** Reads bencoded bytes from front to back, for what is too large to be decoded to values first. */

import { COLON, DICTIONARY, END, INTEGER, LIST, MINUS, ZERO } from './characters.js';

export type BencodeKind = 'dictionary' | 'list' | 'integer' | 'string' | 'end';

/** The bytes have passed the guard. What each method asks for must stand there, as `next` says. */
export class BencodeReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** What comes next; 'end' is that of the list or dictionary that is open. */
  next(): BencodeKind {
    switch (this.#bytes[this.#at]) {
      case DICTIONARY:
        return 'dictionary';
      case LIST:
        return 'list';
      case INTEGER:
        return 'integer';
      case END:
        return 'end';
      default:
        return 'string';
    }
  }

  /** Goes into the list or dictionary that comes next. */
  open(): void {
    this.#at += 1;
  }

  /** Goes on behind the end that comes next. */
  close(): void {
    this.#at += 1;
  }

  /** The string that comes next, as a view. */
  string(): Buffer {
    const begin = this.#content();
    return this.#bytes.subarray(begin, this.#at);
  }

  /** The string that comes next, one character for each byte: a key, as in a `BencodeDictionary`. */
  key(): string {
    const begin = this.#content();
    return this.#bytes.toString('latin1', begin, this.#at);
  }

  /** The integer that comes next; undefined when a number would not hold it exactly. */
  integer(): number | undefined {
    const bytes = this.#bytes;
    const isNegative = bytes[this.#at + 1] === MINUS;
    this.#at += isNegative ? 2 : 1;
    let value = 0;
    for (; bytes[this.#at] !== END; this.#at += 1) value = value * 10 + ((bytes[this.#at] as number) - ZERO);
    this.#at += 1;
    if (value > Number.MAX_SAFE_INTEGER) return undefined;
    return isNegative ? 0 - value : value;
  }

  /** Passes over the value that comes next. */
  skip(): void {
    let depth = 0;
    do {
      const kind = this.next();
      if (kind === 'string') this.#content();
      else if (kind === 'integer') this.integer();
      else {
        depth += kind === 'end' ? -1 : 1;
        this.#at += 1;
      }
    } while (depth > 0);
  }

  /** Passes over the string that comes next, and returns where its content begins. */
  #content(): number {
    const bytes = this.#bytes;
    let length = 0;
    for (; bytes[this.#at] !== COLON; this.#at += 1) length = length * 10 + (bytes[this.#at] as number) - ZERO;
    const begin = this.#at + 1;
    this.#at = begin + length;
    return begin;
  }
}
