/**
 * Lists the files of which a torrent will be made, sorted, so that the same folder makes the same torrent everywhere,
 * and says what that torrent is like before they are hashed.
 */
import type { Stats } from 'node:fs';
import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { BtgetError } from '../base/failure.js';
import { nameText, systemPath } from '../base/raw-name.js';
import { pieceLengthFor } from '../metainfo/choose-piece-length.js';
import {
  checkBeforeHashing,
  inTorrentOrder,
  type NewTorrent,
  type UnhashedTorrent,
} from '../metainfo/create-metainfo.js';

export interface ListedFile {
  /** Elements below the listed folder, as `nameText` spells them. For a single file: its bare name. */
  readonly path: readonly string[];
  /** Where it is: an absolute path, spelled as its elements are. */
  readonly from: string;
  /** Bytes. */
  readonly length: number;
  readonly executable: boolean;
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

/**
 * Lists `path`, a file or a folder. Hidden files belong to a folder, as in mktorrent; links are followed. The path
 * `without` is left out: it is the .torrent that is about to be written. Throws 'source-not-found' or 'cannot-open'.
 */
export async function listFiles(path: string, without: string | null): Promise<Listing> {
  const root = resolve(path);
  const name = basename(root);
  const facts = await look(root, () => stat(root));
  if (facts.isFile()) {
    const file = { path: [name], from: root, length: facts.size, executable: isExecutable(facts.mode) };
    return { name, isFolder: false, files: [file], leftOut: [] };
  }
  if (!facts.isDirectory()) throw new BtgetError('cannot-open', `${path} is neither a file nor a folder`);
  const listing = { name, isFolder: true, files: [] as ListedFile[], leftOut: [] as string[] };
  const skipped = without === null ? null : resolve(without);
  await listFolder(root, [], [], skipped, listing);
  if (listing.files.length === 0) throw new BtgetError('source-not-found', `${path} holds no file`);
  return { ...listing, files: inTorrentOrder(listing.files) };
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

async function listFolder(
  folder: string,
  elements: readonly string[],
  above: readonly string[],
  skipped: string | null,
  listing: { readonly files: ListedFile[]; readonly leftOut: string[] },
): Promise<void> {
  const real = await look(folder, async () => nameText(await realpath(systemPath(folder), 'buffer')));
  if (above.includes(real)) throw new BtgetError('cannot-open', `${folder} is a link to a folder that holds it`);
  const names = await look(folder, () => readdir(systemPath(folder), { encoding: 'buffer' }));
  for (let begin = 0; begin < names.length; begin += LOOKS_AT_ONCE) {
    const paths = names.slice(begin, begin + LOOKS_AT_ONCE).map((name) => join(folder, nameText(name)));
    const found = await Promise.all(paths.map((path) => (path === skipped ? null : statOrNull(path))));
    for (const [at, path] of paths.entries()) {
      if (path === skipped) continue;
      const facts = found[at] ?? null;
      const below = [...elements, basename(path)];
      if (facts === null) listing.leftOut.push(`${path} leads nowhere`);
      else if (facts.isDirectory()) await listFolder(path, below, [...above, real], skipped, listing);
      else if (facts.isFile()) {
        const { size, mode } = facts;
        listing.files.push({ path: below, from: path, length: size, executable: isExecutable(mode) });
      } else listing.leftOut.push(`${path} is neither a file nor a folder`);
    }
  }
}

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

function isExecutable(mode: number): boolean {
  return (mode & 0o100) !== 0;
}
