/** What a worker does about journals and locks. */
import { FileJournal } from './file-journal.js';
import { FileLock } from './file-lock.js';
import type { MadeFolders } from './file-made-folders.js';
import type { FileOperations } from './file-operations.js';
import type { ProcessFacts } from './file-process.js';
import { DONE, flushed, type Handlers } from './file-told.js';

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
  /** By the place's id: those that were taken, and not released. */
  const locks = new Map<number, FileLock>();
  return {
    readJournal: ({ place }, answered) => answered({ ok: true, value: new FileJournal(operations, place).read() }),
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
    takeLock: ({ place }, answered) => {
      const lock = new FileLock(operations, processes, place);
      lock.take();
      locks.set(place.id, lock);
      answered(DONE);
    },
    checkLock: ({ place }, answered) => {
      new FileLock(operations, processes, place).check();
      answered(DONE);
    },
    refreshLock: ({ place }, answered) => {
      locks.get(place.id)?.refresh();
      answered(DONE);
    },
    releaseLock: ({ place }, answered) => {
      const lock = locks.get(place.id);
      locks.delete(place.id);
      lock?.release();
      answered(DONE);
    },
  };
}
