/**
 * Decodes bencoded bytes to values. Only this module imports the bencode package. The package sees only bytes that the
 * guard has passed.
 */
import bencode from 'bencode';
import { bufferOf } from '../base/bytes.js';
import { BtgetError } from '../base/failure.js';
import { type BencodeRules, type Oddity, type Span, scanBencode } from './guard.js';

/**
 * A decoded value. An integer outside ±(2^53 − 1) is a bigint, so a number is always exact. Lists and dictionaries are
 * nested no deeper than the rules allowed.
 */
export type BencodeValue = number | bigint | Buffer | readonly BencodeValue[] | BencodeDictionary;

/**
 * Each key is a string of bytes, written as Latin-1: one character for each byte, none above U+00FF. So an ASCII key
 * reads as it looks. It is a map because some keys (`__proto__`) have a meaning in a JavaScript object. The entries
 * need not be in the order of the bytes.
 */
export type BencodeDictionary = ReadonlyMap<string, BencodeValue>;

/** The value, where it ends, and the original bytes of what `rules` name. */
export interface DecodedBencode {
  /** An empty string stands for each value of `rules.unreadKeys`. */
  readonly value: BencodeValue;
  /** Where the root value ends: `bytes.length`, unless bytes follow and the rules ignore them. */
  readonly end: number;
  /** A view of the original bytes of the value of `rules.rawKey`; null when there is no such key. */
  readonly raw: Buffer | null;
  /** Whether `raw` is written in BEP 3's one way. */
  readonly isRawCanonical: boolean;
  /** Views of the original bytes of the values of those of `rules.unreadKeys` that are there. */
  readonly unread: ReadonlyMap<string, Buffer>;
}

/**
 * Decodes `bytes` under `rules`. Throws a 'not-bencoded' BtgetError that names the offset and what is wrong there; it
 * throws no other error. When the rules let a dictionary have a key twice, the first one counts.
 */
export function decodeBencode(bytes: Buffer, rules: BencodeRules): BencodeValue {
  return decodeBencodeParts(bytes, rules).value;
}

/** As `decodeBencode`, and says also where the value ends and which bytes stand for what `rules` name. */
export function decodeBencodeParts(bytes: Buffer, rules: BencodeRules): DecodedBencode {
  const scan = scanBencode(bytes, rules);
  if (!scan.ok) throw new BtgetError('not-bencoded', `not bencoded: ${scan.why}, at byte ${scan.at}`);
  const value = fromPackage(bencode.decode(packageInput(bytes.subarray(0, scan.end), scan.oddities)));
  const viewOf = ({ begin, end }: Span) => bytes.subarray(begin, end);
  const unread = new Map([...scan.unread].map(([key, span]) => [key, viewOf(span)]));
  const raw = scan.raw === null ? null : viewOf(scan.raw);
  return { value, end: scan.end, raw, isRawCanonical: scan.isRawCanonical, unread };
}

function fromPackage(value: unknown): BencodeValue {
  // Tolerant rules let minus zero through. Adding zero makes it a plain zero.
  if (typeof value === 'number') return value + 0;
  if (value instanceof Uint8Array) return bufferOf(value);
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

/** Stands before a key that has a meaning in a JavaScript object. */
const ESCAPE = '\u0100';
/** The key of a value that does not count, because an earlier key of the same name does. */
const DROPPED = '\u0101';
/** The one key of a dictionary that stands for an integer; its value is the digits. */
const LARGE_INTEGER = '\u0102';

const DROPPED_KEY = Buffer.from(string(DROPPED));
const UNREAD = Buffer.from(string(''));
const INTEGER_BEGIN = Buffer.from(`d${string(LARGE_INTEGER)}`);

/**
 * Returns `bytes` with every oddity written in a way that the package gives back whole.
 *
 * The package decodes keys as UTF-8. So a key is read as Latin-1 and written as UTF-8: the package then gives it back
 * with one character for each byte, none above U+00FF. The characters above U+00FF are free, and mark the other
 * oddities.
 */
function packageInput(bytes: Buffer, oddities: readonly Oddity[]): Buffer {
  if (oddities.length === 0) return bytes;
  // Hostile bytes may consist of oddities alone, so each oddity is written in its place and gets no buffer of its own.
  const input = Buffer.allocUnsafe(oddities.reduce((sum, oddity) => sum + growthOf(oddity), bytes.length));
  let length = 0;
  let copied = 0;
  for (const { kind, begin, end } of oddities) {
    length += bytes.copy(input, length, copied, begin);
    copied = end;
    if (kind === 'duplicate') length += DROPPED_KEY.copy(input, length);
    else if (kind === 'unread') length += UNREAD.copy(input, length);
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

/** How many bytes an oddity may need in addition to its own, or fewer: a Latin-1 character becomes two at most. */
function growthOf({ kind, begin, end }: Oddity): number {
  if (kind === 'key') return end - begin + ESCAPE.length * 2 + 1;
  if (kind === 'unread') return UNREAD.length - (end - begin);
  return kind === 'duplicate' ? DROPPED_KEY.length : INTEGER_BEGIN.length + 4;
}

function string(text: string): string {
  return `${Buffer.byteLength(text)}:${text}`;
}
