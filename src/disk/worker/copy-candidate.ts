import { BtgetError } from '../../base/failure.js';
import { isSystemError } from '../failure.js';
import type { Work } from '../protocol.js';
import { below, fromTop } from '../system/guard.js';
import type { FileOperations } from '../system/operations.js';
import type { FilePool, OpenFile } from './file-pool.js';
import type { OwnFiles } from './own-files.js';

const COPY_LENGTH = 256 * 1024;

/** Does what `Storage.copyCandidate` asks. Throws failures of the torrent's own file alone. */
export function copyCandidate(
  operations: Pick<FileOperations, 'read'>,
  reading: Pick<FilePool, 'open' | 'forget'>,
  files: Pick<OwnFiles, 'idOf' | 'share' | 'write'>,
  { names, run, candidate, mayShare }: Omit<Work['copyCandidate']['request'], 'place'>,
): Work['copyCandidate']['answer'] {
  const place = fromTop(candidate.path);
  try {
    const from = openOrNone(reading, place);
    // A file need not be copied to itself, and is changed by sharing with itself.
    if (from === undefined || from.facts.id !== candidate.id || files.idOf(names) === candidate.id)
      return { copied: 0, isShared: false };
    const isWhole = from.facts.length === candidate.length;
    if (mayShare && isWhole && files.share(run.file, names, from)) return { copied: run.length, isShared: true };
    const bytes = Buffer.allocUnsafeSlow(Math.min(COPY_LENGTH, run.length));
    let copied = 0;
    while (copied < run.length) {
      const begin = run.begin + copied;
      const length = Math.min(bytes.length, run.length - copied);
      const count = countOrNone(() => operations.read(from.descriptor, bytes, length, begin));
      if (count === 0) break;
      files.write([{ file: run.file, names, begin, from: 0, length: count }], bytes);
      copied += count;
    }
    return { copied, isShared: false };
  } finally {
    reading.forget(below(place.root, place.path));
  }
}

/** Undefined when it is gone, may not be read, or is no regular file any more. */
function openOrNone(reading: Pick<FilePool, 'open'>, { root, path }: ReturnType<typeof fromTop>): OpenFile | undefined {
  try {
    return reading.open({ root }, path);
  } catch (error) {
    if (error instanceof BtgetError) return undefined;
    throw error;
  }
}

function countOrNone(read: () => number): number {
  try {
    return read();
  } catch (error) {
    if (isSystemError(error)) return 0;
    throw error;
  }
}
