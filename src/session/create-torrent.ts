/** A .torrent of what lies on the disk, for scripts. */
import { BtgetError } from '../base/failure.js';
import { createFileDisk, DEFAULT_FILE_DISK_OPTIONS } from '../disk/files/file-disk.js';
import { contentOf, listFiles } from '../disk/list-files.js';
import {
  choosePieceLength,
  createMetainfo as encodeMetainfo,
  type NewFile,
  type NewTorrent,
} from '../metainfo/create-metainfo.js';
import { parseMetainfo } from '../metainfo/parse-metainfo.js';
import { isWebSeedUrl } from '../metainfo/parse-sources.js';
import { NodeTimers } from '../net/node-timers.js';
import { trackerUrl } from './option-readers.js';
import {
  fields,
  fileName,
  listOf,
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
export interface CreateTorrentOptions extends Omit<NewTorrent, 'name' | 'content' | 'pieces' | 'pieceLength'> {
  /** A file name instead of the name of the file or folder, at most 240 bytes; null: that name. */
  readonly name: string | null;
  /** Bytes, a power of two from 16 KiB to 512 MiB; null: `choosePieceLength` chooses it by size. */
  readonly pieceLength: number | null;
}

export const DEFAULT_CREATE_TORRENT_OPTIONS: CreateTorrentOptions = {
  name: null,
  pieceLength: null,
  trackers: [],
  webSeeds: [],
  private: false,
  source: null,
  comment: null,
  createdBy: null,
  createdAt: null,
};

const SHARED_READERS: Readers<Omit<CreateTorrentOptions, 'name' | 'pieceLength'>> = {
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
  pieces: (value, name) => {
    if (!(value instanceof Uint8Array)) throw wrong(name, value, 'the bytes of SHA-1 hashes');
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  },
};

/**
 * Resolves to the bytes of a .torrent of the file or folder at `path`, the same for the same content. What is left out
 * of `options` is `DEFAULT_CREATE_TORRENT_OPTIONS`. Rejects with a `BtgetError`: 'usage' for an unknown or wrong
 * option, 'source-not-found' or 'cannot-open' for what cannot be read, 'torrent-invalid' when the content is empty, or
 * more than a torrent can hold.
 */
export async function createTorrent(path: string, options: Partial<CreateTorrentOptions> = {}): Promise<Buffer> {
  readPath(path, 'path');
  const all = readOptions(READERS, DEFAULT_CREATE_TORRENT_OPTIONS, options);
  const listing = await listFiles(path, null);
  const length = sumOf(listing.files);
  if (length === 0) throw new BtgetError('torrent-invalid', `${path} holds not one byte: there is nothing to share`);
  const pieceLength = all.pieceLength ?? choosePieceLength(length);
  const files = listing.files.map((file) => ({ path: file.from, length: file.length }));
  const pieces = await hash(files, pieceLength);
  const name = all.name ?? listing.name;
  const bytes = encodeMetainfo({ ...all, name, content: contentOf(listing), pieceLength, pieces });
  // What we write we must be able to read: a torrent beyond the limits is refused here, before anyone gets it.
  parseMetainfo(bytes);
  return bytes;
}

/**
 * The bytes of a .torrent from hashes that the caller has, the same for the same input. Throws a `BtgetError`: 'usage'
 * for a field that is missing, unknown or wrong, and for hashes that are too many or too few; 'torrent-invalid' when
 * the content is empty.
 */
export function createMetainfo(torrent: NewTorrent): Buffer {
  const read = readOptions(NEW_TORRENT_READERS, {}, torrent, 'torrent');
  const { content, pieceLength, pieces } = read;
  const length = 'executable' in content ? content.length : sumOf(content);
  const due = 20 * Math.ceil(length / pieceLength);
  if (length > 0 && pieces.length !== due)
    throw new BtgetError(
      'usage',
      `pieces: ${pieces.length} bytes of hashes, and ${length} bytes of content need ${due}`,
    );
  return encodeMetainfo(read);
}

function sumOf(files: readonly { readonly length: number }[]): number {
  return files.reduce((sum, file) => sum + file.length, 0);
}

function hash(files: readonly { readonly path: string; readonly length: number }[], pieceLength: number) {
  const disk = createFileDisk({ ...DEFAULT_FILE_DISK_OPTIONS, timers: new NodeTimers() });
  return new Promise<Buffer>((resolve, reject) => {
    disk.hashPieces(
      files,
      pieceLength,
      () => undefined,
      (outcome) => disk.close(() => (outcome.ok ? resolve(outcome.pieces) : reject(outcome.failure))),
    );
  });
}
