/** The file of a journal, as a worker reads and writes it. */
import { BtgetError } from '../../base/failure.js';
import { about, fileFailure, flushesNoFolders, isSystemError } from '../failure.js';
import type { TargetPlace } from '../protocol.js';
import type { NameIn } from '../system/anchor.js';
import { below, inFolderOf, makeRoot } from '../system/guard.js';
import { openOwn } from '../system/hard-links.js';
import type { FileOperations } from '../system/operations.js';
import { type FileUser, readKept } from '../system/trust.js';
import type { FoundJournal } from '../target.js';
import type { Flushed } from './flusher.js';
import { lookAtKept, MAX_KEPT_LENGTH } from './own-kept-file.js';

/** The endings of the names that a new file may have until it is whole: the first one, unless the user has it. */
const NEW_ENDINGS = ['.new', ...Array.from({ length: 8 }, (_, index) => `.new.${index + 2}`)];

const IS_STRANGE = 'a file is there that btget has not made';

export class FileJournal {
  readonly #operations: FileOperations;
  readonly #place: TargetPlace;
  readonly #root: string;
  readonly #name: string;
  readonly #path: string;

  constructor(operations: FileOperations, place: TargetPlace) {
    this.#operations = operations;
    this.#place = place;
    this.#root = place.root;
    this.#name = place.name;
    this.#path = below(place.root, place.name);
  }

  /** Throws a failure when something else than a regular file has the name. */
  read(user: FileUser | null): FoundJournal | null {
    const kept = readKept(this.#operations, user, this.#root, this.#name, MAX_KEPT_LENGTH);
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
    if (this.#isStrange()) throw new BtgetError('cannot-open', `cannot write ${this.#path}: ${IS_STRANGE}`);
    const newName = this.#clearNewName();
    if (newName === null) throw new BtgetError('cannot-open', `cannot write ${this.#path}.new: ${IS_STRANGE}`);
    const newPath = below(this.#root, newName);
    const made = this.#in(newPath, (nameIn) => operations.open(nameIn(newName), 'create privately', false));
    let descriptor: number;
    try {
      descriptor = this.#write(newPath, made, bytes);
    } catch (error) {
      // The disk may be full: what is left of the new file would take up room.
      this.#remove(newName);
      throw error;
    }
    this.#flush(descriptor, newPath, (failure) => {
      if (failure !== null) {
        answered(failure);
        return;
      }
      try {
        this.#in(this.#path, (nameIn) => operations.rename(nameIn(newName), nameIn(this.#place.name)));
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
    for (const ending of NEW_ENDINGS) {
      const name = `${this.#name}${ending}`;
      if (lookAtKept(this.#operations, this.#place, name) === 'ours') this.#remove(name);
    }
    if (!this.#isStrange()) this.#remove(this.#name);
  }

  #isStrange(): boolean {
    return lookAtKept(this.#operations, this.#place, this.#name) === 'strange';
  }

  /**
   * A name for a new file. What a crash has left there of ours is removed. What is not ours stays, and the next name is
   * taken. Null when none is free.
   */
  #clearNewName(): string | null {
    for (const ending of NEW_ENDINGS) {
      const name = `${this.#name}${ending}`;
      const found = lookAtKept(this.#operations, this.#place, name);
      if (found === 'strange' || found === 'other') continue;
      if (found === 'ours') this.#remove(name);
      return name;
    }
    return null;
  }

  #remove(name: string): void {
    const path = below(this.#root, name);
    // On a file system that cannot be written to, not even what is not there can be removed.
    if (about(path, () => this.#operations.lookUp(path)) === undefined) return;
    const action = (nameIn: NameIn): void => this.#operations.unlink(nameIn(name));
    about(path, () => unlessAbsent(() => inFolderOf(this.#operations, this.#place, name, action)));
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
      flushesNoFolders,
    );
  }

  /** `isNone`: an error that is no failure. */
  #flush(descriptor: number, path: string, answered: Flushed, isNone: (error: Error) => boolean = () => false): void {
    this.#operations.flush(descriptor, (error) => {
      let failure = error === null || isNone(error) ? null : fileFailure(error, path);
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
