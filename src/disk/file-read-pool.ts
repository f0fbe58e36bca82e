/** The main thread's open files, for uploading: opened and closed without blocking. */
import { BtgetError } from '../base/failure.js';
import { fileFailure, isOutOfDescriptors, isSystemError, LostName } from './file-failure.js';
import { below, foldersExist, notAFile } from './file-guard.js';
import type { FileNames } from './file-names.js';
import type { ReadOperations } from './file-operations.js';

export interface HeldFile {
  readonly name: string;
  readonly descriptor: number;
}

export type Opened =
  | { readonly ok: true; readonly file: HeldFile }
  | { readonly ok: false; readonly failure: BtgetError };

/** Where a file is; `storage` tells torrents apart. */
export interface FileAddress {
  readonly storage: number;
  readonly root: string;
  readonly names: FileNames;
  /**
   * It was found behind a link of the user's: where it really is, or null; and whether it has a copy under its part
   * name.
   */
  readonly link: { readonly path: string | null; readonly isCopied: boolean } | null;
}

interface Entry {
  readonly storage: number;
  readonly key: string;
  file: HeldFile | undefined;
  /** Reads under way. */
  users: number;
  /** Who waits for it to be open. */
  readonly waiting: ((opened: Opened) => void)[];
}

export class FileReadPool {
  readonly #operations: ReadOperations;
  readonly #bound: number;
  /** The longest unused first. */
  readonly #entries = new Map<string, Entry>();
  /** Which files they were when they were first opened, by key: another of that name has not been verified. */
  readonly #ids = new Map<string, string>();
  /** Let go of while somebody reads them. */
  readonly #forgotten = new Map<HeldFile, Entry>();
  /** Files that the system is closing. */
  #closing = 0;
  /** Opening that waits for a descriptor to come free. */
  readonly #starved: (() => void)[] = [];

  /** At most `bound` files stay open when nobody reads them. */
  constructor(operations: ReadOperations, bound: number) {
    this.#operations = operations;
    this.#bound = bound;
  }

  /** Files that are open or being opened. */
  get size(): number {
    return this.#entries.size;
  }

  /** Answers with the file under its part name, or else its final name. Whoever gets it calls `release`. */
  open(address: FileAddress, answered: (opened: Opened) => void): void {
    const key = keyOf(address);
    const known = this.#entries.get(key);
    const entry = known ?? { storage: address.storage, key, file: undefined, users: 0, waiting: [] };
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
    this.#open(entry, address, 0);
  }

  release(address: FileAddress, file: HeldFile): void {
    const entry = this.#entries.get(keyOf(address));
    // A forgotten entry may have a successor of the same name.
    if (entry?.file === file) entry.users -= 1;
    else this.#releaseForgotten(file);
    this.#closeIdle(this.#entries.size - this.#bound);
    this.#retryStarved();
  }

  /** Closes the file as soon as nobody reads it; who asks next gets it by its name at that time. */
  forget(address: FileAddress): void {
    this.#ids.delete(keyOf(address));
    const entry = this.#entries.get(keyOf(address));
    if (entry !== undefined) this.#forget(entry);
  }

  /** Closes the files of a torrent that has no read under way. */
  forgetAll(storage: number): void {
    for (const entry of [...this.#entries.values()]) if (entry.storage === storage) this.#forget(entry);
    for (const key of [...this.#ids.keys()]) if (key.startsWith(`${storage}:`)) this.#ids.delete(key);
  }

  #forget(entry: Entry): void {
    // Being opened: it has its name from a moment ago, and is good for those who wait.
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

  #open(entry: Entry, address: FileAddress, attempt: number): void {
    const { root, names } = address;
    const name = this.#findName(entry, address, attempt);
    if (name === undefined) return;
    this.#operations.open(name, (error, descriptor) => {
      if (error === null) this.#check(entry, names, { name, descriptor });
      else if (isOutOfDescriptors(error) && this.#makeRoom(() => this.#open(entry, address, attempt))) return;
      // Finished in this moment: the part has its final name.
      else if (isSystemError(error) && error.code === 'ENOENT' && name === below(root, names.part) && attempt === 0) {
        this.#open(entry, address, 1);
      } else this.#failed(entry, fileFailure(error, name));
    });
  }

  /** Looks, blocking for microseconds, which path exists; undefined when the entry has failed. */
  #findName(entry: Entry, { root, names, link }: FileAddress, attempt: number): string | undefined {
    const final = below(root, names.final);
    try {
      const isOwn = link === null || link.isCopied;
      if (isOwn) foldersExist(this.#operations, root, names.final);
      const part = attempt === 0 && isOwn ? [below(root, names.part)] : [];
      const whole = link === null ? final : link.path;
      for (const path of whole === null ? part : [...part, whole]) {
        const facts = this.#operations.lookUp(path);
        if (facts !== undefined && facts.kind !== 'file') throw lost(names, notAFile(path, facts));
        if (facts !== undefined) return path;
      }
      throw lost(names, new BtgetError('cannot-open', `cannot open ${final}: it is not there`));
    } catch (error) {
      this.#failed(entry, fileFailure(error, final));
      return undefined;
    }
  }

  #check(entry: Entry, names: FileNames, file: HeldFile): void {
    this.#operations.facts(file.descriptor, (error, facts) => {
      if (error === null && facts?.kind === 'file') {
        const id = this.#ids.get(entry.key);
        if (id !== undefined && id !== facts.id) {
          this.#close(file);
          this.#failed(entry, new LostName(names.part, `${file.name}: somebody has replaced it meanwhile`));
          return;
        }
        this.#ids.set(entry.key, facts.id);
        entry.file = file;
        for (const answered of entry.waiting.splice(0)) answered({ ok: true, file });
        return;
      }
      this.#close(file);
      if (error !== null) this.#failed(entry, fileFailure(error, file.name));
      else if (facts !== undefined) this.#failed(entry, notAFile(file.name, facts));
    });
  }

  #failed(entry: Entry, failure: BtgetError): void {
    this.#entries.delete(entry.key);
    for (const answered of entry.waiting.splice(0)) answered({ ok: false, failure });
  }

  /** False when no file of ours is open, so that waiting would be for ever. */
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
      // A file that was only read has nothing to lose. A descriptor that is not open is our own mistake.
      if (isSystemError(error) && error.code === 'EBADF') throw error;
      closed?.();
      this.#retryStarved();
    });
  }
}

function keyOf({ storage, names }: FileAddress): string {
  return `${storage}:${names.final}`;
}

function lost({ part }: FileNames, { code, message }: BtgetError): LostName {
  return new LostName(part, message, code);
}
