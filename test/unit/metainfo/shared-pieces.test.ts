import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedPieces } from '../../../src/metainfo/shared-pieces.js';
import { sampleTorrent } from '../../support/sample-torrent.js';
import { v2Torrent } from '../../support/v2-torrent.js';

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

test('no piece of a torrent with hash trees is shared', () => {
  const files = [
    { path: 't/a', length: 40_000 },
    { path: 't/b', length: 1 },
    { path: 't/c', length: 32_768 },
    { path: 't/d', length: 70_000 },
  ];
  for (const version of ['2', 'hybrid'] as const) {
    const { metainfo, layout } = v2Torrent(files, 32_768, version);
    assert.equal(new SharedPieces(metainfo.files, layout).count, 0);
  }
});
