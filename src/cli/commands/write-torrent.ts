/** Writes a .torrent where the user wants it, and replaces no file by accident. */
import type { Stats } from 'node:fs';
import { link, lstat, open, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { toHex } from '../../base/bytes.js';
import { BtgetError, systemCode } from '../../base/failure.js';
import { writeGivenFile } from '../../base/system-given-file.js';
import { systemRandom } from '../../base/system-random.js';
import { idOf } from '../../disk/list-files.js';
import { invalid, MAX_TORRENT_LENGTH } from '../../metainfo/metainfo.js';
import type { Deadline } from '../run/deadline.js';

/** Where a .torrent goes. */
export type TorrentTarget =
  | { readonly kind: 'stdout' }
  /** A file, which may not exist yet. */
  | { readonly kind: 'file'; readonly path: string }
  /** A device, a pipe or the like: we write into it and never put another file in its place. */
  | { readonly kind: 'stream'; readonly path: string };

/** Names of our own stdout. Opening such a name fails when stdout is a socket, and starts at byte 0 of a file. */
const STDOUT: ReadonlySet<string> = new Set(['-', '/dev/stdout', '/dev/fd/1', '/proc/self/fd/1']);

/**
 * What `output` stands for: `-` for stdout, a folder for the file `name` in it, null for the file `name` in the current
 * folder. While the caller does not know the name (null), a folder counts as a file that is not there. Rejects with
 * 'cannot-open' when nothing can be written there.
 */
export async function torrentTarget(output: string | null, name: string | null): Promise<TorrentTarget> {
  if (output === null) return fileTarget(name ?? '');
  if (STDOUT.has(output)) return { kind: 'stdout' };
  const found = await look(output, stat);
  if (found?.isDirectory() === true)
    return name === null ? { kind: 'file', path: output } : fileTarget(join(output, name));
  if (found !== null && !found.isFile()) return { kind: 'stream', path: output };
  if (output.endsWith('/')) throw new BtgetError('cannot-open', `cannot write ${output}: there is no such folder`);
  return fileTarget(output);
}

/** What the .torrent would take the place of. */
export interface Replaced {
  /** Device and inode of the file to which links lead; null when they lead nowhere. */
  readonly id: string | null;
  /** Whether nothing is lost but a .torrent. */
  readonly isTorrent: boolean;
}

/** What is there already; null for nothing, and for what is not replaced but written into, as a folder is. */
export async function replacedBy(target: TorrentTarget): Promise<Replaced | null> {
  if (target.kind !== 'file' || (await look(target.path, lstat)) === null) return null;
  const found = await look(target.path, stat);
  if (found === null) return { id: null, isTorrent: true };
  if (found.isDirectory()) return null;
  return { id: idOf(found), isTorrent: !found.isFile() || found.size === 0 || (await beginsAsTorrent(target.path)) };
}

/**
 * Rejects with 'foreign-file' when something is there and `force` is not set, or when it is no .torrent. `writeTorrent`
 * refuses the same; a command calls this before its long work.
 */
export async function mustBeFree(target: TorrentTarget, force: boolean): Promise<void> {
  const replaced = await replacedBy(target);
  if (replaced === null || target.kind !== 'file') return;
  if (!replaced.isTorrent)
    throw new BtgetError('foreign-file', `${target.path} is already there and is no .torrent; -o writes elsewhere`);
  if (!force) throw alreadyThere(target.path);
}

/** A dictionary in bencode, whose first key is short. */
const TORRENT_BEGIN = /^d(?:e|\d{1,3}:)/;

async function beginsAsTorrent(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(8), 0, 8, 0);
      return TORRENT_BEGIN.test(buffer.toString('latin1', 0, bytesRead));
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new BtgetError('cannot-open', `cannot read ${path}: ${systemCode(error) ?? String(error)}`, { cause: error });
  }
}

/**
 * Never leaves a part of a .torrent under the target's name. Rejects with a `BtgetError`: with 'torrent-invalid' when
 * the .torrent is so long that we would not read it. Peers may tell the piece layers of such a one. A pipe may have no
 * reader, and is given up when `deadline` ends.
 */
export function writeTorrent(
  target: TorrentTarget,
  bytes: Buffer,
  force: boolean,
  stdout: NodeJS.WritableStream,
  deadline: Deadline,
): Promise<void> {
  const writing = write(target, bytes, force, stdout);
  return target.kind === 'stream' ? deadline.within(writing, target.path) : writing;
}

