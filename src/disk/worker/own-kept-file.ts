/**
 * Tells the files that btget keeps beside downloads from files of the user that happen to have their names. Nothing of
 * the user is replaced, dated back or removed.
 */
import { BtgetError } from '../../base/failure.js';
import { about, isSystemError } from '../failure.js';
import type { TargetPlace } from '../protocol.js';
import { below } from '../system/guard.js';
import type { FileOperations } from '../system/operations.js';
import { readKept } from '../system/trust.js';

/** A journal of two million pieces, of which no two are adjacent, is shorter than this. Bytes. */
export const MAX_KEPT_LENGTH = 32 * 1024 * 1024;

const FORBIDDEN: ReadonlySet<string> = new Set(['EACCES', 'EPERM']);

/** What has a name in the download folder. 'strange': a file that we have not made. 'other': no regular file. */
export type KeptName = 'absent' | 'ours' | 'strange' | 'other';

/**
 * Looks at the file `name`. It is ours when it begins as all that is kept under the name of the journal, as far as it
 * goes, or when nothing is lost with it: a crash may leave it empty, or of zeros.
 */
export function lookAtKept(operations: FileOperations, { root, head }: TargetPlace, name: string): KeptName {
  const path = below(root, name);
  const facts = about(path, () => operations.lookUp(path));
  if (facts === undefined) return 'absent';
  if (facts.kind !== 'file') return 'other';
  const read = (length: number): Buffer | undefined => {
    try {
      return readKept(operations, null, root, name, length)?.bytes;
    } catch (error) {
      // What we may not read, we have not made.
      const cause = error instanceof BtgetError ? error.cause : undefined;
      if (isSystemError(cause) && FORBIDDEN.has(cause.code)) return undefined;
      throw error;
    }
  };
  const begin = read(head.length);
  if (begin === undefined) return 'strange';
  if (begin.equals(head.subarray(0, begin.length))) return 'ours';
  const isBlank = facts.length <= MAX_KEPT_LENGTH && read(MAX_KEPT_LENGTH)?.every((byte) => byte === 0) === true;
  return isBlank ? 'ours' : 'strange';
}
