import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { missingFiles } from '../../../../src/torrent/content/missing-files.js';
import { sampleTorrent } from '../../../support/sample-torrent.js';

/**
 * The files of these lengths that are named when the bytes of the files `gone` are not there, with pieces of 10 bytes.
 * The files `absent` are known not to be on the disk.
 */
function named(lengths: readonly number[], gone: readonly number[], absent: readonly number[] = []): number[] {
  const { metainfo, layout } = sampleTorrent(
    lengths.map((length, index) => ({ path: `t/${index}`, length })),
    10,
  );
  const failed = new Set<number>();
  for (const index of gone) {
    const { begin, length } = metainfo.files[index]!;
    for (let at = begin; at < begin + length; at += 1) failed.add(Math.floor(at / 10));
  }
  return missingFiles(metainfo.files, layout, { has: (piece) => !failed.has(piece) }, new Set(absent));
}

test('a file that is gone is named, and its neighbours, which share a piece with it, are not', () => {
  assert.deepEqual(named([15, 40, 15], [1]), [1]);
  assert.deepEqual(named([15, 40, 15], []), []);
  assert.deepEqual(named([20, 20, 20], [0, 2]), [0, 2]);
});

test('when only a shared piece has failed, all files in it are named, since each may be the cause', () => {
  assert.deepEqual(named([3, 3, 3, 40], [1]), [0, 1, 2, 3]);
  assert.deepEqual(named([3, 3, 4, 40], [1]), [0, 1, 2]);
  assert.deepEqual(named([0, 10, 0], [1]), [1], 'an empty file lacks nothing');
  assert.deepEqual(named([25, 3, 2, 30, 3, 3, 4], [0, 5]), [0, 4, 5, 6], 'one border explains nothing elsewhere');
});

test('a file that is not on the disk is named though its only piece is shared, and its neighbours are not', () => {
  assert.deepEqual(named([3, 3, 3, 40], [1], [1]), [1]);
  assert.deepEqual(named([40, 25, 1], [1, 2], [1, 2]), [1, 2]);
  assert.deepEqual(named([40, 25, 1], [1, 2]), [1], 'else the file with a piece of its own explains it');
  assert.deepEqual(named([10, 0, 10], [0], [0]), [0], 'an empty file lacks nothing');
});

test('an empty file that is not on the disk is named, though no piece fails for it', () => {
  assert.deepEqual(named([10, 0, 10, 0], [], [1]), [1]);
  assert.deepEqual(named([10, 0, 10, 0], [0], [0, 3]), [0, 3]);
});

test('each failed piece has a file that is named, and a named file has a failed piece', () => {
  const lengths = fc.array(fc.nat(35), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(lengths, fc.array(fc.nat(11)), (all, picks) => {
      if (all.every((length) => length === 0)) return;
      const gone = [...new Set(picks)].filter((index) => (all[index] ?? 0) > 0);
      const found = named(all, gone);
      const begins = all.map((_, index) => all.slice(0, index).reduce((sum, length) => sum + length, 0));
      const pieces = (index: number): number[] => {
        const [begin, length] = [begins[index]!, all[index]!];
        if (length === 0) return [];
        const [first, last] = [Math.floor(begin / 10), Math.floor((begin + length - 1) / 10)];
        return Array.from({ length: last - first + 1 }, (_, at) => first + at);
      };
      const failed = new Set(gone.flatMap(pieces));
      const explained = new Set(found.flatMap(pieces));
      for (const piece of failed) assert.ok(explained.has(piece), `piece ${piece}`);
      for (const index of found)
        assert.ok(
          pieces(index).some((piece) => failed.has(piece)),
          `file ${index}`,
        );
    }),
  );
});
