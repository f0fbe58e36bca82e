/** The file in which `btget tracker` keeps its state between two runs. */
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, rename, rm } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { BtgetError } from '../../base/failure.js';
import { systemFileOperations } from '../../disk/system/operations.js';
import { systemProcesses } from '../../disk/system/processes.js';
import { readKept } from '../../disk/system/trust.js';
import { mayBeForged } from '../../disk/target.js';

const { O_CREAT, O_EXCL, O_WRONLY } = constants;
/** POSIX: "If O_EXCL and O_CREAT are set, and path names a symbolic link, open() shall fail". */
const WRITE = O_WRONLY | O_CREAT | O_EXCL;
/** Bytes. A full table takes less. */
const MAX_LENGTH = 64 * 1024 * 1024;
const PRIVATE_FILE = 0o600;

/**
 * Null when there is no state, or when another user may have written it; `say` then gets a warning that tells why.
 * Throws a 'cannot-open' failure for anything but a regular file (a link too), and for a file that is too long.
 */
export function readTrackerState(path: string, say: (line: string) => void): Buffer | null {
  const folder = realFolderOf(path);
  if (folder === null) return null;
  const kept = readKept(systemFileOperations, systemProcesses.user, folder, basename(path), MAX_LENGTH);
  if (kept === null) return null;
  if (kept.identity.length > MAX_LENGTH)
    throw cannotRead(path, `it has ${kept.identity.length} bytes, more than any state of a tracker`);
  // Our own file is believed even in a folder that others may write to: without it the counts are lost for good.
  if (!mayBeForged(kept)) return kept.bytes;
  say(`warning: ${path} is not believed, beginning anew: it ${kept.doubt?.why}`);
  return null;
}

function realFolderOf(path: string): string | null {
  try {
    return systemFileOperations.realPath(dirname(path));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    if (code === 'ENOENT') return null;
    throw cannotRead(path, code, error);
  }
}

function cannotRead(path: string, why: string, cause?: unknown): BtgetError {
  return new BtgetError('cannot-open', `cannot read ${path}: ${why}`, { cause });
}

/**
 * Keeps the state of a tracker in a file. It writes the new state beside the old one, flushes it, and puts it in the
 * old one's place, one state at a time. So one of the two is always whole, even after a crash.
 */
export class TrackerStateFile {
  readonly #path: string | null;
  readonly #say: (line: string) => void;
  #writing: Promise<void> = Promise.resolve();

  /** `path`: the file, or null to keep nothing. `say` gets a warning for each state that cannot be written. */
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

  /** Resolves when each state that `save` was given so far has been written or has failed. */
  settled(): Promise<void> {
    return this.#writing;
  }
}

async function replace(path: string, state: readonly Buffer[]): Promise<void> {
  const fresh = `${path}.new`;
  // An earlier run may have left half a state. A link that another user put there is removed, not followed.
  await rm(fresh, { force: true });
  const file = await open(fresh, WRITE, PRIVATE_FILE);
  try {
    for (const part of state) await file.appendFile(part);
    await file.sync();
    // Another tracker may have put its own file there, which may not be whole yet.
    if ((await lstat(fresh)).ino !== (await file.stat()).ino)
      throw new Error('another tracker keeps its state there; give each its own file');
    await rename(fresh, path);
  } catch (error) {
    await removeOwn(fresh, file);
    throw error;
  } finally {
    await file.close();
  }
}

/** Removes a state that could not be written, so that it takes no room on a full disk. */
async function removeOwn(fresh: string, file: FileHandle): Promise<void> {
  const there = await lstat(fresh).catch(() => null);
  if (there !== null && there.ino === (await file.stat()).ino) await rm(fresh, { force: true });
}
