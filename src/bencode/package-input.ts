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

/** `bytes` with every oddity written in a way that the package gives back whole. */
export function packageInput(bytes: Buffer, oddities: readonly Oddity[]): Buffer {
  if (oddities.length === 0) return bytes;
  const parts: Buffer[] = [];
  let copied = 0;
  for (const oddity of oddities) {
    parts.push(bytes.subarray(copied, oddity.begin), spelledOut(bytes.subarray(oddity.begin, oddity.end), oddity.kind));
    copied = oddity.end;
  }
  parts.push(bytes.subarray(copied));
  return Buffer.concat(parts);
}

function spelledOut(token: Buffer, kind: Oddity['kind']): Buffer {
  if (kind === 'duplicate') return string(DROPPED);
  if (kind === 'integer') {
    const digits = token.toString('latin1', 1, token.length - 1);
    return Buffer.concat([Buffer.from('d'), string(LARGE_INTEGER), string(digits), Buffer.from('e')]);
  }
  const key = token.toString('latin1', token.indexOf(':') + 1);
  return string(key === '__proto__' ? `${ESCAPE}${key}` : key);
}

function string(text: string): Buffer {
  return Buffer.from(`${Buffer.byteLength(text)}:${text}`);
}
