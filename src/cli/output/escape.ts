/** What may reach a terminal or one line of JSON, whatever a torrent, a peer or a tracker said. */
import { UNPRINTABLE } from '../../base/unprintable.js';

/**
 * `text` with every unprintable character shown as its escape, `\x1b`, `\u202e` or `\u{e0041}`. It has no line break.
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, escaped);
}

/** `value` as JSON on one line: the same characters stand as escapes, which mean the same to whoever parses it. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replace(UNPRINTABLE, (character) =>
    character
      .split('')
      .map((unit) => `\\u${hex(unit.charCodeAt(0), 4)}`)
      .join(''),
  );
}

/** Characters of a sentence. What others gave us stands in it as they gave it, and that may be of any length. */
const MAX_SENTENCE_LENGTH = 600;

/** `text`, or of a text that is longer its beginning and its end, where the reason stands, with `…` between them. */
export function abridged(text: string, length = MAX_SENTENCE_LENGTH): string {
  if (text.length <= length) return text;
  const end = Math.floor(length / 3);
  // Neither half of a pair of surrogates is a character.
  return `${text.slice(0, length - end - 1).replace(/[\ud800-\udbff]$/, '')}…${text.slice(-end).replace(/^[\udc00-\udfff]/, '')}`;
}

function escaped(character: string): string {
  const code = character.codePointAt(0) as number;
  if (code < 0x100) return `\\x${hex(code, 2)}`;
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\u{${hex(code, 5)}}`;
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}

// East Asian wide and full-width ranges, and pictures: they take two columns.
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const NO_WIDTH = /[\p{Mn}\p{Me}\u200b-\u200d\ufeff]/u;

/** How many columns of a terminal `text` takes, as nearly as one can know without asking the terminal. */
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
