/**
 * A few bytes that outlive the process, in a file that several processes may write: each replaces it as a whole, and
 * the last one stays. They may be lost, so nothing is flushed, and nothing that goes wrong here is a failure.
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

export interface FileKeptOptions {
  readonly path: string;
  /** Whose files are believed; null where the system knows no users. */
  readonly user: FileUser | null;
  /** Bytes. A longer file is none of ours. */
  readonly maxLength: number;
  /** Told, in a sentence, why the file is of no use or could not be written. */
  readonly noted: (message: string) => void;
}

// No other user has to know which nodes and peers we know.
const PRIVATE_FILE = 0o600;
const PRIVATE_FOLDER = 0o700;

export class FileKept {
  readonly #timers: Timers;
  readonly #options: FileKeptOptions;

  /** Answers are tasks of `timers`. */
  constructor(timers: Timers, options: FileKeptOptions) {
    this.#timers = timers;
    this.#options = options;
  }

  /** Null when there is no such file, or none that can be used. */
  read(answered: (bytes: Buffer | null) => void): void {
    // A few calls, of which each takes microseconds.
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
  // Of chance, so that no two processes write one file.
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
