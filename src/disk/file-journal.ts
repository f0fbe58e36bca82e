/** A journal's file, as a worker reads and writes it. */
import type { TargetPlace } from './file-disk-protocol.js';
import { about, fileFailure, isSystemError } from './file-failure.js';
import type { Flushed } from './file-flusher.js';
import { below } from './file-guard.js';
import type { FileAccess, FileOperations } from './file-operations.js';
import { type FileUser, readKept } from './file-trust.js';
import type { FoundJournal } from './journal-file.js';

/** A journal of two million pieces, none of them beside another, is shorter. Bytes. */
const MAX_LENGTH = 32 * 1024 * 1024;

export class FileJournal {
  readonly #operations: FileOperations;
  readonly #root: string;
  readonly #name: string;
  readonly #path: string;
  readonly #newPath: string;

  constructor(operations: FileOperations, { root, name }: TargetPlace) {
    this.#operations = operations;
    this.#root = root;
    this.#name = name;
    this.#path = below(root, name);
    this.#newPath = `${this.#path}.new`;
  }

  /** Throws a failure when something that is no regular file has the name. */
  read(user: FileUser | null): FoundJournal | null {
    const kept = readKept(this.#operations, user, this.#root, this.#name, MAX_LENGTH);
    return kept === null ? null : { bytes: kept.bytes, changedAt: kept.identity.changedAt, doubt: kept.doubt };
  }

  append(bytes: Uint8Array, flushes: boolean, answered: Flushed): void {
    const descriptor = this.#write(this.#path, 'write', bytes);
    if (flushes) this.#flush(descriptor, this.#path, answered);
    else {
      about(this.#path, () => this.#operations.close(descriptor));
      answered(null);
    }
  }

  /** The old one stays until the new one is flushed; then it takes its name in one step. */
  replace(bytes: Uint8Array, answered: Flushed): void {
    const operations = this.#operations;
    about(this.#root, () => operations.makeFolder(this.#root, true));
    // What a crash left, or somebody put there: a link is removed, not followed.
    removeIfThere(operations, this.#newPath);
    let descriptor: number;
    try {
      descriptor = this.#write(this.#newPath, 'create privately', bytes);
    } catch (error) {
      // On a full disk every byte counts.
      removeIfThere(operations, this.#newPath);
      throw error;
    }
    this.#flush(descriptor, this.#newPath, (failure) => {
      if (failure !== null) {
        answered(failure);
        return;
      }
      try {
        about(this.#path, () => operations.rename(this.#newPath, this.#path));
        this.#flushFolder(answered);
      } catch (error) {
        answered(fileFailure(error, this.#path));
      }
    });
  }

  /** Not flushed: a journal that comes back after a power cut says what was true, of files that it knows. */
  remove(): void {
    removeIfThere(this.#operations, this.#newPath);
    removeIfThere(this.#operations, this.#path);
  }

  /** Writes at the end of the file, and leaves it open. */
  #write(path: string, access: FileAccess, bytes: Uint8Array): number {
    const operations = this.#operations;
    const descriptor = about(path, () => operations.open(path, access, false));
    try {
      const { length } = about(path, () => operations.facts(descriptor));
      for (let done = 0; done < bytes.length; )
        done += about(path, () => operations.write(descriptor, bytes, done, bytes.length - done, length + done));
    } catch (error) {
      about(path, () => operations.close(descriptor));
      throw error;
    }
    return descriptor;
  }

  #flushFolder(answered: Flushed): void {
    const operations = this.#operations;
    if (!operations.flushesFolders) {
      answered(null);
      return;
    }
    // Opening follows no link, and the folder may be reached by one.
    const folder = about(this.#root, () => operations.realPath(this.#root));
    this.#flush(
      about(folder, () => operations.open(folder, 'read', false)),
      folder,
      answered,
    );
  }

  #flush(descriptor: number, path: string, answered: Flushed): void {
    this.#operations.flush(descriptor, (error) => {
      let failure = error === null ? null : fileFailure(error, path);
      try {
        about(path, () => this.#operations.close(descriptor));
      } catch (closing) {
        failure ??= fileFailure(closing, path);
      }
      answered(failure);
    });
  }
}

export function removeIfThere(operations: FileOperations, path: string): void {
  about(path, () => {
    try {
      operations.unlink(path);
    } catch (error) {
      if (!isSystemError(error) || error.code !== 'ENOENT') throw error;
    }
  });
}
