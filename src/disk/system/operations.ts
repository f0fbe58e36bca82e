/**
 * The system calls behind every file, as few as do. Code in this folder reaches a disk only through these two
 * interfaces, so that a test can make each call fail in turn. Paths are text that keeps every byte (`nameText`).
 */
import fs from 'node:fs';
import { nameText, systemPath } from '../../base/raw-name.js';
import type { FileIdentity } from '../storage.js';
import { holdFolder, inFolder } from './anchor.js';
import { makeFolderAndParents } from './folders.js';

/** What is known of a name without following links. */
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

/** A file's identity, and which file that is said of. */
export interface IdentifiedFile extends FileIdentity {
  /** As in `FileFacts`. */
  readonly id: string;
}

/**
 * 'read': reading only. 'write': reading and writing, the file exists. 'create': as 'write', the name is free.
 * 'create privately': as 'create', for nobody else to read.
 */
export type FileAccess = 'read' | 'write' | 'create' | 'create privately';

/** Calls of the workers, where blocking is the point. Each throws what the system says. */
export interface FileOperations {
  /** The last element is not followed when it is a link (`follow` false), and a FIFO does not block. */
  open(path: string, access: FileAccess, follow: boolean): number;
  close(descriptor: number): void;
  /** Bytes read, less than asked for at the end of the file. */
  read(descriptor: number, into: Uint8Array, length: number, position: number): number;
  /** Bytes written, possibly less than asked for. */
  write(descriptor: number, from: Uint8Array, begin: number, length: number, position: number): number;
  facts(descriptor: number): FileFacts;
  identityOf(descriptor: number): FileIdentity;
  /** Undefined when there is no such name. */
  lookUp(path: string): FileFacts | undefined;
  /** As `lookUp`, for a regular file; undefined when there is none of that name. */
  identify(path: string): IdentifiedFile | undefined;
  /** Bytes that a name takes up on the disk; undefined when there is no such name. */
  allocated(path: string): number | undefined;
  /** Bytes that are free for us where `path` is; null where the file system does not know. */
  free(path: string): number | null;
  realPath(path: string): string;
  /** As in file-anchor.ts. Code that opens, makes, names or removes something calls it through `inFolderOf`. */
  readonly inFolder: typeof inFolder;
  /** What is in a folder, in no order. */
  list(path: string): readonly string[];
  setLength(descriptor: number, length: number): void;
  setMode(descriptor: number, mode: number): void;
  /** Flushes bytes and length; of a folder, its names. Does not block: syncing takes as long as the disk likes. */
  flush(descriptor: number, answered: (error: Error | null) => void): void;
  /**
   * With `parents`, those above it as well; the first of them that was made is returned, undefined when all were there.
   */
  makeFolder(path: string, parents: boolean): string | undefined;
  /** Fails when anything is in it. */
  removeFolder(path: string): void;
  rename(from: string, to: string): void;
  /** A second name for a file; fails with EEXIST when the name is taken. */
  link(from: string, to: string): void;
  unlink(path: string): void;
  makeLink(target: string, path: string): void;
  readLink(path: string): string;
  /** Says of a file that its bytes last changed then, nanoseconds since 1970, or up to a millisecond before. */
  setChangedAt(path: string, changedAt: bigint): void;
  /** Whether folders can be flushed here. */
  readonly flushesFolders: boolean;
}

/** Calls of the main thread, which must not block. */
export interface ReadOperations {
  open(path: string, answered: (error: Error | null, descriptor: number) => void): void;
  facts(descriptor: number, answered: (error: Error | null, facts: FileFacts | undefined) => void): void;
  /** Fills `into`, one after another, with what follows `position`; less at the end of the file, and when it likes. */
  read(
    descriptor: number,
    into: readonly Uint8Array[],
    position: number,
    answered: (error: Error | null, count: number) => void,
  ): void;
  close(descriptor: number, answered: (error: Error | null) => void): void;
  /** As in `FileOperations`; they block for microseconds, when a file is opened. */
  lookUp(path: string): FileFacts | undefined;
  realPath(path: string): string;
  /** As in file-anchor.ts. Code that opens something calls it through `holdFolderOf`. */
  readonly holdFolder: typeof holdFolder;
}

const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR } = fs.constants;
// Windows has neither of the two, and no FIFO that opening would wait for.
const O_NOFOLLOW = fs.constants.O_NOFOLLOW ?? 0;
const O_NONBLOCK = fs.constants.O_NONBLOCK ?? 0;

/** Owners that date no file falsely: our own user and root. Where the system has no users, every owner is 0. */
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
  // Windows opens no folder for flushing; it writes names down by itself.
  flushesFolders: process.platform !== 'win32',
};

export const systemReadOperations: ReadOperations = {
  open: (path, answered) => fs.open(systemPath(path), FLAGS.read | O_NOFOLLOW, answered),
  facts: (descriptor, answered) =>
    fs.fstat(descriptor, (error, stats) => answered(error, error === null ? factsOf(stats) : undefined)),
  read: (descriptor, into, position, answered) => fs.readv(descriptor, into, position, answered),
  close: (descriptor, answered) => fs.close(descriptor, answered),
  lookUp,
  realPath,
  holdFolder,
};

function realPath(path: string): string {
  return nameText(fs.realpathSync.native(systemPath(path), 'buffer'));
}

function identify(path: string): IdentifiedFile | undefined {
  const stats = fs.lstatSync(systemPath(path), { bigint: true, throwIfNoEntry: false });
  return stats?.isFile() ? identityIn(stats) : undefined;
}

function identityIn({ size, mtimeNs, ctimeNs, ino, birthtimeNs, dev, uid }: fs.BigIntStats): IdentifiedFile {
  // As in `factsOf`, where numbers stand for what is longer than they are.
  const id = `${Number(dev)}:${Number(ino)}`;
  // The owner of a file can set the time of its bytes back after a change, and not that of its entry.
  const changedAt = OURS.has(Number(uid)) ? mtimeNs : ctimeNs;
  return { length: Number(size), changedAt, inode: ino, bornAt: birthtimeNs, id };
}

function lookUp(path: string): FileFacts | undefined {
  try {
    const stats = fs.lstatSync(systemPath(path), { throwIfNoEntry: false });
    return stats === undefined ? undefined : factsOf(stats);
  } catch (error) {
    // A file lies where a folder would have to: below it there is no name.
    if (error instanceof Error && 'code' in error && error.code === 'ENOTDIR') return undefined;
    throw error;
  }
}

function factsOf(stats: fs.Stats): FileFacts {
  const kind = stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : stats.isSymbolicLink() ? 'link' : 'other';
  const { size: length, mode, uid: owner, gid: group, nlink: links } = stats;
  return { kind, length, mode: mode & 0o7777, owner, group, links, id: `${stats.dev}:${stats.ino}` };
}
