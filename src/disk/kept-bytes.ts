/**
 * A few bytes that outlive the process, in a file that several processes may write. Each write replaces the whole file,
 * and the last one stays. The bytes may be lost without harm: nothing is flushed, and no error here is a failure.
 */
import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import type { Timers } from '../base/clock.js';
import { BtgetError } from '../base/failure.js';
import { fileFailure } from './failure.js';
import { makeFolderAndParents } from './system/folders.js';
import { systemFileOperations } from './system/operations.js';
import { type FileUser, readKept } from './system/trust.js';

export interface FileKeptBytesOptions {
  readonly path: string;
  /**
   * The user that this process runs as: a file that another user may have written is not believed. Null where the
   * system knows no users.
   */
  readonly user: FileUser | null;
  /** Bytes. A longer file is not one that we wrote. */
  readonly maxLength: number;
  /** Gets a sentence that says why the file is of no use, or why it could not be written. */
  readonly noted: (message: string) => void;
}

// The bytes name the nodes and peers that we know. No other user needs to read that.
const PRIVATE_FILE = 0o600;
const PRIVATE_FOLDER = 0o700;

export class FileKeptBytes {
  readonly #timers: Timers;
  readonly #options: FileKeptBytesOptions;

  /** Every answer comes as a task of `timers`. */
  constructor(timers: Timers, options: FileKeptBytesOptions) {
    this.#timers = timers;
    this.#options = options;
  }

  /** Answers null when there is no such file, or when it cannot be used. */
  read(answered: (bytes: Buffer | null) => void): void {
    // This blocks, but only for a few calls that take microseconds each.
    const { bytes, note } = this.#read();
    this.#answer(() => {
      if (note !== null) this.#options.noted(note);
      answered(bytes);
    });
  }

  #read(): { readonly bytes: Buffer | null; readonly note: string | null } {
    const { user, maxLength } = this.#options;
    const path = resolve(this.#options.path);
    try {
      const kept = readKept(systemFileOperations, user, dirname(path), basename(path), maxLength);
      if (kept === null || kept.identity.length > maxLength) return { bytes: null, note: null };
      if (kept.doubt === null) return { bytes: kept.bytes, note: null };
      return { bytes: null, note: `${path} is not believed: it ${kept.doubt.why}` };
    } catch (error) {
      if (!(error instanceof BtgetError)) throw error;
      return { bytes: null, note: error.message };
    }
  }

  /** Replaces the file. Answers when that is done or has failed. */
  write(bytes: Buffer, answered: () => void): void {
    const { path } = this.#options;
    replace(path, bytes).then(
      () => this.#answer(answered),
      (error: unknown) => {
        this.#answer(() => {
          this.#options.noted(fileFailure(error, path).message);
          answered();
        });
      },
    );
  }

  #answer(task: () => void): void {
    this.#timers.addTask(task, 0);
  }
}

async function replace(path: string, bytes: Buffer): Promise<void> {
  makeFolderAndParents(resolve(dirname(path)), PRIVATE_FOLDER);
  // A random name, so that no two processes write to one file.
  const fresh = `${path}.${randomBytes(6).toString('hex')}`;
  const file = await open(fresh, 'wx', PRIVATE_FILE);
  try {
    await file.writeFile(bytes);
    await file.close();
    await rename(fresh, path);
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(fresh, { force: true });
    throw error;
  }
}
