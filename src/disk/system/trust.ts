/**
 * Reads back what this program wrote for its own next run: a journal, a lock, the metadata of a link, what is known of
 * the DHT. A user who may write to such a file may forge everything in it. So the reader is told whether another user
 * may, and decides what that costs. One rule holds for all these files:
 *
 * - The file is a regular file of our own user or root, has one name, and no other user may write to it. An access list
 *   that lets another user write shows in the bits of the group.
 * - The folder that holds it is our own or root's, and no other user may write to it, unless it is sticky: in a sticky
 *   folder no user can move or replace the file of another. The bits of the group may stand for a group with no other
 *   member, or for an access list. A user on such a list can put no file of its own there that passes the first rule.
 *   But it can move a file of ours to this name: a download that a stranger made to be read as a journal. Files of this
 *   kind are made private, and downloads are not, so in such a folder the file must be private.
 *
 * The folders above do not count. A user who may write to them can put another folder in the place of ours. If that
 * folder is another user's, it fails the rule. If it is our own, so is everything in it. All answers are about the very
 * file that is read, and the folder that it was opened in.
 */
import { about, isSystemError } from '../failure.js';
import type { FileIdentity } from '../storage.js';
import { below, inFolderOf, notAFile } from './guard.js';
import type { FileFacts, FileOperations } from './operations.js';

/** The user that this process runs as. The files that the process makes are this user's. */
export interface FileUser {
  readonly id: number;
  /** Whether no other user is a member of the group. */
  hasGroupAlone(group: number): boolean;
}

/** Why a file may hold something else than what this program wrote. */
export interface Doubt {
  /**
   * 'owner': another user made it. 'mode': another user may write to it, as to every file on some file systems.
   * 'names': it is a second name of some file, perhaps of one that is of another kind. 'folder': another user may have
   * put it there, though it is our own.
   */
  readonly about: 'owner' | 'mode' | 'names' | 'folder';
  /** A clause that has the file as its subject. */
  readonly why: string;
}

export interface KeptFile {
  /** Its first bytes, as many as were asked for. */
  readonly bytes: Buffer;
  /** Its length, and what tells it from other files, at the moment of reading. */
  readonly identity: FileIdentity;
  /** Null: our own user or root wrote it. */
  readonly doubt: Doubt | null;
}

type Calls = Pick<
  FileOperations,
  'lookUp' | 'realPath' | 'inFolder' | 'open' | 'close' | 'facts' | 'identityOf' | 'read'
>;

type Owned = Pick<FileFacts, 'mode' | 'owner' | 'group'>;

const ROOT = 0;
const STICKY = 0o1000;
const GROUP_WRITES = 0o020;
const OTHERS_WRITE = 0o002;
const OTHERS_ANYTHING = 0o077;

/**
 * Reads at most `maxLength` bytes of the file `name` in the folder `root`; null when there is none. Throws a failure
 * when something else than a regular file has the name, a link included. Does not wait for a pipe. `user` is null where
 * the system knows no users.
 */
export function readKept(
  calls: Calls,
  user: FileUser | null,
  root: string,
  name: string,
  maxLength: number,
): KeptFile | null {
  const path = below(root, name);
  // Looks first, because opening a device may do something to it.
  const found = about(path, () => calls.lookUp(path));
  if (found === undefined) return null;
  if (found.kind !== 'file') throw notAFile(path, found);
  return about(path, () => {
    try {
      return inFolderOf(calls, { root }, name, (nameIn) => {
        const folder = calls.lookUp(nameIn('.'));
        const descriptor = calls.open(nameIn(name), 'read', false);
        try {
          const facts = calls.facts(descriptor);
          if (facts.kind !== 'file') throw notAFile(path, facts);
          const bytes = readBytes(calls, descriptor, Math.min(maxLength, facts.length));
          const doubt = user === null || folder === undefined ? null : doubtAbout(facts, folder, user);
          return { bytes, identity: calls.identityOf(descriptor), doubt };
        } finally {
          calls.close(descriptor);
        }
      });
    } catch (error) {
      if (isSystemError(error) && error.code === 'ENOENT') return null;
      throw error;
    }
  });
}

/** The rule: why `file`, a regular file in `folder`, is not believed; null when it is believed. */
export function doubtAbout(file: Owned & Pick<FileFacts, 'links'>, folder: Owned, user: FileUser): Doubt | null {
  const strange = ({ owner }: Owned): boolean => owner !== user.id && owner !== ROOT;
  if (strange(file)) return { about: 'owner', why: `is of another user (${file.owner})` };
  if ((file.mode & (GROUP_WRITES | OTHERS_WRITE)) !== 0)
    return { about: 'mode', why: `may be written by others (mode ${octal(file)})` };
  if (file.links > 1) return { about: 'names', why: 'has another name as well' };
  if (strange(folder)) return { about: 'folder', why: `lies in a folder of another user (${folder.owner})` };
  const isOfGroup = (folder.mode & GROUP_WRITES) !== 0;
  const isPrivate = (file.mode & OTHERS_ANYTHING) === 0 && user.hasGroupAlone(folder.group);
  const isOpen = (folder.mode & OTHERS_WRITE) !== 0 || (isOfGroup && !isPrivate);
  if (isOpen && (folder.mode & STICKY) === 0)
    return { about: 'folder', why: `lies in a folder that others may write to (mode ${octal(folder)})` };
  return null;
}

function octal({ mode }: Owned): string {
  return mode.toString(8).padStart(4, '0');
}

/** Fewer than `length` bytes when another program has cut the file meanwhile. */
function readBytes(calls: Calls, descriptor: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let begin = 0;
  while (begin < bytes.length) {
    const into = bytes.subarray(begin);
    const count = calls.read(descriptor, into, into.length, begin);
    if (count === 0) break;
    begin += count;
  }
  return bytes.subarray(0, begin);
}
