import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Padding } from '../../../src/metainfo/padding.js';
import { BLOCK_LENGTH } from '../../../src/metainfo/piece-layout.js';
import { sampleTorrent } from '../../support/sample-torrent.js';
import { v2Torrent } from '../../support/v2-torrent.js';

const PIECE = 4 * BLOCK_LENGTH;

/** For each piece its blocks of padding. */
function paddingOf({ layout }: Pick<ReturnType<typeof sampleTorrent>, 'layout'>): number[][] {
  return [...layout.pieceIndices()].map((piece) => [...layout.paddingBlocks(piece)]);
}

describe('padding', () => {
  it('is where the pad files are, whatever the files', () => {
    const file = fc.record({ padding: fc.boolean(), length: fc.nat(20) });
    fc.assert(
      fc.property(fc.array(file, { maxLength: 12 }), fc.nat(100), fc.nat(100), (sizes, from, length) => {
        let begin = 0;
        const zeros: boolean[] = [];
        const files = sizes.map((size) => {
          const placed = { ...size, begin };
          begin += size.length;
          for (let at = 0; at < size.length; at += 1) zeros.push(size.padding);
          return placed;
        });
        const runs = new Padding(files).within(from, length);
        const found = Array.from({ length }, (_, at) => runs.some((run) => at >= run.begin && at < run.end));
        assert.deepEqual(
          found,
          Array.from({ length }, (_, at) => zeros[from + at] === true),
        );
        for (const [at, run] of runs.entries()) assert.ok(run.begin < run.end && run.begin > (runs[at - 1]?.end ?? -1));
      }),
    );
  });

  it('is nowhere among no bytes', () => {
    assert.deepEqual(new Padding([{ begin: 0, length: 9, padding: true }]).within(3, 0), []);
  });

  it('makes known the blocks that it fills, and no block that it shares with a file', () => {
    const torrent = sampleTorrent(
      [
        { path: 'top/a', length: BLOCK_LENGTH + 1 },
        { path: 'top/.pad/1', length: PIECE - BLOCK_LENGTH - 1, padding: true },
        { path: 'top/.pad/2', length: PIECE, padding: true },
        { path: 'top/b', length: 3 },
        { path: 'top/.pad/3', length: 2 * BLOCK_LENGTH - 3, padding: true },
        { path: 'top/c', length: BLOCK_LENGTH },
        { path: 'top/.pad/4', length: 100, padding: true },
      ],
      PIECE,
    );
    const { layout, piece } = torrent;
    assert.deepEqual(paddingOf(torrent), [
      [2, 3],
      [0, 1, 2, 3],
      [1, 3],
    ]);
    assert.deepEqual(
      [0, 1, 2].map((index) => layout.isPadding(piece(index))),
      [false, true, false],
    );
    assert.deepEqual(
      [0, 1, 2].map((index) => layout.askedLengthOf(piece(index))),
      [2 * BLOCK_LENGTH, 0, 2 * BLOCK_LENGTH],
    );
    assert.deepEqual(layout.paddingOfBlock(piece(2), 0), [{ begin: 3, end: BLOCK_LENGTH }]);
    assert.deepEqual(layout.paddingOfBlock(piece(2), 2), []);
  });

  it('fills the pieces of a hybrid behind each file, and is nowhere in a torrent of version 2 alone', () => {
    const files = [
      { path: 'top/a', length: PIECE + 5 },
      { path: 'top/b', length: 3 * BLOCK_LENGTH },
    ];
    assert.deepEqual(paddingOf(v2Torrent(files, PIECE, 'hybrid')), [[], [1, 2, 3], [3]]);
    assert.deepEqual(paddingOf(v2Torrent(files, PIECE, 'hybrid', { tailPad: false })), [[], [1, 2, 3], []]);
    assert.deepEqual(paddingOf(v2Torrent(files, PIECE, '2')), [[], [], []]);
  });

  it('is served as far as a nominal piece where peers count whole pieces', () => {
    const files = [{ path: 'top/a', length: PIECE + 5 }];
    const served = (version: '2' | 'hybrid'): number[] => {
      const { layout } = v2Torrent(files, PIECE, version, { tailPad: false });
      return [...layout.pieceIndices()].map((piece) => layout.servedLengthOf(piece));
    };
    assert.deepEqual(served('2'), [PIECE, PIECE]);
    assert.deepEqual(served('hybrid'), [PIECE, PIECE]);
    const { layout, piece } = sampleTorrent([{ path: 'a', length: PIECE + 5 }], PIECE);
    assert.equal(layout.servedLengthOf(piece(1)), 5);
  });
});
