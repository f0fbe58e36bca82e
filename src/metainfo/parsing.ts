/**
 * The contract for parsing in a process that must not wait. A torrent of very many files would hold the event loop for
 * long, so an adapter may leave it to a thread.
 */
import { BtgetError } from '../base/failure.js';
import type { Metainfo } from './metainfo.js';
import { parseMetainfo } from './parse-metainfo.js';

export type ParseOutcome =
  | { readonly ok: true; readonly metainfo: Metainfo }
  /** A `BtgetError` as `parseMetainfo` throws it. Any other error is a bug. */
  | { readonly ok: false; readonly failure: Error };

/** A parse that may be under way. */
export interface Parsing {
  /** After this call it does not answer. */
  cancel(): void;
}

/** Parses `bytes`, a .torrent, and answers once: within the call, or later and then not as a task of any context. */
export type ParseTorrent = (bytes: Buffer, answered: (outcome: ParseOutcome) => void) => Parsing;

const OVER: Parsing = { cancel: () => undefined };

/** Parses and answers within the call: for a .torrent that is short. */
export const parseAtOnce: ParseTorrent = (bytes, answered) => {
  answered(tryTo(() => parseMetainfo(bytes)));
  return OVER;
};

/** The outcome of `parse`. Only a fault of the user becomes an outcome; a bug is thrown. */
export function tryTo(parse: () => Metainfo): ParseOutcome {
  try {
    return { ok: true, metainfo: parse() };
  } catch (failure) {
    if (!(failure instanceof BtgetError)) throw failure;
    return { ok: false, failure };
  }
}
