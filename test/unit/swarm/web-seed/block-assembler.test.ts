import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BlockSpan } from '../../../../src/disk/storage.js';
import { BLOCK_LENGTH } from '../../../../src/metainfo/piece-layout.js';
import { BlockAssembler } from '../../../../src/swarm/web-seed/block-assembler.js';
import { FileRanges } from '../../../../src/swarm/web-seed/file-ranges.js';
import { type SampleTorrent, sampleTorrent } from '../../../support/sample-torrent.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';
import { v2Torrent } from '../../../support/v2-torrent.js';

const PIECE = 4 * BLOCK_LENGTH;
const FILES = [
  { path: 'top/a', length: PIECE + 7 },
  { path: 'top/empty' },
  { path: 'top/b', length: 3 },
  { path: 'top/c', length: 2 * PIECE + BLOCK_LENGTH + 1 },
];
const TORRENTS: Readonly<Record<string, SampleTorrent>> = {
  'version 1': sampleTorrent(FILES, PIECE),
  'version 1 with padding': sampleTorrent(
    [
      { path: 'top/a', length: BLOCK_LENGTH + 5 },
      { path: 'top/.pad/1', length: PIECE - BLOCK_LENGTH - 5, padding: true },
      { path: 'top/b', length: 2 * PIECE - 100 },
      { path: 'top/.pad/2', length: 100, padding: true },
    ],
    PIECE,
  ),
  'version 2': v2Torrent(FILES, PIECE, '2'),
  hybrid: v2Torrent(FILES, PIECE, 'hybrid'),
};

/** The blocks of the torrent that peers are asked for, but for those that `leavesOut` says. */
function spansOf({ layout }: SampleTorrent, leavesOut: (key: number) => boolean = () => false): BlockSpan[] {
  return [...layout.pieceIndices()].flatMap((piece) => {
    const padding = new Set(layout.paddingBlocks(piece));
    return Array.from({ length: layout.blockCount(piece) }, (_, block) => block)
      .filter((block) => !padding.has(block) && !leavesOut(layout.blockKey(piece, block)))
      .map((block) => ({ piece, begin: block * BLOCK_LENGTH, length: layout.blockLength(piece, block) }));
  });
}

describe('blocks from the bytes of files', () => {
  for (const [name, torrent] of Object.entries(TORRENTS)) {
    it(`are the right ones, however the stream is cut and whatever is left out (${name})`, () => {
      const fileRanges = new FileRanges(torrent.layout, torrent.metainfo.files);
      for (let seed = 0; seed < 30; seed += 1) {
        const random = seededRandom(seed);
        const spans = spansOf(torrent, () => seed > 0 && random.below(3) === 0);
        const ranges = fileRanges.rangesOf(spans);
        for (const { file } of ranges) assert.equal(torrent.metainfo.files[file]?.padding, false);
        let stream = Buffer.concat(ranges.map(({ file, begin, end }) => torrent.fileBytes(file).subarray(begin, end)));
        const assembler = new BlockAssembler(torrent.layout);
        assembler.add(spans);
        const made: Buffer[] = [];
        while (stream.length > 0) {
          const chunk = stream.subarray(0, seed === 1 ? 1 : 1 + random.below(3 * BLOCK_LENGTH));
          const { taken, block } = assembler.feed(chunk);
          assert.ok(taken > 0);
          const left = assembler.left.reduce((sum, { length }) => sum + length, 0);
          assert.equal(assembler.leftLength, left);
          stream = stream.subarray(taken);
          if (block !== null) made.push(Buffer.from(block));
        }
        assert.equal(assembler.current, undefined);
        assert.equal(made.length, spans.length);
        for (const [index, { piece, begin, length }] of spans.entries())
          assert.ok(made[index]?.equals(torrent.bytesOf(piece).subarray(begin, begin + length)), `${piece} ${begin}`);
      }
    });
  }

  it('are not made from one on that was cut off', () => {
    const torrent = TORRENTS['version 1'] as SampleTorrent;
    const [first, second, third] = spansOf(torrent) as [BlockSpan, BlockSpan, BlockSpan];
    const assembler = new BlockAssembler(torrent.layout);
    assembler.add([first, second, third]);
    assembler.feed(Buffer.alloc(first.length));
    assembler.cut(1);
    assert.deepEqual([assembler.left, assembler.leftLength], [[second], second.length]);
    assembler.cut(5);
    assert.deepEqual([assembler.left, assembler.leftLength], [[second], second.length]);
  });

  it('are asked for in one range for each file, and the files of a piece are known', () => {
    const torrent = TORRENTS['version 1'] as SampleTorrent;
    const fileRanges = new FileRanges(torrent.layout, torrent.metainfo.files);
    assert.deepEqual(
      fileRanges.rangesOf(spansOf(torrent)).map(({ file, begin, end }) => [file, begin, end]),
      [0, 2, 3].map((file) => [file, 0, torrent.fileBytes(file).length]),
    );
    assert.deepEqual(
      [0, 1, 2].map((piece) => fileRanges.filesOf(piece)),
      [[0], [0, 2, 3], [3]],
    );
  });
});
