import type { FileIdentity } from '../disk/storage.js';

/**
 * What a journal says a file is like that was not there when the download began: whatever the download makes under its part
 * name is ours, though it may be killed before it can say what that is like. No file has this inode and birth.
 */
export const NOT_THERE: FileIdentity = { length: 0, changedAt: 2n ** 63n - 1n, inode: 0n, bornAt: 2n ** 63n - 1n };

export function isNotThere({ inode, bornAt }: FileIdentity): boolean {
  return inode === NOT_THERE.inode && bornAt === NOT_THERE.bornAt;
}
