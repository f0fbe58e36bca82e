/**
 * The system calls behind every file of a download, as few as are needed. A disk is reached only through these two
 * interfaces, so that a test can make each call fail in turn. Paths are text that keeps every byte (`nameText`).
 */
import fs from 'node:fs';
import { systemCode } from '../../base/failure.js';
import { nameText, systemPath } from '../../base/raw-name.js';
import type { FileIdentity } from '../storage.js';
import { holdFolder, inFolder } from './anchor.js';
import { makeFolderAndParents } from './folders.js';

/** What is known of a name; a link is not followed. */
export interface FileFacts {
  readonly kind: 'file' | 'folder' | 'link' | 'other';
  /** Bytes. */
  readonly length: number;
  /** Permission bits. */
  readonly mode: number;
  /** Numbers of the user and the group that it belongs to; 0 where the system has none. */
  readonly owner: number;
  readonly group: number;
  /** How many names it has. */
  readonly links: number;
  /** Device and inode: two names with equal `id` are one file. */
  readonly id: string;
}

/** The identity of a file, and which file it is. */
export interface IdentifiedFile extends FileIdentity {
  /** As in `FileFacts`. */
  readonly id: string;
}

/**
 * 'read': reading only. 'write': reading and writing, the file exists. 'create': as 'write', but the name is free.
 * 'create privately': as 'create', and no other user may read the file.
 */
export type FileAccess = 'read' | 'write' | 'create' | 'create privately';

/** Calls of the workers, which may block. Each throws the error of the system. */
export interface FileOperations {
  /** Follows a link as the last element only with `follow`. Does not wait for a FIFO. */
  open(path: string, access: FileAccess, follow: boolean): number;
  close(descriptor: number): void;
  /** Bytes read; fewer than asked for at the end of the file. */
  read(descriptor: number, into: Uint8Array, length: number, position: number): number;
  /** Bytes written; the system may write fewer than asked for. */
  write(descriptor: number, from: Uint8Array, begin: number, length: number, position: number): number;
  facts(descriptor: number): FileFacts;
  identityOf(descriptor: number): FileIdentity;
  /** What has the name, a link itself if it is one. Undefined when there is no such name. */
  lookUp(path: string): FileFacts | undefined;
  /** As `lookUp`, for a regular file; undefined when none has the name. */
  identify(path: string): IdentifiedFile | undefined;
  /** Whether the file system of `path` numbers a file anew when it has forgotten it for a while, as FAT does. */
  numbersAnew(path: string): boolean;
  /** Bytes that a name takes up on the disk; undefined when there is no such name. */
  allocated(path: string): number | undefined;
  /** Bytes that are free for us at `path`; null where the file system does not say. */
  free(path: string): number | null;
  realPath(path: string): string;
  /** As in anchor.ts. Code that opens, makes, names or removes something calls it through `inFolderOf`. */
  readonly inFolder: typeof inFolder;
  /** The names in a folder, in no order. */
  list(path: string): readonly string[];
  /** As `list`, for a folder that may be endless: at most `most` names. */
  listSome(path: string, most: number): readonly string[];
  /**
   * Makes the file behind `to` share all bytes of the file behind `from` on the disk, until one of them is changed.
   * False where the file system or the modes of the two files do not allow it: then the file behind `to` may be empty
   * afterwards. Its mode stays.
   */
  share(from: number, to: number): boolean;
  setLength(descriptor: number, length: number): void;
  setMode(descriptor: number, mode: number): void;
  /**
   * Flushes the bytes and the length of a file, or the names in a folder. Does not block, because a flush takes as long
   * as the disk needs.
   */
  flush(descriptor: number, answered: (error: Error | null) => void): void;
  /**
   * With `parents`, makes the folders above it as well. Returns the first folder that was made; undefined when all were
   * there.
   */
  makeFolder(path: string, parents: boolean): string | undefined;
  /** Fails when the folder is not empty. */
  removeFolder(path: string): void;
  rename(from: string, to: string): void;
  /** Gives a file a second name. Fails with EEXIST when the name is taken. */
  link(from: string, to: string): void;
  unlink(path: string): void;
  makeLink(target: string, path: string): void;
  readLink(path: string): string;
  /**
   * Dates the last change of a file's bytes: `changedAt` (nanoseconds since 1970), or up to two milliseconds earlier.
   */
  setChangedAt(path: string, changedAt: bigint): void;
  /** Whether folders can be flushed here. */
  readonly flushesFolders: boolean;
}

