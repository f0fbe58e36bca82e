/**
 * Makes sure which folder is meant, whatever another user puts at its path. For one action a folder is held by its
 * descriptor, so that no other user can replace it between a check and what follows. For as long as a process works in
 * a download folder, that folder is known by device and inode.
 */
import fs from 'node:fs';
import { join } from 'node:path';
import { systemPath } from '../../base/raw-name.js';
import { FolderGone } from '../storage.js';

/** Gives the name of an element of the folder. The name may be used while the folder is held. */
export type NameIn = (element: string) => string;

export interface HeldFolder {
  readonly nameIn: NameIn;
  /** Must be called once. */
  release(): void;
}

/** Which folder the download folder was when it was first seen. Another folder may come to its path. */
export interface RootAnchor {
  /** Device and inode, as in `FileFacts`; null while it is not known. */
  id: string | null;
}

/** Which folders the download folders of a process are, as long as files in them are read or written. */
export class RootAnchors {
  readonly #held = new Map<string, { readonly anchor: RootAnchor; users: number }>();

  /** For a torrent's files. The caller calls `release` when it closes them. */
  take(root: string): RootAnchor {
    const held = this.#held.get(root) ?? { anchor: { id: null }, users: 0 };
    held.users += 1;
    this.#held.set(root, held);
    return held.anchor;
  }

  /** For what lies beside the files of a torrent. The anchor counts only while a torrent has taken it. */
  of(root: string): RootAnchor {
    return this.#held.get(root)?.anchor ?? { id: null };
  }

  release(root: string): void {
    const held = this.#held.get(root);
    if (held === undefined) throw new Error(`${root} was released but not held`);
    held.users -= 1;
    if (held.users === 0) this.#held.delete(root);
  }
}

const { O_DIRECTORY, O_NOFOLLOW } = fs.constants;
const DESCRIPTORS = '/proc/self/fd';
// A name below a descriptor does what openat and its kin do in C; Node has no such calls. Only Linux has such names.
const hasDescriptorNames = process.platform === 'linux' && fs.existsSync(DESCRIPTORS);
// This is Linux's number, which Node does not name. The folder is held and not read, so the right to pass through it is
// enough.
const O_PATH = 0o10000000;

/**
 * Holds the folder to which `elements` lead from `root`. Throws ENOTDIR or ELOOP when one of them is a link or no
 * folder, and `FolderGone` when `root` is not the folder `anchor`; with null any folder will do. Where descriptors have
 * no names, a link that is planted after the look at its path is followed.
 */
export function holdFolder(root: string, elements: readonly string[], anchor: string | null = null): HeldFolder {
  if (!hasDescriptorNames) {
    if (anchor !== null) refuseOther(root, anchor, fs.statSync(systemPath(root)));
    for (const [at] of elements.entries()) refuseNoFolder(join(root, ...elements.slice(0, at + 1)));
    return { nameIn: (element) => join(root, ...elements, element), release: () => undefined };
  }
  let held = fs.openSync(systemPath(root), O_PATH | O_DIRECTORY);
  const nameIn: NameIn = (element) => `${DESCRIPTORS}/${held}/${element}`;
  try {
    if (anchor !== null) refuseOther(root, anchor, fs.fstatSync(held));
    for (const element of elements) {
      const next = fs.openSync(systemPath(nameIn(element)), O_PATH | O_DIRECTORY | O_NOFOLLOW);
      fs.closeSync(held);
      held = next;
    }
  } catch (error) {
    fs.closeSync(held);
    throw error;
  }
  return { nameIn, release: () => fs.closeSync(held) };
}

/** Runs `action` in a folder, which is held as by `holdFolder` meanwhile. */
export function inFolder<T>(
  root: string,
  elements: readonly string[],
  action: (nameIn: NameIn) => T,
  anchor: string | null = null,
): T {
  const folder = holdFolder(root, elements, anchor);
  try {
    return action(folder.nameIn);
  } finally {
    folder.release();
  }
}

export function folderGone(root: string): FolderGone {
  return new FolderGone(`${root} is not the folder that it was at the start: is its disk unmounted?`);
}

/** Throws as the system does where it opens the folder. */
function refuseNoFolder(path: string): void {
  if (fs.lstatSync(systemPath(path)).isDirectory()) return;
  throw Object.assign(new Error(`ENOTDIR: not a directory, open '${path}'`), { code: 'ENOTDIR', syscall: 'open' });
}

function refuseOther(root: string, anchor: string, { dev, ino }: fs.Stats): void {
  if (`${dev}:${ino}` !== anchor) throw folderGone(root);
}
