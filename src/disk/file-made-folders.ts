/** The download folder itself may be new, and lies in a folder that nobody else here flushes. */
import { dirname } from 'node:path';
import { foldersUpTo } from './system/folders.js';
import type { FileOperations } from './system/operations.js';
import { type FileFlusher, type Flushed, UnflushedNames } from './worker/flusher.js';

/** Knows the folders above the download folders in which something was made, until they are flushed. */
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
