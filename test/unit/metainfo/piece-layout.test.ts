import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutV2 } from '../../../src/metainfo/layers.js';
import { BLOCK_LENGTH, PieceLayout } from '../../../src/metainfo/piece-layout.js';
import { NO_HASHES } from '../../support/pieces.js';
import { v2Torrent } from '../../support/v2-torrent.js';

/** Three pieces of 40,000 bytes, the last of them 10,000. */
const hashes = Buffer.from(Array.from({ length: 60 }, (_, i) => Math.floor(i / 20)));
const layout = new PieceLayout({ ...NO_HASHES, pieceCount: 3, pieceLength: 40_000, length: 90_000, pieces: hashes });
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
  const full = new PieceLayout({
    ...NO_HASHES,
    pieceCount: 2,
    pieceLength: BLOCK_LENGTH,
    length: 2 * BLOCK_LENGTH,
    pieces: hashes,
  });
  const last = full.pieceIndex(1);
  assert.ok(last !== undefined);
  assert.deepEqual([full.lengthOf(last), full.blockCount(last)], [BLOCK_LENGTH, 1]);
});

const FILES = [
  { path: 't/a', length: 40_000 },
  { path: 't/b' },
  { path: 't/c', length: 100 },
  { path: 't/d', length: 65_536 },
];

for (const version of ['2', 'hybrid'] as const) {
  test(`in version ${version} each piece is of one file, and its content ends with the file`, () => {
    const { layout: cut, metainfo } = v2Torrent(FILES, 2 * BLOCK_LENGTH, version);
    const all = [...cut.pieceIndices()];
    const content = [32_768, 7_232, 100, 32_768, 32_768];
    assert.deepEqual(
      all.map((piece) => cut.contentLengthOf(piece)),
      content,
    );
    const full = all.map(() => 32_768);
    assert.deepEqual(
      all.map((piece) => cut.lengthOf(piece)),
      version === '2' ? content : full,
    );
    const names = all.map((piece) => metainfo.files[cut.fileOf(piece) ?? -1]?.path.at(-1));
    assert.deepEqual(names, ['a', 'a', 'c', 'd', 'd']);
    // The tree of a file that is no longer than a piece is as wide as its own blocks need.
    assert.deepEqual(
      all.map((piece) => cut.proofOf(piece).width),
      [2, 2, 1, 2, 2],
    );
    assert.equal(
      all.every((piece) => (cut.proofOf(piece).sha1 === null) === (version === '2')),
      true,
    );
    assert.equal(cut.keyOfForeign(1, 0, version === '2' ? 7_232 : BLOCK_LENGTH), 2);
    assert.equal(cut.keyOfForeign(1, BLOCK_LENGTH, BLOCK_LENGTH), version === '2' ? undefined : 3);
  });
}

test('a hybrid that is used by version 1 alone has no roots', () => {
  const { metainfo } = v2Torrent(FILES, 2 * BLOCK_LENGTH, 'hybrid');
  const alone = new PieceLayout(withoutV2(metainfo));
  for (const piece of alone.pieceIndices()) {
    const { sha1, root, width } = alone.proofOf(piece);
    assert.deepEqual([sha1?.length, root, width], [20, null, 0]);
  }
});

test('a piece is provable unless its file needs a layer that nobody has told', () => {
  const files = [
    { path: 't/a', length: 40_000 },
    { path: 't/b', length: 16_384 },
    { path: 't/c', length: 16_385 },
  ];
  for (const version of ['2', 'hybrid'] as const) {
    const provable = (of: PieceLayout) => [...of.pieceIndices()].map((piece) => of.isProvable(piece));
    const bare = v2Torrent(files, 16_384, version, { layers: false });
    assert.deepEqual(provable(bare.layout), [false, false, false, true, false, false]);
    assert.ok(provable(v2Torrent(files, 16_384, version).layout).every(Boolean));
    if (version === 'hybrid') assert.ok(provable(new PieceLayout(withoutV2(bare.metainfo))).every(Boolean));
  }
});
