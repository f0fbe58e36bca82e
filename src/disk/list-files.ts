/**
 * Lists the files of which a torrent will be made, sorted, so that the same folder makes the same torrent everywhere,
 * and says what that torrent is like before they are hashed.
 */
import type { Stats } from 'node:fs';
import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { BtgetError } from '../base/failure.js';
import { nameText, systemPath } from '../base/raw-name.js';
import { pieceLengthFor } from '../metainfo/choose-piece-length.js';
import {
  checkBeforeHashing,
  inTorrentOrder,
  type NewTorrent,
  type UnhashedTorrent,
} from '../metainfo/create-metainfo.js';
import { createGlob, type PathMatcher } from '../metainfo/glob.js';

export interface ListedFile {
  /** Elements below the listed folder, as `nameText` spells them. For a single file: its bare name. */
  readonly path: readonly string[];
  /** Where it is: an absolute path, spelled as its elements are. */
  readonly from: string;
  /** Bytes. */
  readonly length: number;
  readonly executable: boolean;
  /** Device and inode: two names of one file have the same. */
  readonly id: string;
}

export interface Listing {
  readonly name: string;
  readonly isFolder: boolean;
  readonly files: readonly ListedFile[];
  /** One text for each thing that was left out, with the reason: a socket, a pipe, a link that leads nowhere. */
  readonly leftOut: readonly string[];
}

// Looking at a thousand files takes 0.18 s one after another, and 0.06 s in groups of this many.
const LOOKS_AT_ONCE = 64;

/** What a listing leaves out. */
export interface LeftOut {
  /** The .torrent that is about to be written; null for none. */
  readonly torrent: string | null;
  /** Globs of files and folders. The path of each begins below the folder that is listed. */
  readonly exclude: readonly string[];
}

/**
 * Lists `path`, a file or a folder. Hidden files belong to a folder, as in mktorrent; links are followed. Throws
 * 'source-not-found' or 'cannot-open', and 'usage' for a bad glob or when everything is left out.
 */
export async function listFiles(path: string, leftOut: LeftOut): Promise<Listing> {
  const root = resolve(path);
  const name = basename(root);
  const lister = await createLister(leftOut);
  const facts = await lookAt(path, root);
  if (facts.isFile()) lister.addFile(root, [name], facts);
  else await lister.addFolder(root, [], []);
  return { name, isFolder: !facts.isFile(), ...lister.listing(path) };
}

/**
 * Lists several files and folders as the content of one folder called `name`, each under its own name. Throws as
 * `listFiles`, and 'usage' when two of them have the same name.
 */
export async function listTogether(paths: readonly string[], name: string, leftOut: LeftOut): Promise<Listing> {
  const lister = await createLister(leftOut);
  const taken = new Map<string, string>();
  for (const path of paths) {
    const root = resolve(path);
    const own = basename(root);
    const other = taken.get(own);
    if (own === '') throw new BtgetError('usage', `${path} has no name that it could have beside others`);
    if (other !== undefined) throw new BtgetError('usage', `${other} and ${path} would both be ${name}/${own}`);
    taken.set(own, path);
    const facts = await lookAt(path, root);
    if (lister.excludes([own])) continue;
    if (facts.isFile()) lister.addFile(root, [own], facts);
    else await lister.addFolder(root, [own], []);
  }
  return { name, isFolder: true, ...lister.listing(paths.join(', ')) };
}

async function lookAt(path: string, root: string): Promise<Stats> {
  const facts = await look(root, () => stat(root));
  if (!facts.isFile() && !facts.isDirectory())
    throw new BtgetError('cannot-open', `${path} is neither a file nor a folder`);
  return facts;
}

/** What may be said of a torrent besides what it holds. */
export interface TorrentWishes extends Omit<UnhashedTorrent, 'name' | 'content' | 'pieceLength'> {
  /** Null: the name of the file or folder. */
  readonly name: string | null;
  /** Bytes; null: chosen by size. */
  readonly pieceLength: number | null;
}

/**
 * A torrent of this listing, of what lies at `path`. Throws 'torrent-invalid' when it has no content, or more than a
 * torrent can hold.
 */
export function torrentOf(path: string, listing: Listing, wishes: TorrentWishes): UnhashedTorrent {
  const lengths = listing.files.map(({ length }) => length);
  if (lengths.every((length) => length === 0)) {
    throw new BtgetError('torrent-invalid', `${path} holds not one byte: there is nothing to share`);
  }
  const torrent = {
    ...wishes,
    name: wishes.name ?? listing.name,
    content: contentOf(listing),
    pieceLength: wishes.pieceLength ?? pieceLengthFor(lengths, wishes.metaVersion),
  };
  checkBeforeHashing(torrent);
  return torrent;
}

