/** The file of a journal, as a worker reads and writes it. */
import { about, fileFailure, isSystemError } from '../failure.js';
import type { TargetPlace } from '../protocol.js';
import type { NameIn } from '../system/anchor.js';
import { below, inFolderOf, makeRoot } from '../system/guard.js';
import { openOwn } from '../system/hard-links.js';
import type { FileOperations } from '../system/operations.js';
import { type FileUser, readKept } from '../system/trust.js';
import type { FoundJournal } from '../target.js';
import type { Flushed } from './flusher.js';

/** A journal of two million pieces, of which no two are adjacent, is shorter than this. Bytes. */
const MAX_LENGTH = 32 * 1024 * 1024;

export class FileJournal {
  readonly #operations: FileOperations;
  readonly #place: TargetPlace;
  readonly #root: string;
  readonly #name: string;
  readonly #path: string;
  readonly #newName: string;
  readonly #newPath: string;

  constructor(operations: FileOperations, place: TargetPlace) {
    this.#operations = operations;
    this.#place = place;
    this.#root = place.root;
    this.#name = place.name;
    this.#path = below(place.root, place.name);
    this.#newName = `${place.name}.new`;
    this.#newPath = `${this.#path}.new`;
  }

  /** Throws a failure when something else than a regular file has the name. */
  read(user: FileUser | null): FoundJournal | null {
    const kept = readKept(this.#operations, user, this.#root, this.#name, MAX_LENGTH);
    return kept === null ? null : { bytes: kept.bytes, changedAt: kept.identity.changedAt, doubt: kept.doubt };
  }

  append(bytes: Uint8Array, flushes: boolean, answered: Flushed): void {
    const descriptor = this.#write(this.#path, openOwn(this.#operations, this.#place, this.#place.name), bytes);
    if (flushes) this.#flush(descriptor, this.#path, answered);
    else {
      about(this.#path, () => this.#operations.close(descriptor));
      answered(null);
    }
  }

  /** The old file stays until the new one is flushed. Then the new one takes the name in one step. */
  replace(bytes: Uint8Array, answered: Flushed): void {
    const operations = this.#operations;
    makeRoot(operations, this.#place);
    // A crash may have left something here, or another user put it here. A link is removed, not followed.
    this.#remove(this.#newName);
    let descriptor: number;
    try {
      const made = this.#in(this.#newPath, (nameIn) =>
        operations.open(nameIn(this.#newName), 'create privately', false),
      );
      descriptor = this.#write(this.#newPath, made, bytes);
    } catch (error) {
      // The disk may be full: what is left of the new file would take up room.
      this.#remove(this.#newName);
      throw error;
    }
    this.#flush(descriptor, this.#newPath, (failure) => {
      if (failure !== null) {
        answered(failure);
        return;
      }
      try {
        this.#in(this.#path, (nameIn) => operations.rename(nameIn(this.#newName), nameIn(this.#place.name)));
        this.#flushFolder(answered);
      } catch (error) {
        answered(fileFailure(error, this.#path));
      }
    });
  }

  /**
   * Not flushed. A journal that comes back after a power cut says what was true, and knows the files that it speaks of.
   */
  remove(): void {
    this.#remove(this.#newName);
    this.#remove(this.#place.name);
  }

  #remove(name: string): void {
    const action = (nameIn: NameIn): void => this.#operations.unlink(nameIn(name));
    about(below(this.#root, name), () => unlessAbsent(() => inFolderOf(this.#operations, this.#place, name, action)));
  }

  /** Runs `action` in the download folder that was there at the start. A failure names `path`. */
  #in<T>(path: string, action: (nameIn: NameIn) => T): T {
    return about(path, () => inFolderOf(this.#operations, this.#place, this.#place.name, action));
  }

  /** Writes at the end of the file, and leaves it open unless that fails. */
  #write(path: string, descriptor: number, bytes: Uint8Array): number {
    const operations = this.#operations;
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
    // Opening follows no link, and a link may lead to the folder.
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
  about(path, () => unlessAbsent(() => operations.unlink(path)));
}

function unlessAbsent(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!isSystemError(error) || error.code !== 'ENOENT') throw error;
  }
}
