/**
 * Bytes to bencoded values. The only importer of the bencode package, which sees nothing that the guard has not passed.
 */
import bencode from 'bencode';
import { BtgetError } from '../base/failure.js';
import { type BencodeRules, scanBencode } from './guard.js';
import { DROPPED, ESCAPE, LARGE_INTEGER, packageInput } from './package-input.js';

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
