/**
 * What a journal says of a file that is ours when it says nothing of its bytes: all of them have to prove themselves.
 */
import type { FileIdentity } from '../disk/storage.js';

/** Beyond what any clock says, nanoseconds: no file is as young as this, so that none is unchanged. */
const NEVER = 2n ** 63n - 1n;

/**
 * Of a file that is not there when the download begins: what the download makes under its part name is ours, though it
 * may be killed before it can say what that is like. No file has this inode and birth.
 */
export const NOT_THERE: FileIdentity = { length: 0, changedAt: NEVER, inode: 0n, bornAt: NEVER };

export function isNotThere({ inode, bornAt }: FileIdentity): boolean {
  return inode === NOT_THERE.inode && bornAt === NOT_THERE.bornAt;
}

/** Says whose a file is, and nothing of what is in it. */
export function claimOf(identity: FileIdentity): FileIdentity {
  return { ...identity, changedAt: NEVER };
}
