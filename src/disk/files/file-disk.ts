/** The files of a whole process: the workers and the descriptors that all torrents share. */
import { availableParallelism } from 'node:os';
import { basename, resolve } from 'node:path';
import type { Timers } from '../../base/clock.js';
import { BtgetError } from '../../base/failure.js';
import type { Metainfo } from '../../metainfo/metainfo.js';
import { decodeFailure } from '../failure.js';
import { journalName } from '../names.js';
import type { TargetPlace, Told } from '../protocol.js';
import type { DoneOutcome, OpenStorageOptions, Storage } from '../storage.js';
import { RootAnchors } from '../system/anchor.js';
import { below } from '../system/guard.js';
import { openNamelessFile } from '../system/nameless-file.js';
import { type ReadOperations, systemReadOperations } from '../system/operations.js';
import type { LockOutcome, OpenTargetOptions, Target, WatchedLock } from '../target.js';
import { CacheStorage } from './cache-storage.js';
import { FileStorage, type SharedDisk } from './file-storage.js';
import { type HashedFile, type Hashing, hashPieces, type PieceHashesOutcome } from './hash-pieces.js';
import { HashQueue } from './hash-queue.js';
import { DEFAULT_PIECE_COMMITS_OPTIONS, PieceCommits, type PieceCommitsOptions } from './piece-commits.js';
import { FileReadPool } from './read-pool.js';
import { type BegunThread, PIECE_WORKER, WorkerThread } from './worker-thread.js';

export interface FileDiskOptions {
  /** Where answers come that no storage gives. None comes within the call that asks. */
  readonly timers: Timers;
  /** The module that a worker thread runs. It serves its port with `servePieceWork`. */
  readonly workerModule: URL;
  /**
   * A thread of `workerModule`, begun before there was a disk, that will write. Null: the writer is started when it is
   * needed.
   */
  readonly writer: Pick<BegunThread, 'take'> | null;
  /** How many workers hash what lies on the disk, at most. One more worker writes. */
  readonly hashingWorkers: number;
  /** When pieces that came in are judged by hashing workers too. */
  readonly commits: PieceCommitsOptions;
  /** How many files stay open for reading. */
  readonly openFiles: number;
  readonly readOperations: ReadOperations;
}

export const DEFAULT_FILE_DISK_OPTIONS: Omit<FileDiskOptions, 'timers'> = {
  workerModule: PIECE_WORKER,
  writer: null,
  hashingWorkers: availableParallelism(),
  commits: DEFAULT_PIECE_COMMITS_OPTIONS,
  openFiles: 64,
  readOperations: systemReadOperations,
};

export interface FileDisk {
  openStorage(options: OpenStorageOptions): Storage;
  openTarget(options: OpenTargetOptions): Target;
  /**
   * Makes a storage that keeps pieces only until they are forgotten, in a file without a name in the folder
   * `cacheDir`. Nothing of the torrent is looked for or made in `options.dir`.
   */
  openCache(options: Pick<OpenStorageOptions, 'timers' | 'metainfo' | 'layout'>, cacheDir: string): Storage;
  /** The last element of the full path of `dir`; null for the root. */
  folderName(dir: string): string | null;
  /**
   * Hashes files in order, on all cores, for a torrent of this version. `progress` gets how many bytes of the files are
   * hashed so far. `done` is called once, unless the hashing is cancelled.
   */
  hashPieces(
    files: readonly HashedFile[],
    pieceLength: number,
    version: Metainfo['version'],
    progress: (hashed: number) => void,
    done: (outcome: PieceHashesOutcome) => void,
  ): Hashing;
  /** Starts the hashing workers before the first job, for a caller that knows that there will be much to hash. */
  startHashing(): void;
  /**
   * Ends the hashing workers, even in the middle of a piece, which may be 512 MiB long. What was asked of them fails
   * with 'interrupted' or is never answered. Writing goes on.
   */
  stopHashing(): void;
  /** Ends the workers. Every storage must be closed, and no hashing under way. */
  close(answered: () => void): void;
}

/**
 * Makes the disk of a process. It starts nothing, and does not keep the process alive, until it is asked for something.
 * A bug in a worker is thrown in a task of `timers`.
 */
