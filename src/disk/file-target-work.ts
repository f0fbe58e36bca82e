/** What a worker does about journals and locks. */

import type { MadeFolders } from './file-made-folders.js';
import { DONE, flushed, type Handlers } from './file-told.js';
import type { FileOperations } from './system/operations.js';
import type { ProcessFacts } from './system/processes.js';
import type { LockDoubt } from './target-lock.js';
import { FileJournal } from './worker/journal.js';
import { FileLock, LockInDoubt } from './worker/lock.js';

type TargetWork =
  | 'readJournal'
  | 'appendJournal'
  | 'replaceJournal'
  | 'removeJournal'
  | 'takeLock'
  | 'checkLock'
  | 'refreshLock'
  | 'releaseLock';

export function createTargetHandlers(
  operations: FileOperations,
  processes: ProcessFacts,
  made: MadeFolders,
): Handlers<TargetWork> {
  /** By the place's id: those that were taken, and not released. Torrents of one name have one together. */
  const locks = new Map<number, FileLock>();
  return {
    readJournal: ({ place }, answered) =>
      answered({ ok: true, value: new FileJournal(operations, place).read(processes.user) }),
    appendJournal: ({ place, bytes, flushes }, answered) =>
      new FileJournal(operations, place).append(bytes, flushes, flushed(answered)),
    replaceJournal: ({ place, bytes }, answered) =>
      new FileJournal(operations, place).replace(bytes, (failure) => {
        if (failure === null) made.flush(flushed(answered));
        else flushed(answered)(failure);
      }),
    removeJournal: ({ place }, answered) => {
      new FileJournal(operations, place).remove();
      answered(DONE);
    },
    takeLock: ({ place, watched }, answered) => {
      const doubt = doubtOf(() =>
        locks.set(place.id, new FileLock(operations, processes, place, watched).take(locks.values())),
      );
      answered({ ok: true, value: doubt });
    },
    checkLock: ({ place, watched }, answered) => {
      const doubt = doubtOf(() => new FileLock(operations, processes, place, watched).check(locks.values()));
      answered({ ok: true, value: doubt });
    },
    refreshLock: ({ place }, answered) => {
      locks.get(place.id)?.refresh();
      answered(DONE);
    },
    releaseLock: ({ place }, answered) => {
      const lock = locks.get(place.id);
      locks.delete(place.id);
      if (![...locks.values()].some((other) => other === lock)) lock?.release();
      answered(DONE);
    },
  };
}

function doubtOf(action: () => void): LockDoubt | null {
  try {
    action();
    return null;
  } catch (error) {
    if (error instanceof LockInDoubt) return error.doubt;
    throw error;
  }
}
