/**
 * Keeps every path inside the download folder. Parsing the metainfo made the paths of the torrent safe, but the disk is
 * not: another user who can write there may have planted a link that leads elsewhere.
 */
import { parse, relative, sep } from 'node:path';
import { BtgetError } from '../../base/failure.js';
import { about, isSystemError, orNothing } from '../failure.js';
import { folderGone, type HeldFolder, type NameIn, type RootAnchor } from './anchor.js';
import { foldersUpTo } from './folders.js';
import type { FileFacts, FileOperations, ReadOperations } from './operations.js';

/** A folder below which paths lie: the download folder. */
export interface PathRoot {
  /** Absolute. */
  readonly root: string;
  /** Which folder it must be. Absent: any folder that has the path. */
  readonly anchor?: RootAnchor;
}

/** What the system says of a path that leads nowhere. */
const NOWHERE: ReadonlySet<string> = new Set(['ENOENT', 'ELOOP', 'ENOTDIR']);

/** The system calls that are needed to look at a path. */
export type LookUps = Pick<FileOperations, 'lookUp' | 'realPath'>;

/** `path` below `root`, as the system wants it. `path` has `/` between its elements. */
export function below(root: string, path: string): string {
  return root.endsWith(sep) ? root + path : root + sep + path;
}

/**
 * Whether all folders above the last element of `path` exist. Throws 'cannot-open' when one of them is no folder, or is
 * a link that leaves `root`. A link that stays inside is the user's own choice. `root` itself may be a link to a
 * folder.
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
 * Where the folder of `path` is, for a caller that only reads and may follow the user's own links. 'outside': a link
 * leads out of `root`. 'nowhere': a link leads nowhere, or in a circle. Throws 'cannot-open' when something else has
 * the place of a folder.
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
 * What the link `name` leads to in the end, and where that really is. Undefined when it leads nowhere, or in a circle.
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

/**
 * Runs `action` in the folder of `path` as it is now. Another user may put something in its place, or in that of a
 * folder above it: what `action` opens, makes, names or removes still lies below the root. Throws 'cannot-open' when
 * the folder is outside, `FolderGone` when the root is another folder than it was, and other errors of the system as
 * they are.
 */
export function inFolderOf<T>(
  calls: Pick<FileOperations, 'lookUp' | 'realPath' | 'inFolder'>,
  at: PathRoot,
  path: string,
  action: (nameIn: NameIn) => T,
): T {
  const { realRoot, elements } = wayTo(calls, at, path);
  return calls.inFolder(realRoot, elements, action, at.anchor?.id ?? null);
}

/**
 * As `inFolderOf`, for a caller that only reads and goes on later: the folder is held until the caller releases it. The
 * anchor is not compared, because the caller knows which file it wants.
 */
export function holdFolderOf(
  calls: Pick<ReadOperations, 'lookUp' | 'realPath' | 'holdFolder'>,
  at: PathRoot,
  path: string,
): HeldFolder {
  try {
    return calls.holdFolder(at.root, path.split('/').slice(0, -1));
  } catch (error) {
    if (!isSystemError(error) || !NOWHERE.has(error.code)) throw error;
  }
  // A link that stays inside may be on the way.
  const { realRoot, elements } = wayTo(calls, at, path);
  return calls.holdFolder(realRoot, elements);
}

/** The way to the folder of `path` that passes no link. */
function wayTo(
  calls: LookUps,
  at: PathRoot,
  path: string,
): { readonly realRoot: string; readonly elements: readonly string[] } {
  const { root } = at;
  const folder = folderOf(root, path);
  try {
    const realRoot = calls.realPath(root);
    const real = calls.realPath(folder);
    if (real === realRoot) return { realRoot, elements: [] };
    if (!isBelow(real, realRoot)) throw leaves(folder, root);
    return { realRoot, elements: relative(realRoot, real).split(sep) };
  } catch (error) {
    confirmRoot(calls, at);
    throw error;
  }
}

/** Throws `FolderGone` when the root is not the folder that it was. */
export function confirmRoot(calls: LookUps, { root, anchor }: PathRoot): void {
  const id = anchor?.id ?? null;
  if (id !== null && rootId(calls, root) !== id) throw folderGone(root);
}

/** Which folder is at `root`, as in `FileFacts`; null when there is none. */
export function rootId(calls: LookUps, root: string): string | null {
  const behind = behindLink(calls, root);
  return behind?.facts.kind === 'folder' ? behind.facts.id : null;
}

/** `path`, which is absolute and has no link in it, as a path below the root of the file system. */
export function fromTop(path: string): PathRoot & { readonly path: string } {
  const { root } = parse(path);
  return { root, path: path.slice(root.length).replaceAll(sep, '/') };
}

/** The last element of `path`. */
export function lastOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/**
 * Makes the folders above the last element of `path`, and runs `action`. Before each new folder is made, `making` gets
 * the folder that it will lie in. When `action` fails, the folders that were made for it are removed again, unless
 * another program has put something in them. The root itself is made only while it has no anchor: a root with an anchor
 * was there, and has gone with its disk.
 */
export function withFolders<T>(
  calls: FileOperations,
  at: PathRoot,
  path: string,
  making: (inside: string) => void,
  action: () => T,
): T {
  const { root } = at;
  const removals: (() => void)[] = [];
  try {
    const first = makeRoot(calls, at);
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
          inFolderOf(calls, at, folder, (nameIn) => act(nameIn(lastOf(folder))));
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

/** Makes the root, as `withFolders` does. Returns the first folder that was made; undefined when all were there. */
export function makeRoot(calls: FileOperations, at: PathRoot): string | undefined {
  const { root, anchor } = at;
  if ((anchor?.id ?? null) === null) return about(root, () => calls.makeFolder(root, true));
  confirmRoot(calls, at);
  return undefined;
}

/** The folder of `path`, which lies below `root`. */
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
