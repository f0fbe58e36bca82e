/** What people hand on as text: the words of a SOURCE without what surrounds them, and bytes as text. */
import { redactText, redactUrl } from '../../base/redaction.js';

const BLANK = /[\s\p{Cc}\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/u;
const QUOTES = '"\'`´‘’‚‛“”„‟«»‹›';

/**
 * `text` without blanks (those that do not break, byte order marks and line ends too), quotes of any kind and `<…>`
 * around it: what comes along when a source is copied out of a mail, a page or a list.
 */
export function bareSource(text: string): string {
  let begin = 0;
  let end = text.length;
  while (begin < end && surrounds(text.charAt(begin), '<')) begin += 1;
  while (begin < end && surrounds(text.charAt(end - 1), '>')) end -= 1;
  return text.slice(begin, end);
}

function surrounds(character: string, bracket: string): boolean {
  return character === bracket || QUOTES.includes(character) || BLANK.test(character);
}

/**
 * A source as it may be shown: the URLs and links among them without their secrets. The whole of one is a URL, whatever
 * blanks and signs stand in its password.
 */
export function shownSource(source: string): string {
  const text = bareSource(source);
  return /^(?:[a-z][a-z0-9+.-]*:\/\/|https?:|udp:|magnet(?::|%3a))/i.test(text) ? redactUrl(text) : redactText(source);
}

/** UTF-8, or UTF-16 when it begins with the byte order mark of that, as some editors and shells write. */
export function decodeText(bytes: Buffer): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return bytes.toString('utf16le', 2);
  if (first === 0xfe && second === 0xff)
    return Buffer.from(bytes.subarray(2, bytes.length & ~1))
      .swap16()
      .toString('utf16le');
  return bytes.toString('utf8');
}
