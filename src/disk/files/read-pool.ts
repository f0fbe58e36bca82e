/** The files that the main thread has open for uploading. They are opened and closed without blocking it. */
import { BtgetError } from '../../base/failure.js';
import { fileFailure, isOutOfDescriptors, isSystemError, LostName } from '../failure.js';
import type { FileNames } from '../names.js';
import type { ReadPlace } from '../protocol.js';
import { isSameFile } from '../same-file.js';
import type { HeldFolder } from '../system/anchor.js';
import { below, confirmRoot, foldersExist, holdFolderOf, lastOf, notAFile, type PathRoot } from '../system/guard.js';
import type { FileFacts, ReadOperations } from '../system/operations.js';

export interface HeldFile {
  readonly name: string;
  readonly descriptor: number;
}

export type Opened =
  | { readonly ok: true; readonly file: HeldFile }
  | { readonly ok: false; readonly failure: BtgetError };

/** The torrent whose files are read. */
export interface ReadHome {
  /** Tells torrents apart. */
  readonly id: number;
  /** The download folder. */
  readonly place: PathRoot;
  /** Says where the file may be, and which file it must be there. May answer within the call. */
  find(address: FileAddress, answered: (places: readonly ReadPlace[]) => void): void;
}

/** Which file is meant. */
export interface FileAddress {
  readonly home: ReadHome;
  /** Index in the metainfo; null for the border file. */
  readonly file: number | null;
  readonly names: FileNames;
  /**
   * Null unless the file was found behind a link of the user. `path`: where it really is, or null when that is nowhere.
   * `isCopied`: whether we have a copy of it under its part name.
   */
  readonly link: { readonly path: string | null; readonly isCopied: boolean } | null;
}

interface Entry {
  readonly home: ReadHome;
  readonly key: string;
  file: HeldFile | undefined;
  /** How many reads use it or wait for it. */
  users: number;
  /** The callbacks that wait for it to be open. */
  readonly waiting: ((opened: Opened) => void)[];
}

interface FoundPlace extends ReadPlace {
  readonly name: string;
  readonly folder: HeldFolder;
}

export class FileReadPool {
  readonly #operations: ReadOperations;
  readonly #bound: number;
  /** The longest unused first. */
  readonly #entries = new Map<string, Entry>();
  /** Files that were forgotten while reads use them. */
  readonly #forgotten = new Map<HeldFile, Entry>();
  /** Files that the system is closing. */
  #closing = 0;
  /** Attempts to open a file that wait for a free descriptor. */
  readonly #starved: (() => void)[] = [];

  /** At most `bound` files stay open when no read uses them. */
  constructor(operations: ReadOperations, bound: number) {
    this.#operations = operations;
    this.#bound = bound;
  }

  /** Files that are open or being opened. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * Answers with the file that has been verified, under whichever of its names it is. Fails with a `LostName` when
   * another file is there, when a link came since and leads to it, or when there is none. The caller calls `release`
   * when it has read.
   */
  open(address: FileAddress, answered: (opened: Opened) => void): void {
    const key = keyOf(address);
    const known = this.#entries.get(key);
    const entry = known ?? { home: address.home, key, file: undefined, users: 0, waiting: [] };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    entry.users += 1;
    if (entry.file !== undefined) {
      answered({ ok: true, file: entry.file });
      return;
    }
    entry.waiting.push(answered);
    if (known !== undefined) return;
    this.#closeIdle(this.#entries.size - this.#bound);
    this.#find(entry, address, 0);
  }

  release(address: FileAddress, file: HeldFile): void {
    const entry = this.#entries.get(keyOf(address));
    // A forgotten entry may have a successor of the same name.
    if (entry?.file === file) entry.users -= 1;
    else this.#releaseForgotten(file);
    this.#closeIdle(this.#entries.size - this.#bound);
    this.#retryStarved();
  }

  /** Closes the file as soon as no read uses it. The next `open` looks for its name again. */
  forget(address: FileAddress): void {
    const entry = this.#entries.get(keyOf(address));
    if (entry !== undefined) this.#forget(entry);
  }

  /** Closes the files of a torrent that has no read under way. */
  forgetAll(home: number): void {
    for (const entry of [...this.#entries.values()]) if (entry.home.id === home) this.#forget(entry);
  }

  #forget(entry: Entry): void {
    // It is being opened: its name was looked up a moment ago, and that is good enough for the reads that wait.
    if (entry.file === undefined) return;
    this.#entries.delete(entry.key);
    if (entry.users === 0) this.#close(entry.file);
    else this.#forgotten.set(entry.file, entry);
  }

  #releaseForgotten(file: HeldFile): void {
    const entry = this.#forgotten.get(file);
    if (entry === undefined) throw new Error(`${file.name} was released but not open`);
    entry.users -= 1;
    if (entry.users > 0) return;
    this.#forgotten.delete(file);
    this.#close(file);
  }

  #find(entry: Entry, address: FileAddress, attempt: number): void {
    address.home.find(address, (places) => {
      try {
        this.#openFirst(entry, address, places, attempt);
      } catch (error) {
        const again = (): void => this.#find(entry, address, attempt);
        if (!isOutOfDescriptors(error) || !this.#makeRoom(again))
          this.#failed(entry, fileFailure(error, below(address.home.place.root, address.names.final)));
      }
    });
  }