export function createFileDisk(options: FileDiskOptions): FileDisk {
  const { timers, workerModule, hashingWorkers, readOperations } = options;
  const crashed = (error: Error): void => {
    timers.addTask(() => {
      throw error;
    }, 0);
  };
  const writer = new WorkerThread(workerModule, crashed, options.writer);
  const hashing = new HashQueue(Array.from({ length: hashingWorkers }, () => new WorkerThread(workerModule, crashed)));
  const disk: SharedDisk = {
    timers,
    writer,
    commits: new PieceCommits(writer, hashing, options.commits),
    hashing,
    readPool: new FileReadPool(readOperations, options.openFiles),
    readOperations,
    anchors: new RootAnchors(),
  };
  let storages = 0;
  let targets = 0;
  return {
    openStorage({ timers: answers, metainfo, layout, dir, output, partNames, overwrite, selected }) {
      const place = { id: storages, root: resolve(dir), partNames, overwrite };
      storages += 1;
      return new FileStorage({ timers: answers ?? timers, metainfo, layout, place, output, selected, disk });
    },
    openTarget({ dir, name, head }) {
      const root = resolve(dir);
      const anchor = disk.anchors.of(root);
      const place = { id: targets, root, anchor, target: name, name: journalName(name), head };
      targets += 1;
      return createFileTarget(writer, place);
    },
    openCache: ({ timers: answers, metainfo, layout }, cacheDir) =>
      new CacheStorage({
        timers: answers ?? timers,
        diskTimers: timers,
        metainfo,
        layout,
        judge: writer,
        openFile: () => openNamelessFile(cacheDir),
      }),
    folderName: (dir) => basename(resolve(dir)) || null,
    hashPieces: (files, pieceLength, version, progress, done) =>
      hashPieces({ timers, hashing, jobsAtOnce: hashingWorkers * 3 }, files, pieceLength, version, progress, done),
    startHashing: () => hashing.start(),
    stopHashing: () => hashing.kill(),
    close(answered) {
      hashing.end(() => writer.end(() => timers.addTask(answered, 0)));
    },
  };
}

type Answered = (outcome: DoneOutcome) => void;

/**
 * A journal and a lock in files. The worker that writes the download writes them too, so that everything is done in the
 * order of the requests.
 */
export function createFileTarget(writer: Pick<WorkerThread, 'ask'>, place: TargetPlace): Target {
  const ask =
    (kind: 'removeJournal' | 'refreshLock' | 'releaseLock') =>
    (answered: Answered): void =>
      writer.ask(kind, { place }, [], done(answered));
  const askLock =
    (kind: 'takeLock' | 'checkLock') =>
    (watched: readonly WatchedLock[], answered: (outcome: LockOutcome) => void): void =>
      writer.ask(kind, { place, watched }, [], (told) => {
        if (!told.ok) answered({ ok: false, failure: decodeFailure(told.failure) });
        else if (told.value === null) answered({ ok: true });
        else answered({ ok: false, failure: new BtgetError('target-busy', told.value.message), doubt: told.value });
      });
  return {
    journal: {
      path: below(place.root, place.name),
      read: (answered) =>
        writer.ask('readJournal', { place }, [], (told) => {
          if (!told.ok) answered({ ok: false, failure: decodeFailure(told.failure) });
          else if (told.value === null) answered({ ok: true, found: null });
          else answered({ ok: true, found: { ...told.value, bytes: Buffer.from(told.value.bytes) } });
        }),
      append: (bytes, flushes, answered) => {
        const copy = new Uint8Array(bytes);
        writer.ask('appendJournal', { place, bytes: copy, flushes }, [copy.buffer], done(answered));
      },
      replace: (bytes, answered) => {
        const copy = new Uint8Array(bytes);
        writer.ask('replaceJournal', { place, bytes: copy }, [copy.buffer], done(answered));
      },
      remove: ask('removeJournal'),
    },
    lock: {
      take: askLock('takeLock'),
      check: askLock('checkLock'),
      refresh: ask('refreshLock'),
      release: ask('releaseLock'),
    },
  };
}

function done(answered: Answered): (told: Told<null>) => void {
  return (told) => answered(told.ok ? { ok: true } : { ok: false, failure: decodeFailure(told.failure) });
}
