/** What the head of an answer to a request for a range means. */
import type { Millis } from '../../base/clock.js';
import type { RangeEnd, RangeHead } from './fetch-range.js';

/** What went wrong with a web seed. */
export interface SeedFault {
  /** Whether the fault is of one file, of the whole server, or of our own way to it, which says nothing about it. */
  readonly of: 'file' | 'seed' | 'way';
  /** The server whose fault it is, `host:port`. Null for a fault of a file, and when the message names the server. */
  readonly host: string | null;
  /** How long the file or the seed is left alone. Null: for good. 'doubling': from 30 s on, twice as long each time. */
  readonly wait: Millis | 'doubling' | null;
  readonly message: string;
}

/**
 * The body is ours when its first `skip` bytes are dropped, and holds the file up to byte `end` − 1; or it is not ours,
 * because of `fault`.
 */
export type AnswerVerdict =
  | { readonly kind: 'body'; readonly skip: number; readonly end: number }
  /** The server gives only whole files, and the range is too far from the file's begin. */
  | { readonly kind: 'no-ranges' }
  | { readonly kind: 'fault'; readonly fault: SeedFault };

interface AskedRange {
  readonly begin: number;
  readonly end: number;
  /** Bytes of the file. */
  readonly length: number;
}

/** When a server ignores the range, we read up to this many bytes for nothing, or up to `CHEAP_SHARE` of the file. */
const CHEAP_LENGTH = 1024 * 1024;
const CHEAP_SHARE = 0.1;
/** The longest wait that a server may ask for. */
const MAX_WAIT: Millis = 3_600_000;
/** A name that is not known now is rarely known a minute later. */
const NO_HOST_WAIT: Millis = 1_800_000;

/** How soon our own way is tried again when it leads nowhere. */
const WAY_WAIT: Millis = 30_000;

/** Judges the head of the answer to a request for the range `asked`. */
export function judgeHead(head: RangeHead, asked: AskedRange): AnswerVerdict {
  const { host, status, contentEncoding } = head;
  if (status === 200 || status === 206) {
    const isCoded = contentEncoding !== null && contentEncoding.trim().toLowerCase() !== 'identity';
    if (isCoded && !isStored(head, asked.length))
      return ofFile('doubling', 'the answer is packed, which was not asked for');
    return status === 206 ? judgePart(head, asked) : judgeWhole(head, asked);
  }
  const message = `HTTP status ${status}`;
  if (status === 404 || status === 410 || status === 416) return ofFile('doubling', message);
  if (status === 401 || status === 403) return ofFile(null, message);
  const wait = head.retryAfter === null ? 'doubling' : Math.min(MAX_WAIT, Math.max(1_000, head.retryAfter * 1000));
  if (status === 429 || status >= 500) return { kind: 'fault', fault: { of: 'seed', host, wait, message } };
  return ofFile('doubling', message);
}

/** What a fetch costs the seed that ended before its head. */
export function faultOfEnd({ host, kind, message }: RangeEnd): SeedFault {
  if (kind === 'no-host') return { of: 'seed', host: null, wait: NO_HOST_WAIT, message };
  if (kind === 'no-answer') return { of: 'seed', host: null, wait: 'doubling', message };
  if (kind === 'no-proxy') return { of: 'way', host: null, wait: WAY_WAIT, message };
  if (kind === 'forbidden') return { of: 'file', host: null, wait: null, message };
  if (kind === 'bad-answer') return { of: 'file', host: null, wait: 'doubling', message };
  return { of: 'seed', host, wait: 'doubling', message };
}

/**
 * Reads a Content-Range (RFC 9110, 14.4): the first byte, the byte behind the last one, and the length of the file,
 * null when the server does not say it. Null for any other text.
 */
export function parseContentRange(
  text: string,
): { readonly begin: number; readonly end: number; readonly length: number | null } | null {
  const [, first, last, total] = /^\s*bytes[ =]+(\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)\s*$/i.exec(text) ?? [];
  if (first === undefined || last === undefined || total === undefined) return null;
  const [begin, end, length] = [Number(first), Number(last) + 1, total === '*' ? null : Number(total)];
  return begin < end && (length === null || end <= length) ? { begin, end, length } : null;
}

/**
 * Whether the lengths are those of a file of `length` bytes as it lies on the server. Apache labels a .gz with what is
 * in it (`AddEncoding`), though it sends the .gz as it is. What was packed for the answer has another length.
 */
function isStored({ status, contentRange, contentLength }: RangeHead, length: number): boolean {
  if (status === 200) return contentLength === length;
  const range = contentRange === null ? null : parseContentRange(contentRange);
  if (range === null || range.length !== length) return false;
  return contentLength === null || contentLength === range.end - range.begin;
}

function judgePart({ contentRange, contentLength }: RangeHead, { begin, end, length }: AskedRange): AnswerVerdict {
  const range = contentRange === null ? null : parseContentRange(contentRange);
  if (range === null) return ofFile('doubling', 'the answer does not say which range it is');
  if (range.length !== null && range.length !== length)
    return ofFile('doubling', `the file has ${range.length} bytes there, not ${length}`);
  // RFC 9110, 15.3.7: a server may send less than was asked for.
  if (range.begin !== begin || range.end > end) return ofFile('doubling', 'the answer is another range');
  if (contentLength !== null && contentLength !== range.end - begin)
    return ofFile('doubling', 'the length of the answer is not that of its range');
  return { kind: 'body', skip: 0, end: range.end };
}

function judgeWhole({ contentLength }: RangeHead, { begin, length }: AskedRange): AnswerVerdict {
  if (contentLength !== null && contentLength !== length)
    return ofFile('doubling', `the file has ${contentLength} bytes there, not ${length}`);
  if (begin > Math.max(CHEAP_LENGTH, length * CHEAP_SHARE)) return { kind: 'no-ranges' };
  return { kind: 'body', skip: begin, end: length };
}

function ofFile(wait: SeedFault['wait'], message: string): AnswerVerdict {
  return { kind: 'fault', fault: { of: 'file', host: null, wait, message } };
}
