/** The file in which `btget tracker` keeps its state between two runs. */
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { toHex } from '../../base/bytes.js';
import { BtgetError } from '../../base/failure.js';
import type { Random } from '../../base/random.js';
import { fileFailure, isSystemError } from '../../disk/failure.js';
import { systemFileOperations } from '../../disk/system/operations.js';
import { systemProcesses } from '../../disk/system/processes.js';
import { type KeptFile, readKept } from '../../disk/system/trust.js';
import { mayBeForged } from '../../disk/target.js';
import { beginsAsState } from '../../tracker/tracker-state.js';

const { O_CREAT, O_EXCL, O_WRONLY } = constants;
/** POSIX: "If O_EXCL and O_CREAT are set, and path names a symbolic link, open() shall fail". */
const WRITE = O_WRONLY | O_CREAT | O_EXCL;
/** Bytes. A full table takes less. */
const MAX_LENGTH = 64 * 1024 * 1024;
/** Bytes that tell a state from a file of another kind. */
const HEAD_LENGTH = 64;
const PRIVATE_FILE = 0o600;

/**
 * Keeps the state of a tracker in a file. It writes the new state beside the old one, flushes it, and puts it in the
 * old one's place, one state at a time. So one of the two is always whole, even after a crash. It takes the place of
 * nothing but the state that it has read or written there: any other file stays.
 */
export class TrackerStateFile {
  readonly #path: string;
  readonly #say: (line: string) => void;
  readonly #random: Random;
  #writing: Promise<void> = Promise.resolve();
  /** Bytes of the state that was read or written last; 0 when there was none. */
  #length = 0;
  /** Whether the file has a state that is not taken over, and so is not replaced either. */
  #putsAside = false;

  /** `say` gets a warning for a state that is not taken over, and for each that `save` cannot write. */
  constructor(path: string, say: (line: string) => void, random: Random) {
    this.#path = path;
    this.#say = say;
    this.#random = random;
  }

  /**
   * Hands the state that is there to `restore`, which returns false when it cannot read it whole. A state that another
   * user may have written is not handed over. Changes nothing on the disk. Throws 'foreign-file' for a file that is no
   * state, and 'cannot-open' for anything but a regular file (a link too), for a file that is too long, and when there
   * is no folder for it.
   */
  takeOver(restore: (state: Buffer) => boolean): void {
    const path = this.#path;
    const kept = readFrom(realFolderOf(path), basename(path), MAX_LENGTH);
    if (kept === null) return;
    const { length } = kept.identity;
    if (length > MAX_LENGTH) throw cannotRead(path, `it has ${length} bytes, more than any state of a tracker`);
    if (kept.bytes.length === 0) {
      this.#say(`warning: ${path} is empty, beginning anew`);
      return;
    }
    if (!beginsAsState(kept.bytes)) throw foreign(path, 'is already there and is no state of a tracker');
    this.#length = length;
    // Our own file is believed even in a folder that others may write to: without it the counts are lost for good.
    const why = mayBeForged(kept) ? `is not believed, beginning anew: it ${kept.doubt?.why}` : null;
    if (why === null && restore(kept.bytes)) return;
    this.#putsAside = true;
    this.#say(`warning: ${path} ${why ?? 'is no whole state of a tracker, beginning anew'}`);
  }

  /** Writes the first state. Rejects with a `BtgetError`: a tracker that cannot keep its state must not run. */
  async begin(state: Buffer): Promise<void> {
    await this.#removeLeftovers();
    await this.#write([state]);
  }

