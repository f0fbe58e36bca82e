/** Writing a .torrent where the user wants it, without replacing anything by accident. */
import { lstat, rm, writeFile } from 'node:fs/promises';
import { BtgetError } from '../../base/failure.js';

/** For who has long work to do before the writing, which refuses as well. */
export async function refuseIfThere(target: string): Promise<void> {
  if (await exists(target)) throw alreadyThere(target);
}

export async function writeTorrent(target: string, bytes: Buffer, force: boolean): Promise<void> {
  try {
    await writeFile(target, bytes, { flag: force ? 'w' : 'wx' });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    if (code === 'EEXIST') throw alreadyThere(target);
    if (code !== 'ENOSPC' && code !== 'EDQUOT' && code !== 'EIO')
      throw new BtgetError('cannot-open', `cannot write ${target}: ${code}`, { cause: error });
    await rm(target, { force: true });
    throw new BtgetError(code === 'EIO' ? 'io' : 'disk-full', `cannot write ${target}: ${code}`, { cause: error });
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch {
    // Whatever else is wrong with the path, the writing will say.
    return false;
  }
}

function alreadyThere(target: string): BtgetError {
  return new BtgetError('foreign-file', `${target} is already there; --force replaces it, -o writes elsewhere`);
}
