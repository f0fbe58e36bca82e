/** Makes text from torrents, peers and trackers fit for a terminal and for a line of JSON. */
import { UNPRINTABLE } from '../../base/unprintable.js';

/** `text` with an escape for each unprintable character: `\x1b`, `\u202e` or `\u{e0041}`. It has no line break. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, escaped);
}

/** `value` as JSON in one line. Unprintable characters stand as escapes of JSON, so a parser gets the same value. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replace(UNPRINTABLE, (character) =>
    character
      .split('')
      .map((unit) => `\\u${hex(unit.charCodeAt(0), 4)}`)
      .join(''),
  );
}

/** In UTF-16 units. A sentence may quote text of any length from a peer, a tracker or a torrent. */
const MAX_SENTENCE_LENGTH = 600;

/**
 * `text` in at most `length` UTF-16 units. A longer text keeps its beginning and its end, with `…` between them: the
 * end of a sentence tells the reason.
 */
export function abridged(text: string, length = MAX_SENTENCE_LENGTH): string {
  if (text.length <= length) return text;
  const end = Math.floor(length / 3);
  // A cut may leave half of a pair of surrogates, which is no character.
  const head = text.slice(0, length - end - 1).replace(/[\ud800-\udbff]$/, '');
  return `${head}…${text.slice(-end).replace(/^[\udc00-\udfff]/, '')}`;
}

function escaped(character: string): string {
  const code = character.codePointAt(0) as number;
  if (code < 0x100) return `\\x${hex(code, 2)}`;
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\u{${hex(code, 5)}}`;
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}

// East Asian wide and full-width characters, and pictures, take two columns.
const WIDE = new RegExp(
  '[\\u1100-\\u115f\\u2e80-\\u303e\\u3041-\\ua4cf\\ua960-\\ua97f\\uac00-\\ud7a3\\uf900-\\ufaff\\ufe30-\\ufe6f' +
    '\\uff01-\\uff60\\uffe0-\\uffe6\\u{1f300}-\\u{1faff}\\u{20000}-\\u{3fffd}]',
  'u',
);
const NO_WIDTH = /[\p{Mn}\p{Me}\u200b-\u200d\ufeff]/u;

/** How many columns of a terminal `text` takes, as well as we can know without asking the terminal. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text) columns += columnsOfCharacter(character);
  return columns;
}

/** `text` in at most `columns` columns, with `…` where it was cut. */
export function fitTo(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  let kept = '';
  let room = columns - 1;
  for (const character of text) {
    room -= columnsOfCharacter(character);
    if (room < 0) break;
    kept += character;
  }
  return columns > 0 ? `${kept}…` : '';
}

function columnsOfCharacter(character: string): number {
  if (NO_WIDTH.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}
