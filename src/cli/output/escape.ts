/** Makes text from torrents, peers and trackers fit for a terminal and for a line of JSON. */
import { UNPRINTABLE } from '../../base/unprintable.js';
import { columnsOfGrapheme, graphemesOf } from './graphemes.js';

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

/** Text of which each UTF-16 unit is one narrow character. Most text is, and needs no closer look. */
const NARROW = /^[\x20-\x7e\xa0-\xac\xae-\u02ff]*$/;

/** How many columns of a terminal `text` takes, as well as we can know without asking the terminal. */
export function columnsOf(text: string): number {
  if (NARROW.test(text)) return text.length;
  let columns = 0;
  for (const grapheme of graphemesOf(text)) columns += columnsOfGrapheme(grapheme);
  return columns;
}

/** `text` in at most `columns` columns, with `…` where it was cut. No grapheme is cut. */
export function fitTo(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  if (columns <= 0) return '';
  let length = 0;
  let room = columns - 1;
  for (const grapheme of graphemesOf(text)) {
    room -= columnsOfGrapheme(grapheme);
    if (room < 0) break;
    length += grapheme.length;
  }
  return `${text.slice(0, length)}…`;
}
