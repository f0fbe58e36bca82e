import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedPieces } from '../../../src/metainfo/shared-pieces.js';
import { sampleTorrent } from '../../support/sample-torrent.js';

test('a piece is shared when two files have bytes in it: not by padding, empty files and links', () => {
  const { metainfo, layout } = sampleTorrent(
    [
      { path: 't/a', length: 150 },
      { path: 't/b', length: 20 },
      { path: 't/c', length: 20 },
      { path: 't/d', length: 110 },
      { path: 't/empty' },
      { path: 't/link', symlink: 't/a' },
      { path: 't/e', length: 50 },
      { path: 't/pad', length: 50, padding: true },
      { path: 't/f', length: 120 },
      { path: 't/g', length: 1 },
    ],
    100,
  );
  const shared = new SharedPieces(metainfo.files, layout);
  const numbers = Array.from({ length: layout.pieceCount }, (_, piece) => shared.numberOf(piece));
  assert.deepEqual(numbers, [undefined, 0, undefined, undefined, undefined, 1]);
  assert.equal(shared.count, 2);
});
