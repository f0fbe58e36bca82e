import { redactUrl } from '../../base/redaction.js';
import { UNPRINTABLE } from '../../base/unprintable.js';
import { urlOf } from '../../base/url.js';
import { withoutEnd } from '../../base/without-end.js';
import type { AnnounceRequest } from './tracker-client.js';

const MAX_URL_LENGTH = 4096;
const MAX_SHOWN_LENGTH = 400;

/**
 * The characters that RFC 3986 allows unescaped everywhere. Some trackers compare escaped info-hashes as text, so we
 * escape all others.
 */
const UNRESERVED = /[A-Za-z0-9._~-]/;

/** `bytes` as a query has them: unreserved characters plain, all other bytes as `%XX`. */
export function escapeBytes(bytes: Buffer): string {
  let escaped = '';
  for (const byte of bytes) {
    const character = String.fromCharCode(byte);
    escaped += UNRESERVED.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return escaped;
}

/** Why we do not fetch a URL, as a sentence without secrets. */
export interface UrlRefusal {
  readonly ok: false;
  readonly code: 'forbidden';
  readonly message: string;
}

export type UrlOutcome = { readonly ok: true; readonly url: URL } | UrlRefusal;

/** The URL that `text` from a torrent, a redirect or a user spells. We fetch only `http:` and `https:`. */
export function parseHttpUrl(text: string): UrlOutcome {
  const outcome = parseUrl(text);
  if (!outcome.ok || outcome.url.protocol === 'http:' || outcome.url.protocol === 'https:') return outcome;
  return forbidden(`${outcome.url.protocol} urls are not fetched`);
}

/**
 * The URL that `text` spells. We refuse a text that is too long. We also refuse one with a control character or a
 * space, because it could get into a request line or a header.
 */
export function parseUrl(text: string): UrlOutcome {
  if (text.length > MAX_URL_LENGTH) return forbidden(`url of ${text.length} characters is too long`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u0020\u007f]/.test(text)) return forbidden('url holds a control character or a space');
  const url = urlOf(text);
  return url === undefined ? forbidden(`not a url: ${shownUrl(text)}`) : { ok: true, url };
}

/** BEP 3's announce as a URL. If the tracker's URL has a query, ours follows it. */
export function announceUrl(request: AnnounceRequest): UrlOutcome {
  const outcome = parseHttpUrl(request.url.whole);
  if (!outcome.ok) return outcome;
  const { url } = outcome;
  const fields = [
    `info_hash=${escapeBytes(request.infoHash)}`,
    `peer_id=${escapeBytes(request.peerId)}`,
    `port=${request.port}`,
    `uploaded=${request.uploaded}`,
    `downloaded=${request.downloaded}`,
    `left=${request.left}`,
    `key=${request.key}`,
    'compact=1',
    `numwant=${request.numwant}`,
  ];
  if (request.event !== null) fields.push(`event=${request.event}`);
  if (request.trackerId !== null) fields.push(`trackerid=${escapeBytes(Buffer.from(request.trackerId, 'latin1'))}`);
  if (request.encryption === 'supported') fields.push('supportcrypto=1');
  if (request.encryption === 'required') fields.push('requirecrypto=1');
  url.hash = '';
  const own = withoutEnd(url.search.slice(1), '&');
  url.search = own === '' ? fields.join('&') : `${own}&${fields.join('&')}`;
  return outcome;
}

/** The URL `text` as we may show it: without secrets and control characters, at most `MAX_SHOWN_LENGTH` bytes. */
export function shownUrl(text: string): string {
  return printable(redactUrl(text.slice(0, MAX_URL_LENGTH)), MAX_SHOWN_LENGTH);
}

const UNPRINTABLE_RUN = new RegExp(`(?:${UNPRINTABLE.source})+`, 'gu');

/** `text` with a space for each run of unprintable characters, at most `maxLength` bytes of UTF-8. */
export function printable(text: string, maxLength: number): string {
  // Only the beginning can be shown, so we do not clean the rest of a long text.
  const clean = text
    .slice(0, maxLength * 2)
    .replace(UNPRINTABLE_RUN, ' ')
    .trim();
  const bytes = Buffer.from(clean);
  if (bytes.length <= maxLength) return clean;
  let end = maxLength;
  // A byte of the form 10xxxxxx continues a character. We cut before the character's first byte.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}

function forbidden(message: string): UrlRefusal {
  return { ok: false, code: 'forbidden', message: printable(message, 1024) };
}
