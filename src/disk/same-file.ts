/** Tells whether a file is the one that it was when we looked at it. */
import type { FileIdentity } from './storage.js';

/** A file as it was when we looked at it. */
export interface SeenFile {
  /** As in `FileFacts`. */
  readonly id: string;
  /** What it was like; null when that is not known. */
  readonly identity: FileIdentity | null;
}

/**
 * A file system that has no numbers for files, as FAT, gives a file another inode when it has forgotten it for a while.
 * And where there are such numbers, another file may get that of a file which is gone; its birth tells the two apart.
 */
export function isSameFile({ id, identity: then }: SeenFile, now: FileIdentity & Pick<SeenFile, 'id'>): boolean {
  if (then === null) return now.id === id;
  return now.bornAt === then.bornAt && (now.id === id || isUnchanged(then, now));
}

/** Whether two looks saw one file, as its inode and its birth tell: the inode of a file that is gone is used again. */
export function isSameInode(one: FileIdentity, other: FileIdentity): boolean {
  return one.inode === other.inode && one.bornAt === other.bornAt;
}

/** Whether its bytes are those that it had, if it is the same file. */
export function isUnchanged(then: FileIdentity, now: FileIdentity): boolean {
  return now.length === then.length && now.changedAt === then.changedAt;
}
