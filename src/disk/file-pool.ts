/** A worker's open files: as few as are in use, so that a torrent of 100,000 files is no different from one of ten. */
import { about, isOutOfDescriptors } from './file-failure.js';
import { below, foldersExist, inFolderOf, lastOf, notAFile } from './file-guard.js';
import type { FileAccess, FileFacts, FileOperations } from './file-operations.js';

export interface OpenFile {
  readonly descriptor: number;
  /** Of this moment. */
  readonly facts: FileFacts;
}

interface Entry {
  readonly descriptor: number;
  readonly id: string;
}

/**
 * Opens files by name and keeps the last used ones open. A name is looked up each time: a descriptor whose file has
 * been deleted or replaced is closed, never used. Descriptors are valid until the next call.
 */
export class FilePool {
  readonly #operations: FileOperations;
  readonly #access: 'read' | 'write';
  readonly #bound: number;
  /** By absolute path, the longest unused first. */
  readonly #entries = new Map<string, Entry>();

  /** At most `bound` files stay open, fewer when the system has no descriptors left. */
  constructor(operations: FileOperations, access: 'read' | 'write', bound: number) {
    this.#operations = operations;
    this.#access = access;
    this.#bound = bound;
  }

  /** Files that are open. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * The regular file at `path`, or undefined when there is none. With a `root`, `path` lies below it and no link is
   * followed out of it; without one (null) `path` is absolute and links are followed. Throws failures.
   */
  open(root: string | null, path: string): OpenFile | undefined {
    const name = root === null ? path : below(root, path);
    let facts = about(name, () => this.#operations.lookUp(name));
    if (facts?.kind === 'link' && root === null) facts = this.#behindLink(name);
    if (facts === undefined) {
      this.forget(name);
      return undefined;
    }
    if (facts.kind !== 'file') throw notAFile(name, facts);
    const entry = this.#entries.get(name);
    // The name may lead to our own file by a folder that was moved away, and a link in its place.
    if (root !== null && !foldersExist(this.#operations, root, path)) return undefined;
    if (entry?.id === facts.id) {
      this.#entries.delete(name);
      this.#entries.set(name, entry);
      return { descriptor: entry.descriptor, facts };
    }
    this.forget(name);
    return this.#openNew(root, path, this.#access);
  }

  /** Makes the file at `path` below `root`, whose folders exist. Fails when the name is taken. */
  create(root: string, path: string): OpenFile {
    const name = below(root, path);
    this.forget(name);
    return this.#openNew(root, path, 'create');
  }

  /** Closes the file at the absolute path `name`, if it is open. */
  forget(name: string): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    this.#entries.delete(name);
    about(name, () => this.#operations.close(entry.descriptor));
  }

  closeAll(): void {
    this.#closeOldest(this.#entries.size);
  }

  #behindLink(name: string): FileFacts | undefined {
    return about(name, () => this.#operations.lookUp(this.#operations.realPath(name)));
  }

  #openNew(root: string | null, path: string, access: FileAccess): OpenFile {
    const name = root === null ? path : below(root, path);
    if (this.#entries.size >= this.#bound) this.#closeOldest(this.#entries.size - this.#bound + 1);
    const descriptor = about(name, () => this.#openWithRoom(root, path, access));
    const facts = about(name, () => this.#operations.facts(descriptor));
    if (facts.kind !== 'file') {
      about(name, () => this.#operations.close(descriptor));
      throw notAFile(name, facts);
    }
    this.#entries.set(name, { descriptor, id: facts.id });
    return { descriptor, facts };
  }

  #openWithRoom(root: string | null, path: string, access: FileAccess): number {
    for (;;) {
      try {
        return this.#openOnce(root, path, access);
      } catch (error) {
        if (!isOutOfDescriptors(error) || this.#entries.size === 0) throw error;
        this.#closeOldest(Math.ceil(this.#entries.size / 2));
      }
    }
  }

  #openOnce(root: string | null, path: string, access: FileAccess): number {
    if (root === null) return this.#operations.open(path, access, true);
    // What is only read is hashed: bytes from elsewhere prove themselves, or do no harm.
    if (access === 'read') return this.#operations.open(below(root, path), access, false);
    return inFolderOf(this.#operations, root, path, (nameIn) =>
      this.#operations.open(nameIn(lastOf(path)), access, false),
    );
  }

  #closeOldest(count: number): void {
    let left = count;
    for (const name of this.#entries.keys()) {
      if (left === 0) return;
      left -= 1;
      this.forget(name);
    }
  }
}
