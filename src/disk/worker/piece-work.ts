/** A worker's side of the protocol: carries out requests in the order in which they come. */
import { BtgetError } from '../../base/failure.js';
import { findExactNames } from '../exact-names.js';
import { about, encodeFailure } from '../failure.js';
import type { StoragePlace, Told, Work, WorkAnswer, WorkKind, WorkRequest } from '../protocol.js';
import { below, rootId } from '../system/guard.js';
import type { FileOperations } from '../system/operations.js';
import type { ProcessFacts } from '../system/processes.js';
import type { LockDoubt } from '../target.js';
import { confirmFiles } from './confirm-files.js';
import { copyCandidate } from './copy-candidate.js';
import { FileHasher } from './file-hasher.js';
import { FilePool } from './file-pool.js';
import { findCandidates } from './find-candidates.js';
import { demoteFile, finishFile, removeFile, surveyFiles, surveySymlinks } from './finish-file.js';
import { FileFlusher, MadeFolders } from './flusher.js';
import { FileJournal } from './journal.js';
import { judgePiece } from './judge-piece.js';
import { FileLock, LockInDoubt } from './lock.js';
import { measureFiles, measureFree } from './measure-room.js';
import { OwnFiles } from './own-files.js';

/** Files that a worker keeps open for writing. */
const WRITTEN_FILES = 64;
/** Files that a worker keeps open for hashing. It goes through files in order, and there is a worker for each core. */
const HASHED_FILES = 8;

const DONE = { ok: true, value: null } as const;

/** What a worker does for each kind of request. `answered` is called once, within the call or later. */
type Handlers<Kind extends WorkKind> = {
  readonly [K in Kind]: (request: Work[K]['request'], answered: (told: Told<Work[K]['answer']>) => void) => void;
};

/** The port to the thread that asks. It has the shape of `MessagePort`. */
export interface WorkPort {
  on(event: 'message', listener: (request: WorkRequest) => void): unknown;
  postMessage(answer: WorkAnswer): void;
  close(): void;
}

/**
 * Serves `port` until it is asked to end. A failure is sent as an answer. Anything else that is thrown is a bug, and
 * ends the worker loudly.
 */
export function servePieceWork(port: WorkPort, operations: FileOperations, processes: ProcessFacts): void {
  const handlers = createHandlers(operations, processes);
  port.on('message', ({ id, kind, request }) => {
    const answered = (told: Told<Work[WorkKind]['answer']>): void => {
      port.postMessage({ id, told });
      if (kind === 'end') port.close();
    };
    try {
      // The kind decides which request it is; the compiler cannot follow the two through one variable.
      (handlers[kind] as Handlers<WorkKind>['end'])(request as Work['end']['request'], answered);
    } catch (error) {
      if (!(error instanceof BtgetError)) throw error;
      answered({ ok: false, failure: encodeFailure(error) });
    }
  });
}

