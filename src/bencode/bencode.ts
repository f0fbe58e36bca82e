/**
 * Bytes to bencoded values. The only importer of the bencode package, which sees nothing that the guard has not passed.
 */
import bencode from 'bencode';
import { BtgetError } from '../base/failure.js';
import { type BencodeRules, type Oddity, scanBencode } from './guard.js';

/**
 * A decoded value. An integer is a bigint only beyond ±(2^53 − 1), so a number is always exact. Lists and dictionaries
 * are nested no deeper than the rules allowed.
 */
export type BencodeValue = number | bigint | Buffer | readonly BencodeValue[] | BencodeDictionary;

/**
 * Keys are bytes, written as Latin-1: one character a byte, none above U+00FF. Keys that are ASCII read as they look,
 * and no key means anything to JavaScript. The order is not that of the bytes.
 */
export type BencodeDictionary = ReadonlyMap<string, BencodeValue>;

export interface DecodedBencode {
  readonly value: BencodeValue;
  /** Where the root value ends: `bytes.length`, unless bytes follow and the rules ignore them. */
  readonly end: number;
  /** A view of the original bytes of the value of `rules.rawKey`; null when there is no such key. */
  readonly raw: Buffer | null;
}

/**
 * The value that `bytes` spell. Throws a 'not-bencoded' BtgetError that names the offset and what is wrong there, and
 * nothing else. Where the rules let a dictionary have a key twice, the first one counts.
 */
export function decodeBencode(bytes: Buffer, rules: BencodeRules): BencodeValue {
  return decodeBencodeParts(bytes, rules).value;
}

/** As `decodeBencode`, with what must be known of the bytes themselves. */
export function decodeBencodeParts(bytes: Buffer, rules: BencodeRules): DecodedBencode {
  const scan = scanBencode(bytes, rules);
  if (!scan.ok) throw new BtgetError('not-bencoded', `not bencoded: ${scan.why}, at byte ${scan.at}`);
  const value = fromPackage(bencode.decode(packageInput(bytes.subarray(0, scan.end), scan.oddities)));
  const raw = scan.raw === null ? null : bytes.subarray(scan.raw.begin, scan.raw.end);
  return { value, end: scan.end, raw };
}

function fromPackage(value: unknown): BencodeValue {
  // Adding zero makes a plain zero of the minus zero that tolerant rules let through.
  if (typeof value === 'number') return value + 0;
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (Array.isArray(value)) return value.map(fromPackage);
  return fromPackageDictionary(value as Readonly<Record<string, unknown>>);
}

function fromPackageDictionary(object: Readonly<Record<string, unknown>>): bigint | BencodeDictionary {
  const dictionary = new Map<string, BencodeValue>();
  for (const key of Object.keys(object)) {
    const value = object[key];
    if (key === LARGE_INTEGER) return BigInt(Buffer.from(value as Uint8Array).toString('latin1'));
    if (key === DROPPED) continue;
    dictionary.set(key.startsWith(ESCAPE) ? key.slice(ESCAPE.length) : key, fromPackage(value));
  }
  return dictionary;
}

/** Before a key that means something to JavaScript. */
const ESCAPE = '\u0100';
/** The key of a value that does not count, because an earlier key of the same name does. */
const DROPPED = '\u0101';
/** The one key of a dictionary that stands for an integer; its value is the digits. */
const LARGE_INTEGER = '\u0102';

const DROPPED_KEY = Buffer.from(string(DROPPED));
const INTEGER_BEGIN = Buffer.from(`d${string(LARGE_INTEGER)}`);

/**
 * Spells out for the bencode package what it would misread, so that nothing is lost on the way through it.
 *
 * The package decodes keys as UTF-8. A key whose bytes are taken for Latin-1 and written as UTF-8 comes back as text
 * of one character a byte, none above U+00FF. Characters beyond that are therefore free to mark the rest.
 *
 * `bytes` with every oddity written in a way that the package gives back whole.
 */
function packageInput(bytes: Buffer, oddities: readonly Oddity[]): Buffer {
  if (oddities.length === 0) return bytes;
  // Hostile bytes are nothing but oddities: each is written in its place, with no buffer of its own.
  const input = Buffer.allocUnsafe(oddities.reduce((sum, oddity) => sum + growthOf(oddity), bytes.length));
  let length = 0;
  let copied = 0;
  for (const { kind, begin, end } of oddities) {
    length += bytes.copy(input, length, copied, begin);
    copied = end;
    if (kind === 'duplicate') length += DROPPED_KEY.copy(input, length);
    else if (kind === 'integer') {
      length += INTEGER_BEGIN.copy(input, length);
      length += input.write(`${end - begin - 2}:`, length, 'latin1');
      length += bytes.copy(input, length, begin + 1, end - 1);
      length += input.write('e', length, 'latin1');
    } else {
      const key = bytes.toString('latin1', bytes.indexOf(':', begin) + 1, end);
      length += input.write(string(key === '__proto__' ? `${ESCAPE}${key}` : key), length);
    }
  }
  length += bytes.copy(input, length, copied);
  return input.subarray(0, length);
}

/** Bytes that a token may need more than it has: a Latin-1 character becomes two bytes at most. */
function growthOf({ kind, begin, end }: Oddity): number {
  if (kind === 'key') return end - begin + ESCAPE.length * 2 + 1;
  return kind === 'duplicate' ? DROPPED_KEY.length : INTEGER_BEGIN.length + 4;
}

function string(text: string): string {
  return `${Buffer.byteLength(text)}:${text}`;
}
