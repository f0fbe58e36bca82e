import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { piecesOfFile } from '../../../../src/metainfo/piece-layout.js';
import { FileProgress } from '../../../../src/torrent/content/file-progress.js';
import { type SampleFile, sampleTorrent } from '../../../support/sample-torrent.js';

/** For each piece in `order`, the paths of the files that it makes whole. */
function wholeBy(samples: readonly SampleFile[], pieceLength: number, order: readonly number[]): string[] {
  const sample = sampleTorrent(samples, pieceLength);
  const progress = new FileProgress(sample.metainfo.files, sample.layout);
  const paths = (files: readonly number[]): string => files.map((file) => samples[file]?.path).join(' ');
  return [paths(progress.wholeAtOnce), ...order.map((piece) => paths(progress.pieceVerified(sample.piece(piece))))];
}

describe('the progress of files', () => {
  it('says which files a piece makes whole, and counts a border piece for all of its files', () => {
    const files = [
      { path: 'a', length: 25 },
      { path: 'b', length: 3 },
      { path: 'c', length: 12 },
      { path: 'd', length: 10 },
    ];
    assert.deepEqual(wholeBy(files, 10, [0, 1, 3, 4, 2]), ['', '', '', '', 'd', 'a b c']);
    assert.deepEqual(wholeBy(files, 10, [4, 3, 2, 1, 0]), ['', 'd', '', 'b c', '', 'a']);
  });

  it('counts empty files and links as whole at once, and never names a pad file', () => {
    const files = [
      { path: 't/empty' },
      { path: 't/a', length: 5 },
      { path: 't/.pad/5', length: 5, padding: true },
      { path: 't/link', symlink: 't/a' },
      { path: 't/b', length: 1 },
      { path: 't/last' },
    ];
    assert.deepEqual(wholeBy(files, 10, [1, 0]), ['t/empty t/link t/last', 't/b', 't/a']);
  });

  it('counts each piece once, and throws when one is counted twice', () => {
    const sample = sampleTorrent(
      [
        { path: 'a', length: 15 },
        { path: 'b', length: 15 },
      ],
      10,
    );
    const progress = new FileProgress(sample.metainfo.files, sample.layout);
    const log = [0, 1, 2].map((piece) => progress.pieceVerified(sample.piece(piece)));
    assert.deepEqual(log, [[], [0], [1]]);
    assert.equal(progress.unfinishedCount, 0);
    assert.throws(() => progress.pieceVerified(sample.piece(2)), /counted twice/);
  });

  it('makes each file whole with the last of its pieces, in any order', () => {
    const lengths = fc.array(fc.nat(30), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 20 }), fc.infiniteStream(fc.nat()), (sizes, pieceLength, keys) => {
        fc.pre(sizes.some((size) => size > 0));
        const sample = sampleTorrent(
          sizes.map((length, index) => ({ path: `t/${index}`, length })),
          pieceLength,
        );
        const progress = new FileProgress(sample.metainfo.files, sample.layout);
        const sorted = Array.from({ length: sample.layout.pieceCount }, (_, piece) => ({
          piece,
          key: keys.next().value,
        }));
        sorted.sort((a, b) => a.key - b.key);
        const verified = new Set<number>();
        for (const { piece } of sorted) {
          const before = new Set(verified);
          verified.add(piece);
          const expected = sample.metainfo.files.flatMap((file, index) => {
            const { first, end } = piecesOfFile(file, sample.layout);
            const pieces = Array.from({ length: end - first }, (_, each) => first + each);
            const whole = pieces.length > 0 && pieces.every((each) => verified.has(each));
            return whole && !pieces.every((each) => before.has(each)) ? [index] : [];
          });
          assert.deepEqual(progress.pieceVerified(sample.piece(piece)), expected);
        }
        assert.equal(progress.unfinishedCount, 0);
      }),
    );
  });
});