/** Calls of the main thread. They do not block, unless they say so. */
export interface ReadOperations {
  open(path: string, answered: (error: Error | null, descriptor: number) => void): void;
  facts(descriptor: number, answered: (error: Error | null, facts: FileFacts | undefined) => void): void;
  /** Fills the buffers of `into`, one after another, from `position`. The system may read fewer bytes at any place. */
  read(
    descriptor: number,
    into: readonly Uint8Array[],
    position: number,
    answered: (error: Error | null, count: number) => void,
  ): void;
  close(descriptor: number, answered: (error: Error | null) => void): void;
  /** As in `FileOperations`. The five calls from here on block for microseconds, when a file is opened. */
  lookUp(path: string): FileFacts | undefined;
  identify(path: string): IdentifiedFile | undefined;
  numbersAnew(path: string): boolean;
  realPath(path: string): string;
  /** As in anchor.ts. Code that opens something calls it through `holdFolderOf`. */
  readonly holdFolder: typeof holdFolder;
}

const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR } = fs.constants;
// Windows has neither of the two flags, and no FIFO for which opening would wait.
const O_NOFOLLOW = fs.constants.O_NOFOLLOW ?? 0;
const O_NONBLOCK = fs.constants.O_NONBLOCK ?? 0;

/** Users that give no file a false date: our own user and root. Where the system has no users, every owner is 0. */
const OURS: ReadonlySet<number> = new Set([process.geteuid?.() ?? 0, 0]);

const FLAGS: Readonly<Record<FileAccess, number>> = {
  read: O_RDONLY | O_NONBLOCK,
  write: O_RDWR | O_NONBLOCK,
  create: O_RDWR | O_CREAT | O_EXCL,
  'create privately': O_RDWR | O_CREAT | O_EXCL,
};

export const systemFileOperations: FileOperations = {
  open: (path, access, follow) =>
    fs.openSync(
      systemPath(path),
      FLAGS[access] | (follow ? 0 : O_NOFOLLOW),
      access === 'create privately' ? 0o600 : 0o666,
    ),
  close: (descriptor) => fs.closeSync(descriptor),
  read: (descriptor, into, length, position) => fs.readSync(descriptor, into, 0, length, position),
  write: (descriptor, from, begin, length, position) => fs.writeSync(descriptor, from, begin, length, position),
  facts: (descriptor) => factsOf(fs.fstatSync(descriptor)),
  identityOf: (descriptor) => identityIn(fs.fstatSync(descriptor, { bigint: true })),
  lookUp,
  identify,
  numbersAnew,
  allocated: (path) => {
    const stats = fs.lstatSync(systemPath(path), { throwIfNoEntry: false });
    // "Number of 512 B blocks allocated", whatever the blocks of the file system are (stat(2)).
    return stats === undefined ? undefined : stats.blocks * 512;
  },
  free: (path) => {
    const { blocks, bavail, bsize } = fs.statfsSync(systemPath(path));
    return blocks === 0 ? null : bavail * bsize;
  },
  realPath,
  inFolder,
  list: (path) => fs.readdirSync(systemPath(path)),
  listSome,
  share,
  setLength: (descriptor, length) => fs.ftruncateSync(descriptor, length),
  setMode: (descriptor, mode) => fs.fchmodSync(descriptor, mode),
  flush: (descriptor, answered) => fs.fdatasync(descriptor, answered),
  makeFolder: (path, parents) => {
    if (parents) return makeFolderAndParents(path);
    fs.mkdirSync(systemPath(path));
    return path;
  },
  removeFolder: (path) => fs.rmdirSync(systemPath(path)),
  rename: (from, to) => fs.renameSync(systemPath(from), systemPath(to)),
  link: (from, to) => fs.linkSync(systemPath(from), systemPath(to)),
  unlink: (path) => fs.unlinkSync(systemPath(path)),
  makeLink: (target, path) => fs.symlinkSync(systemPath(target), systemPath(path)),
  readLink: (path) => nameText(fs.readlinkSync(systemPath(path), 'buffer')),
  setChangedAt: (path, changedAt) => {
    const seconds = Number(changedAt / 1_000_000n - 1n) / 1000;
    fs.lutimesSync(systemPath(path), seconds, seconds);
  },
  // Windows cannot open a folder to flush it, and flushes names by itself.
  flushesFolders: process.platform !== 'win32',
};

