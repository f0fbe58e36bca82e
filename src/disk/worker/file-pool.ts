/**
 * The open files of a worker. Only a few stay open, so that a torrent of 100,000 files costs no more than one of ten.
 */
import { about, isOutOfDescriptors } from '../failure.js';
import type { FileIdentity } from '../storage.js';
import { below, foldersExist, inFolderOf, lastOf, notAFile, type PathRoot } from '../system/guard.js';
import type { FileAccess, FileFacts, FileOperations } from '../system/operations.js';

export interface OpenFile {
  readonly descriptor: number;
  /** What the file is like at this moment. */
  readonly facts: FileFacts;
  /** What it was like when it was closed to make room. Absent unless this call has opened it again. */
  readonly wasClosed?: FileIdentity;
}

interface Entry {
  readonly descriptor: number;
  readonly id: string;
}

/**
 * Opens files by name and keeps the last used ones open. Looks up the name each time: a descriptor whose file was
 * deleted or replaced is closed, never used. A descriptor is valid until the next call.
 */
export class FilePool {
  readonly #operations: FileOperations;
  readonly #access: 'read' | 'write';
  readonly #bound: number;
  /** By absolute path, the longest unused first. */
  readonly #entries = new Map<string, Entry>();
  /** Files for writing that were closed to make room, by absolute path: what they were like then. */
  readonly #closed = new Map<string, FileIdentity>();

  /** At most `bound` files stay open, fewer when the system has no descriptors left. */
  constructor(operations: FileOperations, access: 'read' | 'write', bound: number) {
    this.#operations = operations;
    this.#access = access;
    this.#bound = bound;
  }

  /** What the file at the absolute path `name` was like when it was closed to make room. Undefined while it is open. */
  closedAs(name: string): FileIdentity | undefined {
    return this.#closed.get(name);
  }

  /** Files that are open. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * The regular file at `path`, or undefined when there is none. With a root, `path` lies below it, and no link out of
   * it is followed. Without a root (null) `path` is absolute, and links are followed. Throws failures.
   */
  open(at: PathRoot | null, path: string): OpenFile | undefined {
    const name = at === null ? path : below(at.root, path);
    let facts = about(name, () => this.#operations.lookUp(name));
    if (facts?.kind === 'link' && at === null) facts = this.#behindLink(name);
    if (facts === undefined) {
      this.forget(name);
      return undefined;
    }
    if (facts.kind !== 'file') throw notAFile(name, facts);
    const entry = this.#entries.get(name);
    // Another user may have moved a folder away and put a link to it in its place. The name still leads to our file
    // then.
    if (at !== null && !foldersExist(this.#operations, at.root, path)) return undefined;
    if (entry?.id === facts.id) {
      this.#entries.delete(name);
      this.#entries.set(name, entry);
      return { descriptor: entry.descriptor, facts };
    }
    const wasClosed = this.#closed.get(name);
    this.forget(name);
    const opened = this.#openNew(at, path, this.#access);
    return wasClosed === undefined ? opened : { ...opened, wasClosed };
  }

  /** Makes the file at `path` below the root. The folders above it must exist. Fails when the name is taken. */
  create(at: PathRoot, path: string): OpenFile {
    const name = below(at.root, path);
    this.forget(name);
    return this.#openNew(at, path, 'create');
  }

  /** Closes the file at the absolute path `name`, if it is open. */
  forget(name: string): void {
    this.#closed.delete(name);
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

  #openNew(at: PathRoot | null, path: string, access: FileAccess): OpenFile {
    const name = at === null ? path : below(at.root, path);
    if (this.#entries.size >= this.#bound) this.#closeOldest(this.#entries.size - this.#bound + 1);
    const descriptor = about(name, () => this.#openWithRoom(at, path, access));
    const facts = about(name, () => this.#operations.facts(descriptor));
    if (facts.kind !== 'file') {
      about(name, () => this.#operations.close(descriptor));
      throw notAFile(name, facts);
    }
    this.#entries.set(name, { descriptor, id: facts.id });
    return { descriptor, facts };
  }

  #openWithRoom(at: PathRoot | null, path: string, access: FileAccess): number {
    for (;;) {
      try {
        return this.#openOnce(at, path, access);
      } catch (error) {
        if (!isOutOfDescriptors(error) || this.#entries.size === 0) throw error;
        this.#closeOldest(Math.ceil(this.#entries.size / 2));
      }
    }
  }

  #openOnce(at: PathRoot | null, path: string, access: FileAccess): number {
    if (at === null) return this.#operations.open(path, access, true);
    return inFolderOf(this.#operations, at, path, (nameIn) =>
      this.#operations.open(nameIn(lastOf(path)), access, false),
    );
  }

  #identityOf(name: string, { descriptor }: Entry): FileIdentity {
    return about(name, () => this.#operations.identityOf(descriptor));
  }

  #closeOldest(count: number): void {
    let left = count;
    for (const [name, entry] of this.#entries) {
      if (left === 0) return;
      left -= 1;
      const closed = this.#access === 'write' ? this.#identityOf(name, entry) : undefined;
      this.forget(name);
      if (closed !== undefined) this.#closed.set(name, closed);
    }
  }
}
