/** Changes the entries of folders below a download folder: gives and removes names, makes folders, and flushes them. */
import { BtgetError } from '../../base/failure.js';
import { about, isSystemError, NO_LINKS } from '../failure.js';
import type { RootAnchor } from '../system/anchor.js';
import { below, folderOf, inFolderOf, lastOf, type PathRoot, rootId, withFolders } from '../system/guard.js';
import type { FileOperations } from '../system/operations.js';
import { type FileFlusher, type Flushed, type MadeFolders, UnflushedNames } from './flusher.js';

/**
 * In a folder with this bit any user may give a file a second name, but only the owner of the file may remove a name.
 */
const STICKY = 0o1000;

export class FolderEntries {
  readonly #at: PathRoot & { readonly anchor: RootAnchor };
  readonly #operations: FileOperations;
  /** Folders in which an entry has changed. */
  readonly #unflushed: UnflushedNames;
  readonly #made: MadeFolders;

  /** Sets the anchor of `at` when the download folder is made here. */
  constructor(
    at: PathRoot & { readonly anchor: RootAnchor },
    operations: FileOperations,
    flusher: FileFlusher,
    made: MadeFolders,
  ) {
    this.#at = at;
    this.#operations = operations;
    this.#unflushed = new UnflushedNames(flusher);
    this.#made = made;
  }

  /**
   * To be called before an entry of the folder, an absolute path, changes. If the change then fails, a folder is
   * flushed for nothing, but no changed folder is ever forgotten.
   */
  changes(folder: string): void {
    if (!this.#operations.flushesFolders) return;
    // A flush follows no link, and a link may lead to the folder.
    this.#unflushed.add(about(folder, () => this.#operations.realPath(folder)));
  }

  /**
   * Renames the file `from` to `to`. Both are in one folder below the root. Fails when `to` is taken, unless
   * `replacing`.
   */
  rename(from: string, to: string, replacing: boolean): void {
    const { root } = this.#at;
    const name = below(root, to);
    this.changes(folderOf(root, to));
    about(name, () =>
      inFolderOf(this.#operations, this.#at, to, (nameIn) => {
        const [old, free] = [nameIn(lastOf(from)), nameIn(lastOf(to))];
        if (replacing) this.#operations.rename(old, free);
        else if (!renameToFree(this.#operations, old, free, this.#isSticky(folderOf(root, to))))
          throw foreignFile(name);
      }),
    );
  }

  #isSticky(folder: string): boolean {
    const facts = this.#operations.lookUp(this.#operations.realPath(folder));
    return facts !== undefined && (facts.mode & STICKY) !== 0;
  }

  /** Removes the name `path` below the root. */
  unlink(path: string): void {
    const { root } = this.#at;
    this.changes(folderOf(root, path));
    about(below(root, path), () =>
      inFolderOf(this.#operations, this.#at, path, (nameIn) => this.#operations.unlink(nameIn(lastOf(path)))),
    );
  }

  /** Makes the link `path`, which holds `target`, and the folders above it. */
  makeLink(target: string, path: string): void {
    const { root } = this.#at;
    this.inNewFolders(path, () =>
      about(below(root, path), () =>
        inFolderOf(this.#operations, this.#at, path, (nameIn) =>
          this.#operations.makeLink(target, nameIn(lastOf(path))),
        ),
      ),
    );
  }

  /** Makes the folders above `path`, and runs `action`, which makes the file or link of that name. */
  inNewFolders<T>(path: string, action: () => T): T {
    const { root, anchor } = this.#at;
    const done = withFolders(
      this.#operations,
      this.#at,
      path,
      (inside) => this.changes(inside),
      () => {
        this.changes(folderOf(root, path));
        return action();
      },
    );
    anchor.id ??= rootId(this.#operations, root);
    return done;
  }

  /** Flushes all names that came and went, also the name of the download folder. */
  flush(answered: Flushed): void {
    this.#unflushed.flushAll((failure) => {
      if (failure === null) this.#made.flush(answered);
      else answered(failure);
    });
  }
}

export function foreignFile(name: string): BtgetError {
  return new BtgetError('foreign-file', `${name} exists and is not this torrent's`);
}

/** A folder that has the place of a link. It is never replaced. */
export function folderInPlace(name: string): BtgetError {
  return new BtgetError('cannot-open', `cannot make ${name}: it is a folder, not a symbolic link`);
}

/**
 * Gives the file a second name and removes the first, because renaming would replace a file that came there a moment
 * ago. After a crash between the two steps the file has both names, which `finish` understands. In a sticky folder we
 * may be unable to remove one of two names. There the file is renamed, and the system itself keeps us from replacing
 * the files of other users. False when `to` is taken.
 */
function renameToFree(operations: FileOperations, from: string, to: string, isSticky: boolean): boolean {
  const second = isSticky ? 'refused' : giveSecondName(operations, from, to);
  if (second === 'taken') return false;
  if (second === 'given') takeFirstName(operations, from, to);
  else if (operations.lookUp(to) === undefined) operations.rename(from, to);
  else return false;
  return true;
}

function giveSecondName(operations: FileOperations, from: string, to: string): 'given' | 'taken' | 'refused' {
  try {
    operations.link(from, to);
    return 'given';
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.code === 'EEXIST') return 'taken';
    if (NO_LINKS.has(error.code)) return 'refused';
    throw error;
  }
}

/** Removes the first name. A file that cannot lose it keeps that name alone. */
function takeFirstName(operations: FileOperations, first: string, second: string): void {
  try {
    operations.unlink(first);
  } catch (error) {
    // When another program has removed the first name, the second one is all that is left of the file.
    if (isSystemError(error) && error.code === 'ENOENT') return;
    operations.unlink(second);
    throw error;
  }
}
