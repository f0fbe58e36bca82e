/** Flushes files and folders for the worker that writes, and knows which of them are not flushed yet. */
import { dirname } from 'node:path';
import type { BtgetError } from '../../base/failure.js';
import { about, fileFailure, flushesNoFolders, isSystemError } from '../failure.js';
import { foldersUpTo } from '../system/folders.js';
import type { FileOperations } from '../system/operations.js';

// Enough to keep the queue of a disk filled. Each flush holds a thread of Node's pool for as long as the disk takes.
const AT_ONCE = 3;

export type Flushed = (failure: BtgetError | null) => void;

interface Flush {
  readonly path: string;
  readonly waiting: Flushed[];
}

interface OpenName {
  readonly descriptor: number;
  readonly isFolder: boolean;
}

/**
 * Flushes files and folders by name, a few at a time and in the order of the requests, while the worker goes on
 * writing. A name that is asked for again before its flush begins is flushed once.
 *
 * A flush that failed is not tried again: the system may forget the bytes that it could not write, and call the next
 * flush a success. The name stays failed until `forget`.
 */
export class FileFlusher {
  readonly #operations: FileOperations;
  readonly #queue: Flush[] = [];
  readonly #queued = new Map<string, Flush>();
  readonly #failed = new Map<string, BtgetError>();
  #running = 0;

  constructor(operations: FileOperations) {
    this.#operations = operations;
  }

  /** `path` is absolute. The file may be renamed after the answer, not before. */
  flush(path: string, answered: Flushed): void {
    const queued = this.#queued.get(path);
    if (queued !== undefined) {
      queued.waiting.push(answered);
      return;
    }
    const flush: Flush = { path, waiting: [answered] };
    this.#queue.push(flush);
    this.#queued.set(path, flush);
    this.#runMore();
  }

  forget(path: string): void {
    this.#failed.delete(path);
  }

  #runMore(): void {
    while (this.#running < AT_ONCE) {
      const flush = this.#queue.shift();
      if (flush === undefined) return;
      this.#queued.delete(flush.path);
      this.#running += 1;
      this.#run(flush);
    }
  }

  #run(flush: Flush): void {
    const { path } = flush;
    const failed = this.#failed.get(path);
    if (failed !== undefined) {
      this.#end(flush, failed);
      return;
    }
    let open: OpenName | null;
    try {
      open = this.#open(path);
    } catch (error) {
      this.#end(flush, fileFailure(error, path));
      return;
    }
    if (open === null) this.#end(flush, null);
    else this.#flushOpen(flush, open);
  }

  /**
   * Null when the file is gone, or when something that is neither a file nor a folder has its name: nothing is left to
   * flush.
   */
  #open(path: string): OpenName | null {
    try {
      const { kind } = this.#operations.lookUp(path) ?? { kind: 'other' };
      if (kind === 'file' || kind === 'folder')
        return { descriptor: this.#operations.open(path, 'read', false), isFolder: kind === 'folder' };
    } catch (error) {
      if (!isSystemError(error) || error.code !== 'ENOENT') throw error;
    }
    return null;
  }

  #flushOpen(flush: Flush, { descriptor, isFolder }: OpenName): void {
    const { path } = flush;
    this.#operations.flush(descriptor, (error) => {
      const isFlushed = error === null || (isFolder && flushesNoFolders(error));
      let failure = isFlushed ? null : fileFailure(error, path);
      if (failure !== null) this.#failed.set(path, failure);
      try {
        about(path, () => this.#operations.close(descriptor));
      } catch (closing) {
        failure ??= fileFailure(closing, path);
      }
      this.#end(flush, failure);
      this.#runMore();
    });
  }

  #end(flush: Flush, failure: BtgetError | null): void {
    this.#running -= 1;
    for (const answered of flush.waiting) answered(failure);
  }
}

/** Names whose bytes have changed since they were last flushed. For a folder that means the names in it. */
export class UnflushedNames {
  readonly #flusher: FileFlusher;
  readonly #names = new Set<string>();
  /** The callbacks that wait for each flush that is under way. */
  readonly #underWay = new Set<Flushed[]>();

  constructor(flusher: FileFlusher) {
    this.#flusher = flusher;
  }

  add(name: string): void {
    this.#names.add(name);
  }

  delete(name: string): void {
    this.#names.delete(name);
  }

  /** Flushes `name`, changed or not. */
  flush(name: string, answered: Flushed): void {
    this.#names.delete(name);
    const waiting = [answered];
    this.#underWay.add(waiting);
    this.#flusher.flush(name, (failure) => {
      this.#underWay.delete(waiting);
      if (failure !== null) this.#names.add(name);
      for (const told of waiting) told(failure);
    });
  }

  /** Flushes all that changed, waits for flushes that are under way, and answers with the first failure or null. */
  flushAll(answered: Flushed): void {
    let first: BtgetError | null = null;
    // One more than the flushes, so that none of them is the last before all have been asked for.
    let left = 1;
    const one: Flushed = (failure) => {
      first ??= failure;
      left -= 1;
      if (left === 0) answered(first);
    };
    for (const waiting of this.#underWay) {
      left += 1;
      waiting.push(one);
    }
    for (const name of [...this.#names]) {
      left += 1;
      this.flush(name, one);
    }
    one(null);
  }
}

/**
 * The folders above the download folders in which a folder was made, until they are flushed. A download folder may
 * itself be new, and no other class flushes the folder that it lies in.
 */
export class MadeFolders {
  /** The given operations, but `makeFolder` also remembers what it makes. */
  readonly operations: FileOperations;
  readonly #unflushed: UnflushedNames;

  constructor(operations: FileOperations, flusher: FileFlusher) {
    this.#unflushed = new UnflushedNames(flusher);
    this.operations = {
      ...operations,
      makeFolder: (path, parents) => {
        const first = operations.makeFolder(path, parents);
        if (first === undefined || !parents || !operations.flushesFolders) return first;
        // A flush follows no link, and a link may lead to the folder.
        for (const made of foldersUpTo(path, first)) this.#unflushed.add(operations.realPath(dirname(made)));
        return first;
      },
    };
  }

  flush(answered: Flushed): void {
    this.#unflushed.flushAll(answered);
  }
}