export const systemReadOperations: ReadOperations = {
  open: (path, answered) => fs.open(systemPath(path), FLAGS.read | O_NOFOLLOW, answered),
  facts: (descriptor, answered) =>
    fs.fstat(descriptor, (error, stats) => answered(error, error === null ? factsOf(stats) : undefined)),
  read: (descriptor, into, position, answered) => fs.readv(descriptor, into, position, answered),
  close: (descriptor, answered) => fs.close(descriptor, answered),
  lookUp,
  identify,
  numbersAnew,
  realPath,
  holdFolder,
};

function listSome(path: string, most: number): readonly string[] {
  // The types of Node know names as text only.
  const encoding = 'buffer' as BufferEncoding;
  const folder = fs.opendirSync(systemPath(path), { encoding, bufferSize: 256 });
  try {
    const names: string[] = [];
    while (names.length < most) {
      const entry = folder.readSync();
      if (entry === null) break;
      names.push(nameText(entry.name as unknown as Buffer));
    }
    return names;
  } finally {
    folder.closeSync();
  }
}

// Write permission for others, and bits with which a program runs as its owner.
const RISKY_MODE = 0o7022;

/**
 * Only Linux has names for descriptors, and so a way to share bytes with the very file that is open. While it works,
 * Node gives the new file the mode of the old one: a mode that lets other users write to it, or another user choose a
 * mode in that moment, would be a hole.
 */
function share(from: number, to: number): boolean {
  if (process.platform !== 'linux') return false;
  const [old, made] = [fs.fstatSync(from), fs.fstatSync(to)];
  if (!OURS.has(old.uid) || (old.mode & RISKY_MODE & ~made.mode) !== 0) return false;
  try {
    fs.copyFileSync(`/proc/self/fd/${from}`, `/proc/self/fd/${to}`, fs.constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return false;
    throw error;
  } finally {
    fs.fchmodSync(to, made.mode & 0o7777);
  }
}

function realPath(path: string): string {
  return nameText(fs.realpathSync.native(systemPath(path), 'buffer'));
}

/** The numbers of `statfs` for FAT and exFAT on Linux. They have no inodes, nor links, nor files of several users. */
const NUMBERS_ANEW: ReadonlySet<number> = new Set([0x4d44, 0x2011bab0]);

function numbersAnew(path: string): boolean {
  return NUMBERS_ANEW.has(fs.statfsSync(systemPath(path)).type);
}

function identify(path: string): IdentifiedFile | undefined {
  const stats = orNoName(() => fs.lstatSync(systemPath(path), { bigint: true, throwIfNoEntry: false }));
  return stats?.isFile() ? identityIn(stats) : undefined;
}

function identityIn({ size, mtimeNs, ctimeNs, ino, birthtimeNs, dev, uid }: fs.BigIntStats): IdentifiedFile {
  // `factsOf` has these as numbers, which may be rounded: the ids must be equal.
  const id = `${Number(dev)}:${Number(ino)}`;
  // The owner of a file can set back the time of its bytes (mtime) after a change, but not the time of its entry
  // (ctime).
  const changedAt = OURS.has(Number(uid)) ? mtimeNs : ctimeNs;
  return { length: Number(size), changedAt, inode: ino, bornAt: birthtimeNs, id };
}

function lookUp(path: string): FileFacts | undefined {
  const stats = orNoName(() => fs.lstatSync(systemPath(path), { throwIfNoEntry: false }));
  return stats === undefined ? undefined : factsOf(stats);
}

/** Where a file has the place of a folder, there is no name below it. */
function orNoName<T>(look: () => T | undefined): T | undefined {
  try {
    return look();
  } catch (error) {
    if (systemCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

function factsOf(stats: fs.Stats): FileFacts {
  const kind = stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : stats.isSymbolicLink() ? 'link' : 'other';
  const { size: length, mode, uid: owner, gid: group, nlink: links } = stats;
  return { kind, length, mode: mode & 0o7777, owner, group, links, id: `${stats.dev}:${stats.ino}` };
}