  save(state: readonly Buffer[]): void {
    this.#writing = this.#writing.then(async () => {
      try {
        await this.#write(state);
      } catch (error) {
        this.#say(`warning: ${writeFailure(this.#path, error).message}`);
      }
    });
  }

  /** Writes the last state of this run. Resolves to null, or to the failure that lost what came after the last save. */
  async end(state: Buffer): Promise<BtgetError | null> {
    await this.#writing;
    try {
      await this.#write([state]);
      return null;
    } catch (error) {
      const { code, message } = writeFailure(this.#path, error);
      // It could be opened at the start.
      return new BtgetError(code === 'cannot-open' ? 'io' : code, `the last state is lost: ${message}`, {
        cause: error,
      });
    }
  }

  /** Resolves when each state that `save` was given so far has been written or has failed. */
  settled(): Promise<void> {
    return this.#writing;
  }

  async #write(state: readonly Buffer[]): Promise<void> {
    const path = this.#path;
    const fresh = join(dirname(path), `${freshPrefixOf(path)}${this.#suffix()}.new`);
    try {
      const file = await open(fresh, WRITE, PRIVATE_FILE);
      try {
        let length = 0;
        for (const part of state) {
          await file.appendFile(part);
          length += part.length;
        }
        await file.sync();
        // Another user may write to the folder too.
        if ((await lstat(fresh)).ino !== (await file.stat()).ino)
          throw new Error(`another program has put its own file at ${fresh}`);
        await this.#makeWay();
        await rename(fresh, path);
        this.#length = length;
      } catch (error) {
        await removeOwn(fresh, file);
        throw error;
      } finally {
        await file.close();
      }
    } catch (error) {
      throw writeFailure(path, error);
    }
    await flushFolder(dirname(path));
  }

  /** Leaves nothing at the path that would be lost when another file takes its name. Throws when it cannot. */
  async #makeWay(): Promise<void> {
    const path = this.#path;
    // This blocks, but only for a few calls that take microseconds each.
    const kept = readFrom(dirname(path), basename(path), HEAD_LENGTH);
    if (kept === null || kept.identity.length === 0) return;
    // What a file system tells of a file besides its length may change without a write.
    if (kept.identity.length !== this.#length || !beginsAsState(kept.bytes))
      throw foreign(path, 'is not what this tracker left there, perhaps another tracker keeps its state in it');
    if (!this.#putsAside) return;
    const aside = join(dirname(path), `${shortNameOf(path)}.kept-${this.#suffix()}`);
    await rename(path, aside);
    this.#putsAside = false;
    this.#length = 0;
    this.#say(`warning: what was in ${path} is kept as ${aside}`);
  }

  /** Chance keeps it from being the name of another file. */
  #suffix(): string {
    return toHex(this.#random.bytes(8));
  }

  /** Removes the states that earlier runs had not written whole when they were killed. */
  async #removeLeftovers(): Promise<void> {
    const folder = dirname(this.#path);
    const prefix = freshPrefixOf(this.#path);
    const names = await readdir(folder).catch(() => []);
    for (const name of names) {
      if (!name.startsWith(prefix) || !/^[0-9a-f]{16}\.new$/.test(name.slice(prefix.length))) continue;
      if (isOwnState(folder, name)) await rm(join(folder, name), { force: true }).catch(() => undefined);
    }
  }
}

/** How the names begin under which the states of `path` are written before they take its place. */
function freshPrefixOf(path: string): string {
  return `.${shortNameOf(path)}.`;
}

/** Short enough for any file system when something is added to it. */
function shortNameOf(path: string): string {
  return basename(path).slice(0, 60);
}

/** Whether `name` is the beginning of a state, or empty, and no other user's. */
function isOwnState(folder: string, name: string): boolean {
  try {
    const kept = readFrom(folder, name, HEAD_LENGTH);
    return kept !== null && !mayBeForged(kept) && (kept.bytes.length === 0 || beginsAsState(kept.bytes));
  } catch (error) {
    if (error instanceof BtgetError) return false;
    throw error;
  }
}

function readFrom(folder: string, name: string, maxLength: number): KeptFile | null {
  return readKept(systemFileOperations, systemProcesses.user, folder, name, maxLength);
}

function realFolderOf(path: string): string {
  const folder = dirname(path);
  try {
    const real = systemFileOperations.realPath(folder);
    if (systemFileOperations.lookUp(real)?.kind === 'folder') return real;
  } catch (error) {
    const code = isSystemError(error) ? error.code : String(error);
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw cannotRead(path, code, error);
  }
  throw new BtgetError('cannot-open', `cannot write ${path}: there is no folder ${folder}`);
}

function cannotRead(path: string, why: string, cause?: unknown): BtgetError {
  return new BtgetError('cannot-open', `cannot read ${path}: ${why}`, { cause });
}

function foreign(path: string, what: string): BtgetError {
  return new BtgetError('foreign-file', `${path} ${what}; --state FILE names another file`);
}

function writeFailure(path: string, error: unknown): BtgetError {
  if (error instanceof BtgetError) return error;
  const code = isSystemError(error) ? fileFailure(error, path).code : 'io';
  const why = error instanceof Error ? error.message : String(error);
  return new BtgetError(code, `cannot write ${path}: ${why}`, { cause: error });
}

/** Removes a state that could not be written, so that it takes no room on a full disk. */
async function removeOwn(fresh: string, file: FileHandle): Promise<void> {
  const there = await lstat(fresh).catch(() => null);
  if (there !== null && there.ino === (await file.stat()).ino) await rm(fresh, { force: true });
}

/**
 * Makes the new state outlast a power cut. Without it the old one may come back, whole too. So it is no failure where a
 * folder cannot be flushed, or cannot be read.
 */
async function flushFolder(folder: string): Promise<void> {
  if (!systemFileOperations.flushesFolders) return;
  const opened = await open(folder, constants.O_RDONLY).catch(() => null);
  await opened?.sync().catch(() => undefined);
  await opened?.close();
}
