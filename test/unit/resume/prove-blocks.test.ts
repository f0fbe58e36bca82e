import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BLOCK_LENGTH } from '../../../src/metainfo/piece-layout.js';
import { sumOf, type UnfinishedPieces } from '../../../src/resume/journal-format.js';
import { proveBlocks } from '../../../src/resume/prove-blocks.js';
import { DEFAULT_MEMORY_STORAGE_OPTIONS, MemoryStorage } from '../../support/fakes/memory-storage.js';
import { sampleTorrent } from '../../support/sample-torrent.js';
import { Timeline } from '../../support/simulation/timeline.js';

const BLOCKS = 150;
const SAMPLE = sampleTorrent(
  [
    { path: 't/a', length: BLOCKS * BLOCK_LENGTH },
    { path: 't/b', length: 2 * BLOCK_LENGTH + 9 },
  ],
  BLOCKS * BLOCK_LENGTH,
);
const [FIRST, LAST] = [SAMPLE.piece(0), SAMPLE.piece(1)];

function sumsOf(piece: number, blocks: readonly number[]): Map<number, number> {
  const bytes = SAMPLE.bytesOf(piece);
  return new Map(
    blocks.map((block) => [block, sumOf(bytes.subarray(block * BLOCK_LENGTH, (block + 1) * BLOCK_LENGTH))]),
  );
}

function proved(claimed: UnfinishedPieces, prepare: (disk: MemoryStorage) => void): UnfinishedPieces | null {
  const timeline = new Timeline();
  const disk = new MemoryStorage(SAMPLE.metainfo, timeline, DEFAULT_MEMORY_STORAGE_OPTIONS);
  prepare(disk);
  let found: UnfinishedPieces | null = null;
  proveBlocks(disk, SAMPLE.layout, claimed, (outcome) => {
    assert.equal(found, null, 'answered once');
    found = outcome;
  });
  timeline.run(1_000);
  return found;
}

function putAll(disk: MemoryStorage): void {
  for (const file of [0, 1]) disk.putPart(file, SAMPLE.fileBytes(file));
}

test('blocks that are as they were written are proved, also the short last one, in any order', () => {
  const claimed = new Map([
    [LAST, sumsOf(1, [2, 0])],
    [FIRST, sumsOf(0, [149, 3, 70, 71, 0])],
  ]);
  const found = proved(claimed, putAll);
  assert.deepEqual(found?.get(LAST), claimed.get(LAST));
  assert.deepEqual(found?.get(FIRST), claimed.get(FIRST));
});

test('a changed block is not proved, and a block that cannot be read spoils only those that are read with it', () => {
  const all = Array.from({ length: BLOCKS }, (_, block) => block);
  const found = proved(new Map([[FIRST, sumsOf(0, all)]]), (disk) => {
    disk.putPart(0, SAMPLE.fileBytes(0).subarray(0, 140 * BLOCK_LENGTH));
    disk.corrupt(5 * BLOCK_LENGTH + 7, 1);
  });
  const expected = all.filter((block) => block < 128 && block !== 5);
  assert.deepEqual([...(found?.get(FIRST)?.keys() ?? [])], expected);
});

test('when no block is claimed, or none is on the disk, none is proved', () => {
  assert.deepEqual(proved(new Map(), putAll), new Map());
  assert.deepEqual(
    proved(new Map([[FIRST, sumsOf(0, [1])]]), () => undefined),
    new Map(),
  );
});
