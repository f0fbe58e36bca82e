/** Cleans text that the user gives: a SOURCE without what surrounds it or without secrets, and bytes as text. */
import { redactText, redactUrl } from '../../base/redaction.js';

const BLANK = /[\s\p{Cc}\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/u;
const QUOTES = '"\'`´‘’‚‛“”„‟«»‹›';

/**
 * `text` without the blanks, quotes of any kind and `<…>` around it. Users often copy these with a source from a mail,
 * a page or a list. No-break spaces, byte order marks and line ends count as blanks.
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
 * A source for messages, without the secrets of URLs and links in it. A source that begins like a URL counts as one URL
 * to its end, because its password may hold blanks and any other characters.
 */
export function shownSource(source: string): string {
  const text = bareSource(source);
  return /^(?:[a-z][a-z0-9+.-]*:\/\/|https?:|udp:|magnet(?::|%3a))/i.test(text) ? redactUrl(text) : redactText(source);
}

/** Decodes UTF-8, or UTF-16 after its byte order mark: some editors and shells write that. */
export function decodeText(bytes: Buffer): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return bytes.toString('utf16le', 2);
  if (first === 0xfe && second === 0xff)
    return Buffer.from(bytes.subarray(2, bytes.length & ~1))
      .swap16()
      .toString('utf16le');
  return bytes.toString('utf8');
}
