import { type Encodable, encodeBencode } from '../../src/bencode/encode.js';
import type { NewTorrent } from '../../src/metainfo/create-metainfo.js';

/** What a new torrent need not say. */
export const NOTHING_SAID = {
  trackers: [],
  webSeeds: [],
  private: false,
  source: null,
  comment: null,
  createdBy: null,
  createdAt: null,
} as const satisfies Partial<NewTorrent>;

export type Fields = Readonly<Record<string, Encodable | undefined>>;

/** A bencoded dictionary of the fields that are not undefined. */
export function dictionary(fields: Fields): ReadonlyMap<string, Encodable> {
  return new Map(Object.entries(fields).filter((entry): entry is [string, Encodable] => entry[1] !== undefined));
}

/** One entry of a folder's file list. */
export function file(path: readonly (string | Buffer)[], length: number, fields: Fields = {}): Encodable {
  return dictionary({ length, path, ...fields });
}

/**
 * The bytes of a torrent of one file of 40,000 bytes. Fields in `info` and `root` replace the usual ones; undefined
 * leaves a field out.
 */
export function singleFile(info: Fields = {}, root: Fields = {}): Buffer {
  return encodeBencode(
    dictionary({
      info: dictionary({
        length: 40_000,
        name: 'file.bin',
        'piece length': 16384,
        pieces: Buffer.alloc(60, 1),
        ...info,
      }),
      ...root,
    }),
  );
}

/** The bytes of a torrent with a folder of files in one piece. The files must have at least one byte in all. */
export function folder(files: readonly Encodable[], info: Fields = {}, root: Fields = {}): Buffer {
  return encodeBencode(
    dictionary({
      info: dictionary({ files, name: 'top', 'piece length': 1024 * 1024, pieces: Buffer.alloc(20, 1), ...info }),
      ...root,
    }),
  );
}
