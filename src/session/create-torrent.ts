/** A .torrent of what lies on the disk, for scripts. */
import { bufferOf } from '../base/bytes.js';
import { BtgetError } from '../base/failure.js';
import { createFileDisk, DEFAULT_FILE_DISK_OPTIONS } from '../disk/files/file-disk.js';
import type { PieceHashesOutcome } from '../disk/files/hash-pieces.js';
import {
  type Listing,
  listFiles,
  listTogether,
  mustBeUnchanged,
  type TorrentWishes,
  torrentOf,
} from '../disk/list-files.js';
import {
  createMetainfo as encodeMetainfo,
  hashesDue,
  META_VERSIONS,
  type NewFile,
  type NewTorrent,
} from '../metainfo/create-metainfo.js';
import type { Metainfo } from '../metainfo/metainfo.js';
import { parseMetainfo } from '../metainfo/parse-metainfo.js';
import { isWebSeedUrl } from '../metainfo/parse-sources.js';
import { FaultDomain } from '../net/fault-domain.js';
import { NodeTimers } from '../net/node-timers.js';
import { trackerUrl } from './option-readers.js';
import {
  fields,
  fileName,
  type Given,
  listOf,
  oneOf,
  orNull,
  pieceLength as pieceLengthReader,
  type Reader,
  type Readers,
  readOptions,
  path as readPath,
  text,
  truth,
  whole,
  wrong,
} from './read-options.js';

/** What may be said of a torrent besides what it holds; null for what is left out, or chosen here. */
export interface CreateTorrentOptions extends TorrentWishes {
  /** A file name instead of the name of the file or folder, at most 240 bytes; null: that name. */
  readonly name: string | null;
  /** Bytes, a power of two from 16 KiB to 512 MiB; null: chosen by size. */
  readonly pieceLength: number | null;
  /** Globs of files and folders that are left out, by their names or their paths below the folder. */
  readonly exclude: readonly string[];
}

export const DEFAULT_CREATE_TORRENT_OPTIONS: CreateTorrentOptions = {
  metaVersion: '1',
  name: null,
  pieceLength: null,
  exclude: [],
  trackers: [],
  webSeeds: [],
  private: false,
  source: null,
  comment: null,
  createdBy: null,
  createdAt: null,
};

const SHARED_READERS: Readers<Omit<CreateTorrentOptions, 'name' | 'pieceLength' | 'exclude'>> = {
  metaVersion: oneOf(...META_VERSIONS),
  trackers: listOf(listOf(trackerUrl)),
  webSeeds: listOf(text('an http(s) URL', isWebSeedUrl)),
  private: truth,
  source: orNull(text('a text')),
  comment: orNull(text('a text')),
  createdBy: orNull(text('a text')),
  createdAt: orNull(whole(0)),
};

const READERS: Readers<CreateTorrentOptions> = {
  ...SHARED_READERS,
  name: orNull(fileName),
  pieceLength: orNull(pieceLengthReader),
  exclude: listOf(text('a glob', (value) => value !== '')),
};

const hashes: Reader<Buffer> = (value, name) => {
  if (!(value instanceof Uint8Array)) throw wrong(name, value, 'the bytes of hashes');
  return bufferOf(value);
};
/** As `nameText` spells it: a torrent may have names that no file here may have. */
const rawName = text('a name', (value) => !/^\.\.?$|[/\0]/.test(value));
const contentFiles: Reader<readonly NewFile[]> = listOf(
  fields({ path: listOf(rawName), length: whole(0), executable: truth }),
);
const contentFile = fields({ length: whole(0), executable: truth });

const NEW_TORRENT_READERS: Readers<NewTorrent> = {
  ...SHARED_READERS,
  name: rawName,
  content: (value, name) => (Array.isArray(value) ? contentFiles(value, name) : contentFile(value, name)),
  pieceLength: pieceLengthReader,
  pieces: hashes,
  pieceRoots: orNull(hashes),
};

/**
 * Resolves to the bytes of a .torrent of the file or folder at `path`, the same for the same content. Several paths
 * become the content of one folder, which `name` must name. What is left out of `options` is
 * `DEFAULT_CREATE_TORRENT_OPTIONS`. Rejects with a `BtgetError`: 'usage' for an unknown or wrong option,
 * 'source-not-found' or 'cannot-open' for what cannot be read, 'torrent-invalid' when the content is empty, or more
 * than a torrent can hold, 'io' when a file changes while it is read.
 */
export async function createTorrent(
  path: string | readonly string[],
  options: Given<CreateTorrentOptions> = {},
): Promise<Buffer> {
  const paths = Array.isArray(path) ? listOf(readPath)(path, 'path') : [readPath(path, 'path')];
  const { exclude, ...all } = readOptions(READERS, DEFAULT_CREATE_TORRENT_OPTIONS, options);
  const listing = await listPaths(paths, all.name, exclude);
  const torrent = torrentOf(paths.join(', '), listing, all);
  const files = listing.files.map((file) => ({ path: file.from, length: file.length }));
  const { pieces, pieceRoots } = await hash(files, torrent.pieceLength, all.metaVersion);
  await mustBeUnchanged(listing.files);
  const bytes = encodeMetainfo({ ...torrent, pieces, pieceRoots });
  // What we write we must be able to read: a torrent beyond the limits is refused here, before anyone gets it.
  parseMetainfo(bytes);
  return bytes;
}

async function listPaths(paths: readonly string[], name: string | null, exclude: readonly string[]): Promise<Listing> {
  const [first] = paths;
  if (first === undefined) throw new BtgetError('usage', 'path: the list is empty');
  const leftOut = { torrent: null, exclude };
  if (paths.length === 1) return listFiles(first, leftOut, name ?? undefined);
  if (name === null) throw new BtgetError('usage', 'name: several paths need one, that of their folder');
  return listTogether(paths, name, leftOut);
}

/**
 * The bytes of a .torrent from hashes that the caller has, the same for the same input. Throws a `BtgetError`: 'usage'
 * for a field that is missing, unknown or wrong, and for hashes that are too many or too few; 'torrent-invalid' when
 * the content is empty.
 */
export function createMetainfo(torrent: NewTorrent): Buffer {
  const read = readOptions(NEW_TORRENT_READERS, { pieceRoots: null }, torrent, 'torrent');
  const due = hashesDue(read);
  checkLength('pieces', read.pieces.length, due.pieces);
  checkLength('pieceRoots', read.pieceRoots?.length ?? 0, due.pieceRoots ?? 0);
  return encodeMetainfo(read);
}

function checkLength(name: string, length: number, due: number): void {
  if (length === due) return;
  throw new BtgetError('usage', `${name}: ${length} bytes of hashes, and the content needs ${due}`);
}

type PieceHashes = Extract<PieceHashesOutcome, { ok: true }>;

function hash(
  files: readonly { readonly path: string; readonly length: number }[],
  pieceLength: number,
  version: Metainfo['version'],
): Promise<PieceHashes> {
  return new Promise((resolve, reject) => {
    const timers = new NodeTimers();
    // A worker that dies is told in a task that throws. It must end this call, and not the process.
    const tasks = new FaultDomain(timers, reject);
    const disk = createFileDisk({
      ...DEFAULT_FILE_DISK_OPTIONS,
      timers: { now: () => timers.now(), addTask: (task, delay) => tasks.addTask(task, delay) },
    });
    disk.hashPieces(
      files,
      pieceLength,
      version,
      () => undefined,
      (outcome) => disk.close(() => (outcome.ok ? resolve(outcome) : reject(outcome.failure))),
    );
  });
}