function contentOf({ isFolder, files }: Listing): NewTorrent['content'] {
  const [first] = files;
  if (isFolder || first === undefined)
    return files.map(({ path, length, executable }) => ({ path, length, executable }));
  return { length: first.length, executable: first.executable };
}

async function createLister({ torrent, exclude }: LeftOut): Promise<Lister> {
  const place = torrent === null ? null : resolve(torrent);
  if (place === null) return new Lister(null, exclude);
  // Links may lead to the folder by several ways.
  const folder = await realpath(dirname(place)).catch(() => dirname(place));
  return new Lister(join(folder, basename(place)), exclude);
}

/** Gathers files, and leaves out what is to be left out. */
class Lister {
  /** Where the .torrent is going to be: the real path of its folder, and its name. */
  readonly #torrent: string | null;
  readonly #globs: readonly PathMatcher[];
  readonly #files: ListedFile[] = [];
  readonly #leftOut: string[] = [];

  constructor(torrent: string | null, exclude: readonly string[]) {
    this.#torrent = torrent;
    this.#globs = exclude.map((pattern) => createGlob(pattern, '--exclude'));
  }

  excludes(path: readonly string[]): boolean {
    return this.#globs.some((matches) => matches(path));
  }

  addFile(from: string, path: readonly string[], facts: Stats): void {
    if (this.excludes(path)) return;
    this.#files.push({ path, from, length: facts.size, executable: isExecutable(facts.mode), id: idOf(facts) });
  }

  /** `elements`: the path of `folder` in the torrent. `above`: the real paths of the folders that hold it. */
  async addFolder(folder: string, elements: readonly string[], above: readonly string[]): Promise<void> {
    const real = await look(folder, async () => nameText(await realpath(systemPath(folder), 'buffer')));
    if (above.includes(real)) throw new BtgetError('cannot-open', `${folder} is a link to a folder that holds it`);
    const names = await look(folder, () => readdir(systemPath(folder), { encoding: 'buffer' }));
    const wanted = names
      .map((bytes) => nameText(bytes))
      .filter((name) => join(real, name) !== this.#torrent)
      .map((name) => ({ from: join(folder, name), path: [...elements, name] }))
      .filter(({ path }) => !this.excludes(path));
    for (let begin = 0; begin < wanted.length; begin += LOOKS_AT_ONCE) {
      const some = wanted.slice(begin, begin + LOOKS_AT_ONCE);
      const found = await Promise.all(some.map(({ from }) => statOrNull(from)));
      for (const [at, { from, path }] of some.entries()) {
        const facts = found[at] ?? null;
        if (facts === null) this.#leftOut.push(`${from} leads nowhere`);
        else if (facts.isDirectory()) await this.addFolder(from, path, [...above, real]);
        else if (facts.isFile()) this.addFile(from, path, facts);
        else this.#leftOut.push(`${from} is neither a file nor a folder`);
      }
    }
  }

  /** `place`: where the user looks for the files, for a failure. */
  listing(place: string): Gathered {
    if (this.#files.length > 0) return { files: inTorrentOrder(this.#files), leftOut: this.#leftOut };
    if (this.#globs.length > 0) throw new BtgetError('usage', `--exclude leaves no file of ${place}`);
    throw new BtgetError('source-not-found', `${place} holds no file`);
  }
}

type Gathered = Pick<Listing, 'files' | 'leftOut'>;

/** Null for a link that leads nowhere. */
async function statOrNull(path: string): Promise<Stats | null> {
  try {
    return await stat(systemPath(path));
  } catch (error) {
    const isLink = await look(path, () => lstat(systemPath(path)));
    if (isLink.isSymbolicLink()) return null;
    throw failureAt(path, error);
  }
}

async function look<T>(path: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw failureAt(path, error);
  }
}

function failureAt(path: string, error: unknown): BtgetError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  if (code === 'ENOENT') return new BtgetError('source-not-found', `no such file or folder: ${path}`, { cause: error });
  return new BtgetError('cannot-open', `cannot read ${path}: ${code}`, { cause: error });
}

export function idOf({ dev, ino }: Stats): string {
  return `${dev}:${ino}`;
}

function isExecutable(mode: number): boolean {
  return (mode & 0o100) !== 0;
}