function createHandlers(given: FileOperations, processes: ProcessFacts): Handlers<WorkKind> {
  const flusher = new FileFlusher(given);
  const made = new MadeFolders(given, flusher);
  const { operations } = made;
  const writing = new FilePool(operations, 'write', WRITTEN_FILES);
  const reading = new FilePool(operations, 'read', HASHED_FILES);
  const hasher = new FileHasher(operations, reading);
  const storages = new Map<number, OwnFiles>();

  const filesOf = (place: StoragePlace): OwnFiles => {
    let files = storages.get(place.id);
    if (files === undefined) {
      files = new OwnFiles(place, operations, writing, flusher, made);
      storages.set(place.id, files);
    }
    files.rootSeen(place.anchor?.id ?? null);
    return files;
  };
  return {
    findExact: ({ place, candidates }, answered) =>
      answered({ ok: true, value: findExactNames(operations, place.root, candidates) }),
    isAnyThere: ({ place, names }, answered) =>
      answered({ ok: true, value: names.some((name) => mayBeThere(operations, below(place.root, name))) }),
    identifyRoot: ({ place }, answered) => answered({ ok: true, value: rootId(operations, place.root) }),
    identifyOurs: ({ place, names }, answered) =>
      answered({ ok: true, value: storages.get(place.id)?.idOf(names) ?? null }),
    survey: ({ place, names }, answered) => answered({ ok: true, value: surveyFiles(operations, place, names) }),
    surveySymlinks: ({ place, links }, answered) =>
      answered({ ok: true, value: surveySymlinks(operations, place, links) }),
    confirm: ({ place, files }, answered) =>
      answered({ ok: true, value: confirmFiles(operations, place, storages.get(place.id), files) }),
    measureFiles: ({ place, names }, answered) => answered({ ok: true, value: measureFiles(operations, place, names) }),
    measureFree: ({ place, folders }, answered) =>
      answered({ ok: true, value: measureFree(operations, place, folders) }),
    commit: ({ place, writes, data, proof }, answered) => {
      const judged = judgePiece(data, proof);
      if (judged.verdict === 'right') filesOf(place).write(writes, data);
      answered({ ok: true, value: judged });
    },
    judge: ({ data, proof }, answered) => answered({ ok: true, value: judgePiece(data, proof) }),
    write: ({ place, writes, data }, answered) => {
      filesOf(place).write(writes, data);
      answered(DONE);
    },
    findCandidates: (request, answered) => answered({ ok: true, value: findCandidates(operations, request) }),
    copyCandidate: ({ place, ...request }, answered) =>
      answered({ ok: true, value: copyCandidate(operations, reading, filesOf(place), request) }),
    make: ({ place, files }, answered) => answered({ ok: true, value: filesOf(place).make(files) }),
    inspect: ({ place, names }, answered) => {
      filesOf(place).inspect(names);
      answered(DONE);
    },
    release: ({ place, names }, answered) => {
      filesOf(place).release(names);
      answered(DONE);
    },
    demote: ({ place, names, keepsFinal }, answered) => {
      demoteFile(operations, filesOf(place), names, keepsFinal);
      // The file is written to next. After a power cut it must not have its final name.
      filesOf(place).entries.flush(flushed(answered));
    },
    restore: ({ place, names }, answered) => {
      const files = filesOf(place);
      files.entries.rename(names.part, names.final, false);
      files.release(names);
      files.entries.flush(flushed(answered));
    },
    adopt: ({ place, files }, answered) => {
      filesOf(place).adopt(files);
      answered(DONE);
    },
    finish: (request, answered) =>
      finishFile(operations, filesOf(request.place), request, (failure, finished) =>
        answered(failure === null ? { ok: true, value: finished } : { ok: false, failure: encodeFailure(failure) }),
      ),
    sync: ({ place, also }, answered) =>
      filesOf(place).sync(also, (failure, identities) =>
        answered(failure === null ? { ok: true, value: identities } : { ok: false, failure: encodeFailure(failure) }),
      ),
    remove: ({ place, names }, answered) => removeFile(operations, filesOf(place), names, flushed(answered)),
    closeStorage: ({ place }, answered) => {
      const files = storages.get(place.id);
      storages.delete(place.id);
      files?.close();
      answered(DONE);
    },
    ...createTargetHandlers(operations, processes, made),
    hash: ({ jobs }, answered) => answered({ ok: true, value: jobs.map((job) => hasher.hash(job)) }),
    closeFiles: (_request, answered) => {
      reading.closeAll();
      answered(DONE);
    },
    end: (_request, answered) => {
      writing.closeAll();
      reading.closeAll();
      answered(DONE);
    },
  };
}

type TargetWork =
  | 'readJournal'
  | 'appendJournal'
  | 'replaceJournal'
  | 'removeJournal'
  | 'takeLock'
  | 'checkLock'
  | 'refreshLock'
  | 'releaseLock';

/** The handlers for journals and locks. */
function createTargetHandlers(
  operations: FileOperations,
  processes: ProcessFacts,
  made: MadeFolders,
): Handlers<TargetWork> {
  /** Locks that were taken and not released, by the id of the place. Torrents of one name share a lock. */
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

/** A name that cannot be looked at counts as there: who looks at the files in it finds out why. */
function mayBeThere(operations: FileOperations, name: string): boolean {
  try {
    return about(name, () => operations.lookUp(name)) !== undefined;
  } catch (error) {
    if (!(error instanceof BtgetError)) throw error;
    return true;
  }
}

/** Makes a callback for a flush that answers with its outcome. */
function flushed(answered: (told: Told<null>) => void): (failure: BtgetError | null) => void {
  return (failure) => answered(failure === null ? DONE : { ok: false, failure: encodeFailure(failure) });
}
