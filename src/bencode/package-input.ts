/**
 * Spells out for the bencode package what it would misread, so that nothing is lost on the way through it.
 *
 * The package decodes keys as UTF-8. A key whose bytes are taken for Latin-1 and written as UTF-8 comes back as text
 * of one character a byte, none above U+00FF. Characters beyond that are therefore free to mark the rest.
 */
import type { Oddity } from './guard.js';

/** Before a key that means something to JavaScript. */
export const ESCAPE = '\u0100';
/** The key of a value that does not count, because an earlier key of the same name does. */
export const DROPPED = '\u0101';
/** The one key of a dictionary that stands for an integer; its value is the digits. */
export const LARGE_INTEGER = '\u0102';

const DROPPED_KEY = Buffer.from(string(DROPPED));
const INTEGER_BEGIN = Buffer.from(`d${string(LARGE_INTEGER)}`);

/** `bytes` with every oddity written in a way that the package gives back whole. */
export function packageInput(bytes: Buffer, oddities: readonly Oddity[]): Buffer {
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
