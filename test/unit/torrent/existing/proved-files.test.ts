import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BLOCK_LENGTH } from '../../../../src/metainfo/piece-layout.js';
import { sumOf } from '../../../../src/resume/journal-format.js';
import { provedFiles } from '../../../../src/torrent/existing/proved-files.js';
import { sampleTorrent } from '../../../support/sample-torrent.js';

/** `a` has 63 bytes of the second block, `b` 64, and `c` the rest of it and all of the next two. */
const SAMPLE = sampleTorrent(
  [
    { path: 't/a', length: BLOCK_LENGTH + 63 },
    { path: 't/b', length: 64 },
    { path: 't/c', length: 3 * BLOCK_LENGTH - 127 },
  ],
  2 * BLOCK_LENGTH,
);

function proved(...blocks: readonly (readonly [piece: number, block: number, sum?: number])[]): number[] {
  const found = new Map<ReturnType<typeof SAMPLE.piece>, Map<number, number>>();
  for (const [at, block, sum = 1] of blocks) {
    const piece = SAMPLE.piece(at);
    found.set(piece, (found.get(piece) ?? new Map()).set(block, sum));
  }
  return [...provedFiles(SAMPLE.metainfo.files, SAMPLE.layout, found)];
}

test('a block proves the files that hold enough of its bytes', () => {
  assert.deepEqual(proved(), []);
  assert.deepEqual(proved([0, 0]), [0]);
  assert.deepEqual(proved([0, 1]), [1, 2]);
  assert.deepEqual(proved([1, 1]), [2]);
  assert.deepEqual(proved([0, 0], [1, 0]), [0, 2]);
});

test('a block of zeros proves nothing', () => {
  assert.deepEqual(proved([1, 0, sumOf(Buffer.alloc(BLOCK_LENGTH))]), []);
});
