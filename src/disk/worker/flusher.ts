import { dirname } from 'node:path';
import type { BtgetError } from '../../base/failure.js';
import { about, fileFailure, isSystemError } from '../failure.js';
import { foldersUpTo } from '../system/folders.js';
import type { FileOperations } from '../system/operations.js';

// Enough to keep a disk's queue filled; each holds one thread of Node's pool while the disk takes its time.
const AT_ONCE = 3;

export type Flushed = (failure: BtgetError | null) => void;

interface Flush {
  readonly path: string;
  readonly waiting: Flushed[];
}

/**
 * Flushes files and folders by name, a few at a time and in the order of asking, while the worker goes on writing.
 * What is asked for twice before it begins is done once.
 *
 * A flush that failed is not tried again: systems may forget the bytes they could not write, and call the next attempt
 * a success. The name stays failed until `forget`.
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

  /** `path` is absolute. The file may be renamed as soon as the answer is there, not before. */
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
    let descriptor: number | null;
    try {
      descriptor = this.#open(path);
    } catch (error) {
      this.#end(flush, fileFailure(error, path));
      return;
    }
    if (descriptor === null) {
      this.#end(flush, null);
      return;
    }
    this.#flushOpen(flush, descriptor);
  }

  /** Null when somebody removed it, or put in its place what is nobody's file: nothing of it is left to be flushed. */
  #open(path: string): number | null {
    try {
      const { kind } = this.#operations.lookUp(path) ?? { kind: 'other' };
      if (kind === 'file' || kind === 'folder') return this.#operations.open(path, 'read', false);
    } catch (error) {
      if (!isSystemError(error) || error.code !== 'ENOENT') throw error;
    }
    return null;
  }

  #flushOpen(flush: Flush, descriptor: number): void {
    const { path } = flush;
    this.#operations.flush(descriptor, (error) => {
      let failure = error === null ? null : fileFailure(error, path);
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

/** Names whose bytes, or whose folder's names, have changed since they were last flushed. */
export class UnflushedNames {
  readonly #flusher: FileFlusher;
  readonly #names = new Set<string>();
  /** Who waits for each flush that is under way. */
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

  /** Flushes all that changed, waits for what is under way already, and answers with the first failure if any. */
  flushAll(answered: Flushed): void {
    let first: BtgetError | null = null;
    // One more than the flushes, so that none of them can be the last before all have been asked for.
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
 * The download folder itself may be new, and lies in a folder that nobody else here flushes.
 *
 * Knows the folders above the download folders in which something was made, until they are flushed.
 */
export class MadeFolders {
  /** The given ones, but that what `makeFolder` makes is remembered. */
  readonly operations: FileOperations;
  readonly #unflushed: UnflushedNames;

  constructor(operations: FileOperations, flusher: FileFlusher) {
    this.#unflushed = new UnflushedNames(flusher);
    this.operations = {
      ...operations,
      makeFolder: (path, parents) => {
        const first = operations.makeFolder(path, parents);
        if (first === undefined || !parents || !operations.flushesFolders) return first;
        // Flushing follows no link, and a folder may be reached by one.
        for (const made of foldersUpTo(path, first)) this.#unflushed.add(operations.realPath(dirname(made)));
        return first;
      },
    };
  }

  flush(answered: Flushed): void {
    this.#unflushed.flushAll(answered);
  }
}
