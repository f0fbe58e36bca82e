/** Torrents with very many pieces or files, or very many torrents, all with data that takes little room on the disk. */
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha1, sha256 } from '../../src/base/digest.js';
import { createMetainfo, inTorrentOrder, type NewFile, type NewTorrent } from '../../src/metainfo/create-metainfo.js';
import { DEFAULT_CREATE_TORRENT_OPTIONS } from '../../src/session/create-torrent.js';

const KIB = 1024;

/** One sparse file of zeros in `count` whole pieces, below `dir`. Returns the path of its .torrent. */
export function manyPieces(dir: string, count: number, pieceLength = 16 * KIB): string {
  const hash = sha1(Buffer.alloc(pieceLength));
  const length = count * pieceLength;
  mkdirSync(join(dir, 'data'), { recursive: true });
  writeFileSync(join(dir, 'data', 'pieces'), '');
  truncateSync(join(dir, 'data', 'pieces'), length);
  const pieces = Buffer.concat(Array.from({ length: count }, () => hash));
  return writeTorrent(dir, { name: 'pieces', content: { length, executable: false }, pieceLength, pieces });
}

/**
 * A torrent of `count` files of 1 KiB, a hundred in a folder, each in a piece of its own. All hashes differ, and no
 * content gives them. Returns the path of the .torrent, below `dir`.
 */
export function manyFilesOfVersion(dir: string, count: number, metaVersion: '2' | 'hybrid'): string {
  const content = inTorrentOrder(filesOf(count));
  return writeTorrent(dir, { name: 'files', content, pieceLength: 16 * KIB, ...madeUpHashes(count, metaVersion) });
}

/** A torrent of version 2 of `count` files of `length` bytes, in whole pieces; hashes as `manyFilesOfVersion` has. */
export function longFilesOfV2(dir: string, count: number, length: number, pieceLength: number): string {
  const content = inTorrentOrder(
    Array.from({ length: count }, (_, index) => ({ path: [`file ${index}.bin`], length, executable: false })),
  );
  const hashes = madeUpHashes((count * length) / pieceLength, '2');
  return writeTorrent(dir, { name: 'long', content, pieceLength, ...hashes });
}

function madeUpHashes(count: number, metaVersion: '2' | 'hybrid'): Pick<NewTorrent, 'metaVersion' | Hashes> {
  const hashes = (hash: (bytes: Buffer) => Buffer): Buffer =>
    Buffer.concat(Array.from({ length: count }, (_, piece) => hash(Buffer.from(`piece ${piece}`))));
  return { metaVersion, pieces: metaVersion === '2' ? Buffer.alloc(0) : hashes(sha1), pieceRoots: hashes(sha256) };
}

/** `count` files of 1 KiB of zeros, a hundred in a folder, below `dir`. Returns the path of their .torrent. */
export function manyFiles(dir: string, count: number): string {
  const pieceLength = 16 * KIB;
  const length = KIB;
  const zeros = Buffer.alloc(pieceLength);
  const content = filesOf(count);
  for (const { path } of content) {
    const at = join(dir, 'data', 'files', ...path);
    mkdirSync(join(at, '..'), { recursive: true });
    writeFileSync(at, zeros.subarray(0, length));
  }
  const total = count * length;
  const pieces = Buffer.concat(
    Array.from({ length: Math.ceil(total / pieceLength) }, (_, piece) =>
      sha1(zeros.subarray(0, Math.min(pieceLength, total - piece * pieceLength))),
    ),
  );
  return writeTorrent(dir, { name: 'files', content, pieceLength, pieces });
}

/** `count` different torrents of one file of one piece. Returns the path of a list of them for `--input-file`. */
export function manyTorrents(dir: string, count: number): string {
  const pieceLength = 16 * KIB;
  mkdirSync(join(dir, 'data'), { recursive: true });
  const paths = Array.from({ length: count }, (_, index) => {
    const data = Buffer.alloc(pieceLength, `torrent ${index} `);
    const name = `small ${index}`;
    writeFileSync(join(dir, 'data', name), data);
    return writeTorrent(dir, {
      name,
      content: { length: pieceLength, executable: false },
      pieceLength,
      pieces: sha1(data),
    });
  });
  const list = join(dir, 'list.txt');
  writeFileSync(list, `${paths.join('\n')}\n`);
  return list;
}

function filesOf(count: number): readonly NewFile[] {
  return Array.from({ length: count }, (_, index) => ({
    path: [`folder ${Math.floor(index / 100)}`, `file ${index}.bin`],
    length: KIB,
    executable: false,
  }));
}

type Hashes = 'pieces' | 'pieceRoots';
type Told = Pick<NewTorrent, 'name' | 'content' | 'pieceLength' | 'pieces'> & Partial<NewTorrent>;

function writeTorrent(dir: string, told: Told): string {
  const path = join(dir, `${told.name}.torrent`);
  writeFileSync(path, createMetainfo({ ...DEFAULT_CREATE_TORRENT_OPTIONS, pieceRoots: null, ...told }));
  return path;
}
