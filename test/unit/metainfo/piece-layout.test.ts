import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BLOCK_LENGTH, PieceLayout } from '../../../src/metainfo/piece-layout.js';

/** Three pieces of 40,000 bytes, the last of them 10,000. */
const hashes = Buffer.from(Array.from({ length: 60 }, (_, i) => Math.floor(i / 20)));
const layout = new PieceLayout({ pieceCount: 3, pieceLength: 40_000, length: 90_000, pieces: hashes });
const pieces = [0, 1, 2].map((index) => layout.pieceIndex(index)).filter((piece) => piece !== undefined);

test('only numbers from 0 to below the piece count are piece indices', () => {
  assert.deepEqual(pieces, [0, 1, 2]);
  for (const index of [-1, 3, 1.5, Number.NaN, 2 ** 32]) assert.equal(layout.pieceIndex(index), undefined);
});

test('pieces follow one another, and the last one is shorter', () => {
  assert.deepEqual(
    pieces.map((piece) => [layout.beginOf(piece), layout.lengthOf(piece)]),
    [
      [0, 40_000],
      [40_000, 40_000],
      [80_000, 10_000],
    ],
  );
});

test('each piece has its own hash', () => {
  for (const piece of pieces) assert.deepEqual(layout.proofOf(piece).sha1, Buffer.alloc(20, piece));
});

test('blocks are 16 KiB, except for the last of a piece', () => {
  assert.equal(BLOCK_LENGTH, 16_384);
  assert.deepEqual(
    pieces.map((piece) =>
      Array.from({ length: layout.blockCount(piece) }, (_, block) => layout.blockLength(piece, block)),
    ),
    [[16_384, 16_384, 7_232], [16_384, 16_384, 7_232], [10_000]],
  );
});

test('a torrent that fills its last piece has no shorter one', () => {
  const full = new PieceLayout({ pieceCount: 2, pieceLength: BLOCK_LENGTH, length: 2 * BLOCK_LENGTH, pieces: hashes });
  const last = full.pieceIndex(1);
  assert.ok(last !== undefined);
  assert.deepEqual([full.lengthOf(last), full.blockCount(last)], [BLOCK_LENGTH, 1]);
});