  /** Looks in which of `places` the file is, and opens it there. The look blocks for microseconds. */
  #openFirst(entry: Entry, address: FileAddress, places: readonly ReadPlace[], attempt: number): void {
    const { home, names } = address;
    let other: BtgetError | null = null;
    for (const place of places) {
      const at = place.root === home.place.root || place.root === null ? home.place : { root: place.root };
      const name = below(at.root, place.path);
      const folder = this.#hold(at, place.path);
      if (folder === null) continue;
      let id: string | null = null;
      let facts: FileFacts | undefined;
      try {
        facts = this.#operations.lookUp(folder.nameIn(lastOf(place.path)));
        if (facts?.kind === 'file') id = this.#idOf(place, folder, facts);
      } finally {
        if (id === null) folder.release();
      }
      if (id !== null) {
        this.#open(entry, address, { ...place, id, name, folder }, attempt);
        return;
      }
      if (facts !== undefined) other ??= facts.kind === 'file' ? replaced(name) : notAFile(name, facts);
    }
    confirmRoot(this.#operations, home.place);
    const final = below(home.place.root, names.final);
    throw lost(names, other ?? new BtgetError('cannot-open', `cannot open ${final}: it is not there`));
  }

  /** The id that the file has now which must be at `place`; null when another one is there. */
  #idOf({ path, id, identity = null }: ReadPlace, folder: HeldFolder, facts: FileFacts): string | null {
    if (facts.id === id) return id;
    const name = folder.nameIn(lastOf(path));
    if (id === null || identity === null || !this.#operations.numbersAnew(name)) return null;
    const now = this.#operations.identify(name);
    return now !== undefined && isSameFile({ id, identity }, now) ? now.id : null;
  }

  /** Null when there is no such folder. */
  #hold(at: PathRoot, path: string): HeldFolder | null {
    try {
      return holdFolderOf(this.#operations, at, path);
    } catch (error) {
      if (isOutOfDescriptors(error)) throw error;
      // This throws a failure that names the element in the way.
      if (!foldersExist(this.#operations, at.root, path)) return null;
      throw error;
    }
  }

  #open(entry: Entry, address: FileAddress, place: FoundPlace, attempt: number): void {
    const { name, folder } = place;
    this.#operations.open(folder.nameIn(lastOf(place.path)), (error, descriptor) => {
      folder.release();
      const again = (next: number) => (): void => this.#find(entry, address, next);
      if (error === null) this.#check(entry, address, place, descriptor);
      else if (isOutOfDescriptors(error) && this.#makeRoom(again(attempt))) return;
      // The file was finished in this moment: the part has its final name now.
      else if (isSystemError(error) && error.code === 'ENOENT' && attempt === 0) again(1)();
      else this.#failed(entry, fileFailure(error, name));
    });
  }

  #check(entry: Entry, { names }: FileAddress, { name, id }: FoundPlace, descriptor: number): void {
    this.#operations.facts(descriptor, (error, facts) => {
      const file: HeldFile = { name, descriptor };
      if (error === null && facts?.kind === 'file' && facts.id === id) {
        entry.file = file;
        for (const answered of entry.waiting.splice(0)) answered({ ok: true, file });
        return;
      }
      this.#close(file);
      this.#failed(entry, error === null ? lost(names, replaced(name)) : fileFailure(error, name));
    });
  }

  #failed(entry: Entry, failure: BtgetError): void {
    this.#entries.delete(entry.key);
    for (const answered of entry.waiting.splice(0)) answered({ ok: false, failure });
  }

  /**
   * Closes idle files, and calls `retry` when a descriptor may be free. False when no file of ours is open: there is
   * nothing to wait for.
   */
  #makeRoom(retry: () => void): boolean {
    const idle = [...this.#entries.values()].filter((entry) => entry.file !== undefined && entry.users === 0);
    if (idle.length > 0) {
      this.#closeIdle(Math.ceil(idle.length / 2), retry);
      return true;
    }
    const reading = [...this.#entries.values(), ...this.#forgotten.values()].some((entry) => entry.file !== undefined);
    const coming = reading || this.#closing > 0;
    if (coming) this.#starved.push(retry);
    return coming;
  }

  #retryStarved(): void {
    for (const retry of this.#starved.splice(0)) retry();
  }

  #closeIdle(count: number, closed?: () => void): void {
    let left = count;
    for (const entry of this.#entries.values()) {
      if (left <= 0) return;
      if (entry.file === undefined || entry.users > 0) continue;
      left -= 1;
      this.#entries.delete(entry.key);
      this.#close(entry.file, left === 0 ? closed : undefined);
    }
  }

  #close(file: HeldFile, closed?: () => void): void {
    this.#closing += 1;
    this.#operations.close(file.descriptor, (error) => {
      this.#closing -= 1;
      // A failure to close a file that was only read loses nothing. But a descriptor that is not open is a bug of ours.
      if (isSystemError(error) && error.code === 'EBADF') throw error;
      closed?.();
      this.#retryStarved();
    });
  }
}

function keyOf({ home, names }: FileAddress): string {
  return `${home.id}:${names.final}`;
}

function replaced(name: string): BtgetError {
  return new BtgetError('io', `${name}: somebody has replaced it meanwhile`);
}

function lost({ part }: FileNames, { code, message }: BtgetError): LostName {
  return new LostName(part, message, code);
}
