/** The file in which `btget tracker` keeps its state between two runs. */
import { constants } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { BtgetError } from '../../base/failure.js';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
/** Nothing that is put in the file's place is followed or waited for. */
const READ = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
const WRITE = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
/** More than a full table takes. */
const MAX_LENGTH = 64 * 1024 * 1024;
const PRIVATE_FILE = 0o600;

/** Null when there is no such file; throws a 'cannot-open' failure for what is no regular file, or too long. */
export async function readTrackerState(path: string): Promise<Buffer | null> {
  const refuse = (why: string, cause?: unknown): never => {
    throw new BtgetError('cannot-open', `cannot read ${path}: ${why}`, { cause });
  };
  let file: FileHandle;
  try {
    file = await open(path, READ);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT') return null;
    return refuse(code === 'ELOOP' ? 'it is a link' : code, error);
  }
  try {
    const facts = await file.stat();
    if (!facts.isFile()) return refuse('it is no regular file');
    if (facts.size > MAX_LENGTH) return refuse(`it has ${facts.size} bytes, more than any state of a tracker`);
    const bytes = Buffer.alloc(facts.size);
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return bytes.subarray(0, length);
  } catch (error) {
    if (error instanceof BtgetError) throw error;
    return refuse(codeOf(error), error);
  } finally {
    await file.close();
  }
}

/**
 * Writes the state beside the old one, flushes it, and puts it in the old one's place, one state at a time: whatever
 * happens, one of them is whole.
 */
export class TrackerStateFile {
  readonly #path: string | null;
  readonly #say: (line: string) => void;
  #writing: Promise<void> = Promise.resolve();

  /** `path`: null to keep nothing. `say` gets a warning for each state that cannot be written. */
  constructor(path: string | null, say: (line: string) => void) {
    this.#path = path;
    this.#say = say;
  }

  save(state: readonly Buffer[]): void {
    const path = this.#path;
    if (path === null) return;
    this.#writing = this.#writing.then(async () => {
      try {
        await replace(path, state);
      } catch (error) {
        this.#say(`warning: cannot write ${path}: ${error instanceof Error ? error.message : String(error)}`);
      }
    });
  }

  settled(): Promise<void> {
    return this.#writing;
  }
}

async function replace(path: string, state: readonly Buffer[]): Promise<void> {
  const fresh = `${path}.new`;
  // What an earlier run left half written. A link that is put there is removed, not followed.
  await rm(fresh, { force: true });
  const file = await open(fresh, WRITE, PRIVATE_FILE);
  try {
    for (const part of state) await file.appendFile(part);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(fresh, path);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
