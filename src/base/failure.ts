import { redactText } from './redaction.js';

/**
 * Why something could not be done. These words are stable: the command line turns each into an exit code, and scripts
 * read them in JSON. Faults of peers are not here; they are refusals (wire/refusal.ts).
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
 * A fault of the user or of the world. Its message is a sentence for people: lower case, with the offending value in
 * it, without a full stop. The constructor removes the secrets of URLs from it. Parsers throw it; asynchronous code
 * hands it on as a value.
 */
export class BtgetError extends Error {
  readonly code: FailureCode;
  /** What the user can do about this failure, when that differs from other failures of its code; else null. */
  readonly hint: string | null;

  constructor(code: FailureCode, message: string, options?: { cause?: unknown; hint?: string }) {
    super(redactText(message), options);
    this.hint = options?.hint ?? null;
    this.name = 'BtgetError';
    this.code = code;
  }
}

/** The code of an error of the system or of Node, such as `ENOENT`; undefined for a value without one. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** For a branch that the types say is never taken. When it is taken all the same, that is a bug, and this throws. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}

/** The failure of what the user or an abort signal has ended. `cause`: the reason of the signal. */
export function interrupted(cause?: unknown): BtgetError {
  return new BtgetError('interrupted', 'interrupted before it was done', cause === undefined ? {} : { cause });
}