async function write(
  target: TorrentTarget,
  bytes: Buffer,
  force: boolean,
  stdout: NodeJS.WritableStream,
): Promise<void> {
  if (bytes.length > MAX_TORRENT_LENGTH)
    throw invalid('the file', `would have ${bytes.length} bytes, ${MAX_TORRENT_LENGTH} is the most`);
  if (target.kind === 'stdout') {
    stdout.write(bytes);
    return;
  }
  const { kind, path } = target;
  try {
    if (kind === 'stream') await writeGivenFile(path, bytes);
    else if (force) {
      // It may have appeared during the long work.
      await mustBeFree(target, force);
      await replace(path, bytes);
    } else await appear(path, bytes);
  } catch (error) {
    throw writeFailure(path, error);
  }
}

async function fileTarget(path: string): Promise<TorrentTarget> {
  if ((await look(path, lstat)) === null) await mustBeFolder(path);
  else if ((await look(path, stat))?.isDirectory() === true)
    throw new BtgetError('cannot-open', `cannot write ${path}: it is a folder`);
  return { kind: 'file', path };
}

async function mustBeFolder(path: string): Promise<void> {
  const folder = dirname(path);
  const found = await look(folder, stat);
  if (found === null) throw new BtgetError('cannot-open', `cannot write ${path}: there is no folder ${folder}`);
  if (!found.isDirectory()) throw new BtgetError('cannot-open', `cannot write ${path}: ${folder} is not a folder`);
}

type Look = (path: string) => Promise<Stats>;

/** Null when there is no such name. */
async function look(path: string, how: Look): Promise<Stats | null> {
  try {
    return await how(path);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw writeFailure(path, error);
  }
}

/** Writes the file beside its place, so that its name never stands for a part of it, and replaces no file. */
async function appear(path: string, bytes: Buffer): Promise<void> {
  const beside = besides(path);
  await writeNew(beside, bytes);
  try {
    await link(beside, path);
  } catch (error) {
    if (systemCode(error) === 'EEXIST') throw error;
    // This file system has no hard links. An empty file takes the name, if it is free, and the whole one its place.
    await writeNew(path, Buffer.alloc(0));
    await rename(beside, path);
  } finally {
    await rm(beside, { force: true });
  }
}

/** A name in the same folder that nothing else has, not even what a killed process left behind. */
function besides(path: string): string {
  return join(dirname(path), `.${basename(path).slice(0, 60)}.${toHex(systemRandom.bytes(8))}.new`);
}

async function writeNew(path: string, bytes: Buffer, mode = 0o666): Promise<void> {
  const file = await open(path, 'wx', mode);
  try {
    await file.writeFile(bytes);
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

/**
 * Writes the new file beside the old one and then puts it in the old one's place, so that one of the two is always
 * whole. A link stays and leads to the new file.
 */
async function replace(path: string, bytes: Buffer): Promise<void> {
  // When a link leads nowhere, writing through it makes the file that it names.
  const real = await realpath(path).catch(() => path);
  const beside = besides(real);
  try {
    const found = await look(real, stat);
    if (found === null && (await look(real, lstat)) !== null) {
      await writeFile(real, bytes);
      return;
    }
    await writeNew(beside, bytes, found?.mode);
  } catch (error) {
    // We may be allowed to write the file, but not to make another one in its folder.
    if (!['EACCES', 'EPERM', 'EROFS'].includes(systemCode(error) ?? '')) throw error;
    await writeFile(real, bytes);
    return;
  }
  try {
    await rename(beside, real);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}

function writeFailure(path: string, error: unknown): BtgetError {
  if (error instanceof BtgetError) return error;
  const code = systemCode(error) ?? String(error);
  if (code === 'EEXIST') return alreadyThere(path);
  const failure =
    code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG'
      ? 'disk-full'
      : code === 'EIO' || code === 'EPIPE'
        ? 'io'
        : 'cannot-open';
  return new BtgetError(failure, `cannot write ${path}: ${code}`, { cause: error });
}

function alreadyThere(target: string): BtgetError {
  return new BtgetError('foreign-file', `${target} is already there; --force replaces it, -o writes elsewhere`);
}
