/**
 * A few bytes that outlive the process, in a file that several processes may write: each replaces it as a whole, and
 * the last one stays. They may be lost, so nothing is flushed, and nothing that goes wrong here is a failure.
 */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Timers } from '../base/clock.js';
import { fileFailure } from './file-failure.js';
import { makeFolderAndParents } from './file-folders.js';

export interface FileKeptOptions {
  readonly path: string;
  /** Bytes. A longer file is none of ours. */
  readonly maxLength: number;
  /** Told, in a sentence, why the file is of no use or could not be written. */
  readonly noted: (message: string) => void;
}

// Nobody but its owner has to know whom we know. A link is not followed, and a pipe does not make us wait.
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
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
    const { path, maxLength } = this.#options;
    readRegular(path, maxLength).then(
      (bytes) => this.#answer(() => answered(bytes)),
      (error: unknown) => {
        this.#answer(() => {
          if (!isAbsence(error)) this.#options.noted(fileFailure(error, path).message);
          answered(null);
        });
      },
    );
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

/** Null for what is no regular file, or too long. */
async function readRegular(path: string, maxLength: number): Promise<Buffer | null> {
  const file = await open(path, READ);
  try {
    const facts = await file.stat();
    if (!facts.isFile() || facts.size > maxLength) return null;
    return await readUpTo(file, maxLength);
  } finally {
    await file.close();
  }
}

/** The file may grow while it is read. */
async function readUpTo(file: FileHandle, maxLength: number): Promise<Buffer | null> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(maxLength + 1), 0, maxLength + 1, 0);
  return bytesRead > maxLength ? null : buffer.subarray(0, bytesRead);
}

async function replace(path: string, bytes: Buffer): Promise<void> {
  // A few calls, of which each takes microseconds.
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

function isAbsence(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
