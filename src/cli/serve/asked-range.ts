import rangeParser from 'range-parser';
import type { ByteRun } from '../../metainfo/padding.js';

export type AskedRange =
  /** All bytes: no range is asked for, or one that we need not know, or several. */
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly run: ByteRun }
  /** No byte that is asked for is there. */
  | { readonly kind: 'unsatisfiable' };

const WHOLE: AskedRange = { kind: 'whole' };

/** What a `Range` header asks for of `length` bytes (RFC 9110, 14). */
export function askedRange(header: string | undefined, length: number): AskedRange {
  if (header === undefined || !/^bytes *=/i.test(header) || header.length > 200) return WHOLE;
  const suffix = /^bytes *= *- *(\d+)$/i.exec(header)?.[1];
  // "If the selected representation is shorter than the specified suffix-length, the entire representation is used."
  if (suffix !== undefined && Number(suffix) >= length && length > 0)
    return { kind: 'part', run: { begin: 0, end: length } };
  const ranges = rangeParser(length, header);
  if (ranges === -1) return { kind: 'unsatisfiable' };
  if (ranges === -2) return WHOLE;
  const [range, ...others] = ranges;
  // "A server that supports range requests MAY ignore or reject a Range header field that contains [many] ranges".
  if (range === undefined || others.length > 0 || header.includes(',')) return WHOLE;
  return { kind: 'part', run: { begin: range.start, end: range.end + 1 } };
}
