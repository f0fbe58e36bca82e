import { redactText } from './redaction.js';

/**
 * Why something could not be done, as stable words: the command line turns each into its exit code, scripts read them
 * in JSON. Peers' faults are not here: they are refusals (wire/refusal.ts).
 */
export type FailureCode =
  | 'failed'
  | 'gave-up'
  | 'source-not-found'
  | 'network'
  | 'interrupted'
  | 'disk-full'
  | 'target-busy'
  | 'foreign-file'
  | 'cannot-open'
  | 'io'
  | 'not-bencoded'
  | 'torrent-invalid'
  | 'magnet-invalid'
  | 'usage'
  | 'bytes-missing';

/**
 * The user's fault or the world's, with a sentence for people: lower case, the offending value in it, no full stop. The
 * secrets of URLs in the sentence are left out.
 * Parsers throw it; everything asynchronous hands it on as a value.
 */
export class BtgetError extends Error {
  readonly code: FailureCode;
  /** What to do about this one, where that is not what to do about others of its code; else null. */
  readonly hint: string | null;

  constructor(code: FailureCode, message: string, options?: { cause?: unknown; hint?: string }) {
    super(redactText(message), options);
    this.hint = options?.hint ?? null;
    this.name = 'BtgetError';
    this.code = code;
  }
}

/** For the branch that the types say cannot be taken. Taken all the same, it is a bug, and loud. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
