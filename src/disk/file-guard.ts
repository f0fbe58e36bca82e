/**
 * Keeps every path inside the download folder. The torrent's own paths are safe by the metainfo; what is on the disk is
 * not: whoever can write there may have planted a link that leads elsewhere.
 */
import { relative, sep } from 'node:path';
import { BtgetError } from '../base/failure.js';
import type { NameIn } from './file-anchor.js';
import { about, isSystemError, orNothing } from './file-failure.js';
import { foldersUpTo } from './file-folders.js';
import type { FileFacts, FileOperations } from './file-operations.js';

/** The calls that looking at a path needs. */
export type LookUps = Pick<FileOperations, 'lookUp' | 'realPath'>;

/** `path` below `root`, as the system wants it. `path` has `/` between its elements. */
export function below(root: string, path: string): string {
  return root.endsWith(sep) ? root + path : root + sep + path;
}

/**
 * Whether all folders above the last element of `path` exist. Throws 'cannot-open' when one of them is no folder, or a
 * link that leaves `root`. A link that stays inside is the user's own order of things. `root` itself may be anything
 * that leads to a folder.
 */
export function foldersExist(calls: LookUps, root: string, path: string): boolean {
  for (const folder of foldersOf(path)) {
    const name = below(root, folder);
    const facts = about(name, () => calls.lookUp(name));
    if (facts === undefined) return false;
    guard(calls, root, name, facts);
  }
  return true;
}

export type FolderPlace = 'absent' | 'inside' | 'outside' | 'nowhere';

/**
 * Where the folder of `path` is for who only reads, and may follow the user's own links. 'outside': a link leads out of
 * `root`; 'nowhere': it leads nowhere, or in a circle. Throws 'cannot-open' when what is in the place of a folder is
 * none.
 */
export function findFolder(calls: LookUps, root: string, path: string): FolderPlace {
  let found: 'inside' | 'outside' = 'inside';
  for (const folder of foldersOf(path)) {
    const name = below(root, folder);
    const facts = about(name, () => calls.lookUp(name));
    if (facts === undefined) return found === 'outside' ? found : 'absent';
    if (facts.kind === 'folder') continue;
    const behind = facts.kind === 'link' ? behindLink(calls, name) : { name, facts };
    if (behind === undefined) return 'nowhere';
    if (behind.facts.kind !== 'folder') throw new BtgetError('cannot-open', `cannot open ${name}: it is not a folder`);
    if (
      !isBelow(
        behind.name,
        about(root, () => calls.realPath(root)),
      )
    )
      found = 'outside';
  }
  return found;
}

/**
 * What the link `name` leads to in the end, and where that really is; undefined when it leads nowhere, or in a circle.
 */
export function behindLink(calls: LookUps, name: string): { name: string; facts: FileFacts } | undefined {
  return about(name, () => {
    try {
      const real = calls.realPath(name);
      const facts = calls.lookUp(real);
      return facts === undefined ? undefined : { name: real, facts };
    } catch (error) {
      if (isSystemError(error) && NOWHERE.has(error.code)) return undefined;
      throw error;
    }
  });
}

const NOWHERE: ReadonlySet<string> = new Set(['ENOENT', 'ELOOP', 'ENOTDIR']);

/**
 * Runs `action` in the folder of `path` as it is now: whatever is put in its place, or in that of a folder above it,
 * what `action` makes, names or removes lies below `root`. Throws 'cannot-open' when that folder is outside, and what
 * the system says of the rest.
 */
export function inFolderOf<T>(
  calls: Pick<FileOperations, 'realPath' | 'inFolder'>,
  root: string,
  path: string,
  action: (nameIn: NameIn) => T,
): T {
  const folder = folderOf(root, path);
  const realRoot = calls.realPath(root);
  const real = calls.realPath(folder);
  if (real === realRoot) return calls.inFolder(realRoot, [], action);
  if (!isBelow(real, realRoot)) throw leaves(folder, root);
  return calls.inFolder(realRoot, relative(realRoot, real).split(sep), action);
}

/** The last element of `path`. */
export function lastOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/**
 * Makes the folders above the last element of `path`, and runs `action`. `making` hears beforehand of the folder that
 * each new one lies in. When `action` fails, the folders that were made for it go again, but for those that somebody
 * has filled.
 */
export function withFolders<T>(
  calls: FileOperations,
  root: string,
  path: string,
  making: (inside: string) => void,
  action: () => T,
): T {
  const removals: (() => void)[] = [];
  try {
    const first = about(root, () => calls.makeFolder(root, true));
    if (first !== undefined)
      removals.push(...[...foldersUpTo(root, first)].reverse().map((made) => () => calls.removeFolder(made)));
    let inside = root;
    for (const folder of foldersOf(path)) {
      const name = below(root, folder);
      const facts = about(name, () => calls.lookUp(name));
      if (facts !== undefined) guard(calls, root, name, facts);
      else {
        making(inside);
        const inItsFolder = (act: (name: string) => unknown): unknown =>
          inFolderOf(calls, root, folder, (nameIn) => act(nameIn(lastOf(folder))));
        about(name, () => inItsFolder((made) => calls.makeFolder(made, false)));
        removals.push(() => inItsFolder((made) => calls.removeFolder(made)));
      }
      inside = name;
    }
    return action();
  } catch (error) {
    for (const remove of removals.reverse()) orNothing(remove);
    throw error;
  }
}

/** The folder of `path` below `root`. */
export function folderOf(root: string, path: string): string {
  const end = path.lastIndexOf('/');
  return end === -1 ? root : below(root, path.slice(0, end));
}

export function notAFile(name: string, facts: FileFacts): BtgetError {
  const kind = { file: 'a file', folder: 'a folder', link: 'a symbolic link', other: 'a device, pipe or socket' };
  return new BtgetError('cannot-open', `cannot open ${name}: it is ${kind[facts.kind]}, not a regular file`);
}

function guard(calls: LookUps, root: string, name: string, facts: FileFacts): void {
  if (facts.kind === 'folder') return;
  if (facts.kind !== 'link') throw new BtgetError('cannot-open', `cannot open ${name}: it is not a folder`);
  const real = about(name, () => calls.realPath(name));
  const realRoot = about(root, () => calls.realPath(root));
  if (!isBelow(real, realRoot)) throw leaves(name, root);
}

function isBelow(real: string, realRoot: string): boolean {
  return real.startsWith(realRoot.endsWith(sep) ? realRoot : realRoot + sep);
}

function leaves(name: string, root: string): BtgetError {
  return new BtgetError('cannot-open', `cannot open ${name}: it is a link that leaves ${root}`);
}

/** `a`, `a/b`, … for `a/b/c`. */
function* foldersOf(path: string): Generator<string> {
  for (let end = path.indexOf('/'); end !== -1; end = path.indexOf('/', end + 1)) yield path.slice(0, end);
}
