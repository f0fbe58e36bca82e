import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TorrentFile } from '../../../src/metainfo/metainfo.js';
import { packFiles, unpackFiles } from '../../../src/metainfo/packed-files.js';

const PLAIN = { begin: 0, length: 0, padding: false, executable: false, hidden: false, symlink: null };

function sent(files: readonly TorrentFile[]): readonly TorrentFile[] {
  const unpacked: TorrentFile[] = [];
  unpackFiles(structuredClone(packFiles(files)), unpacked);
  return unpacked;
}

test('files come out of a message as they went in', () => {
  const files: readonly TorrentFile[] = [
    { ...PLAIN, path: ['top', 'a'], length: 2 ** 40, executable: true, piecesRoot: Buffer.alloc(32, 1) },
    { ...PLAIN, path: ['top', 'b', 'c'], begin: 2 ** 52, length: 7, hidden: true },
    { ...PLAIN, path: ['.pad', '9'], begin: 2 ** 52 + 7, length: 9, padding: true },
    { ...PLAIN, path: ['top', '\u{1f600}'], symlink: ['top', 'b'] },
    { ...PLAIN, path: ['top', '_'], exactPath: ['top', '\udcff\\'], length: 1, piecesRoot: Buffer.alloc(32, 2) },
    { ...PLAIN, path: ['top', 'b', 'd'], exactPath: ['top', 'B', 'd'] },
  ];
  assert.deepEqual(sent(files), files);
  assert.deepEqual(sent([]), []);
});

test('a message of files does not carry the memory that their roots are views of', () => {
  const roots = Buffer.alloc(1_000_000);
  const packed = packFiles([{ ...PLAIN, path: ['a'], length: 1, piecesRoot: roots.subarray(32, 64) }]);
  assert.equal(packed.roots.buffer.byteLength, 32);
});
