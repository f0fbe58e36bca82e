import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ContentProgress, WantedContent } from '../../../../src/torrent/content/wanted-content.js';
import { sampleTorrent } from '../../../support/sample-torrent.js';

const { metainfo, layout, piece } = sampleTorrent(
  [
    { path: 't/a', length: 150 },
    { path: 't/b', length: 130 },
    { path: 't/pad', length: 20, padding: true },
    { path: 't/c', length: 170 },
    { path: 't/empty' },
  ],
  100,
);

const select = (...patterns: string[]): WantedContent =>
  new WantedContent(metainfo, layout, { select: patterns, exclude: [], ranges: null });

test('every piece with a byte of a wanted file is wanted', () => {
  const content = select('b');
  assert.deepEqual([...content.files], [1]);
  assert.equal(content.length, 130);
  assert.equal(content.isAll, false);
  const wanted = [...layout.pieceIndices()].filter((index) => content.hasPiece(index));
  assert.deepEqual(wanted, [1, 2]);
});

test('all files are wanted when only pad files are not', () => {
  const content = select('1-4');
  assert.equal(content.isAll, true);
  assert.ok([...layout.pieceIndices()].every((index) => content.hasPiece(index)));
  assert.equal(select('empty').length, 0);
});

test('the bytes that we have count wanted files only, the bytes left count all files', () => {
  const progress = new ContentProgress(metainfo, layout, select('b'));
  assert.deepEqual([progress.length, progress.wanted, progress.have, progress.left], [450, 130, 0, 450]);
  const seen = [1, 2, 0, 3, 4].map((index) => {
    progress.pieceVerified(piece(index));
    return [progress.have, progress.left];
  });
  assert.deepEqual(seen, [
    [50, 350],
    [130, 270],
    [130, 170],
    [130, 70],
    [130, 0],
  ]);
});
