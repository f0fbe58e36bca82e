/** Torrents with very many pieces or files, or very many torrents, all with data that takes little room on the disk. */
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha1 } from '../../src/base/digest.js';
import { createMetainfo, type NewTorrent } from '../../src/metainfo/create-metainfo.js';
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

/** `count` files of 1 KiB of zeros, a hundred in a folder, below `dir`. Returns the path of their .torrent. */
export function manyFiles(dir: string, count: number): string {
  const pieceLength = 16 * KIB;
  const length = KIB;
  const zeros = Buffer.alloc(pieceLength);
  const content = Array.from({ length: count }, (_, index) => ({
    path: [`folder ${Math.floor(index / 100)}`, `file ${index}.bin`],
    length,
    executable: false,
  }));
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

function writeTorrent(dir: string, told: Pick<NewTorrent, 'name' | 'content' | 'pieceLength' | 'pieces'>): string {
  const path = join(dir, `${told.name}.torrent`);
  writeFileSync(path, createMetainfo({ ...DEFAULT_CREATE_TORRENT_OPTIONS, pieceRoots: null, ...told }));
  return path;
}
