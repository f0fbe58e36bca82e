/** A .torrent of what lies on the disk, for scripts. */
import { BtgetError } from '../base/failure.js';
import { createFileDisk, DEFAULT_FILE_DISK_OPTIONS } from '../disk/files/file-disk.js';
import { contentOf, listFiles } from '../disk/list-files.js';
import { choosePieceLength, createMetainfo, type NewTorrent } from '../metainfo/create-metainfo.js';
import { parseMetainfo } from '../metainfo/parse-metainfo.js';
import { NodeTimers } from '../net/node-timers.js';

/** What may be said of a torrent besides what it holds; null for what is left out, or chosen here. */
export interface CreateTorrentOptions extends Omit<NewTorrent, 'name' | 'content' | 'pieces' | 'pieceLength'> {
  /** Instead of the name of the file or folder. */
  readonly name: string | null;
  /** A power of two; null: by size. */
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

/**
 * Resolves to the bytes of a .torrent of the file or folder at `path`, the same for the same content. Rejects with a
 * `BtgetError` when it cannot be read, holds nothing, or is more than a torrent can hold.
 */
export async function createTorrent(path: string, options: Partial<CreateTorrentOptions> = {}): Promise<Buffer> {
  const all: CreateTorrentOptions = { ...DEFAULT_CREATE_TORRENT_OPTIONS, ...options };
  const listing = await listFiles(path, null);
  const length = listing.files.reduce((sum, file) => sum + file.length, 0);
  if (length === 0) throw new BtgetError('torrent-invalid', `${path} holds not one byte: there is nothing to share`);
  const pieceLength = all.pieceLength ?? choosePieceLength(length);
  const files = listing.files.map((file) => ({ path: file.from, length: file.length }));
  const pieces = await hash(files, pieceLength);
  const name = all.name ?? listing.name;
  const bytes = createMetainfo({ ...all, name, content: contentOf(listing), pieceLength, pieces });
  // What we write we must be able to read: a torrent beyond the limits is refused here, not by whoever gets it.
  parseMetainfo(bytes);
  return bytes;
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
