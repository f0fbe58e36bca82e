/** Parsing as those use it who cannot wait for it: very many files hold the loop for long, so a thread may do it. */
import { BtgetError } from '../base/failure.js';
import type { Metainfo } from './metainfo.js';
import { parseMetainfo } from './parse-metainfo.js';

export type ParseOutcome =
  | { readonly ok: true; readonly metainfo: Metainfo }
  /** A `BtgetError` as `parseMetainfo` throws it; any other is a bug. */
  | { readonly ok: false; readonly failure: Error };

export interface Parsing {
  /** It answers no more. */
  cancel(): void;
}

/** Answers once, perhaps at once, on nobody's timeline. */
export type ParseTorrent = (bytes: Buffer, answered: (outcome: ParseOutcome) => void) => Parsing;

const OVER: Parsing = { cancel: () => undefined };

/** For what is short. */
export const parseAtOnce: ParseTorrent = (bytes, answered) => {
  answered(tryTo(() => parseMetainfo(bytes)));
  return OVER;
};

/** Only the user's fault is an outcome; a bug is thrown. */
export function tryTo(parse: () => Metainfo): ParseOutcome {
  try {
    return { ok: true, metainfo: parse() };
  } catch (failure) {
    if (!(failure instanceof BtgetError)) throw failure;
    return { ok: false, failure };
  }
}
