import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PieceLayout } from '../../../../src/metainfo/piece-layout.js';
import { Blame, DEFAULT_BLAME_OPTIONS } from '../../../../src/swarm/download/blame.js';
import { NO_HASHES } from '../../../support/pieces.js';
import { sampleTorrent } from '../../../support/sample-torrent.js';

const BLOCK = 16 * 1024;
const layout = new PieceLayout({
  ...NO_HASHES,
  pieceCount: 10,
  pieceLength: 4 * BLOCK,
  length: 39 * BLOCK + 100,
  pieces: Buffer.alloc(200),
});
const pieceAt = (index: number) => layout.pieceIndex(index)!;
const zero = pieceAt(0);
const right = Buffer.alloc(4 * BLOCK, 'right');

/** A piece in which these blocks are wrong, each in a different way. */
function wrongIn(...blocks: number[]): Buffer {
  const data = Buffer.from(right);
  for (const block of blocks) data[block * BLOCK + 7] = 255 - block;
  return data;
}

class Sender {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

const a = new Sender('a');
const b = new Sender('b');
const c = new Sender('c');

/** `senders[block]` sent that block of the piece; blocks with undefined were there before. */
function deliver(blame: Blame<Sender>, piece: number, senders: readonly (Sender | undefined)[]): void {
  for (const [block, sender] of senders.entries()) {
    if (sender !== undefined) blame.blockCameIn(sender, pieceAt(piece), block * BLOCK);
  }
}

describe('Blame', () => {
  it('finds the only sender of a failed piece guilty at once', () => {
    const blame = new Blame<Sender>(layout, DEFAULT_BLAME_OPTIONS);
    deliver(blame, 0, [a, a, a, a]);
    assert.deepEqual(blame.pieceFailed(zero, null), [a]);
  });

  it('finds the one of several senders whose block was wrong, when the piece passes later', () => {
    const blame = new Blame<Sender>(layout, DEFAULT_BLAME_OPTIONS);
    deliver(blame, 0, [a, b, a, c]);
    assert.deepEqual(blame.pieceFailed(zero, wrongIn(1)), []);
    deliver(blame, 0, [c, c, c, c]);
    assert.deepEqual(blame.pieceVerified(zero, right), [b]);
    assert.equal(blame.suspectCount, 0);
  });

  it('finds each sender of a wrong block in any of several attempts, and names it once', () => {
    const blame = new Blame<Sender>(layout, DEFAULT_BLAME_OPTIONS);
    deliver(blame, 0, [a, b, a, c]);
    blame.pieceFailed(zero, wrongIn(0, 2));
    deliver(blame, 0, [b, b, c, c]);
    blame.pieceFailed(zero, wrongIn(3));
    assert.deepEqual(blame.pieceVerified(zero, right), [a, c]);
  });

  it('blames no sender for blocks from an earlier run', () => {
    const blame = new Blame<Sender>(layout, DEFAULT_BLAME_OPTIONS);
    deliver(blame, 0, [a, undefined, a, a]);
    assert.deepEqual(blame.pieceFailed(zero, wrongIn(1)), []);
    assert.deepEqual(blame.pieceVerified(zero, right), []);
    assert.deepEqual(blame.pieceFailed(pieceAt(1), wrongIn(1)), []);
  });

  it('starts anew with each attempt', () => {
    const blame = new Blame<Sender>(layout, DEFAULT_BLAME_OPTIONS);
    deliver(blame, 0, [a, b]);
    blame.pieceFailed(zero, wrongIn(0));
    deliver(blame, 0, [c, c, c, c]);
    assert.deepEqual(blame.pieceFailed(zero, wrongIn(0)), [c]);
  });

  it('cannot compare a piece that is no longer in memory, and then blames none of several senders', () => {
    const blame = new Blame<Sender>(layout, DEFAULT_BLAME_OPTIONS);
    deliver(blame, 0, [a, b, a, a]);
    blame.pieceFailed(zero, null);
    assert.equal(blame.suspectCount, 0);
    assert.deepEqual(blame.pieceVerified(zero, null), []);
  });

  it('gives credit for each block of a piece that passed, and for no other block', () => {
    const blame = new Blame<Sender>(layout, DEFAULT_BLAME_OPTIONS);
    deliver(blame, 0, [a, b, a, a]);
    deliver(blame, 1, [b, b, undefined, a]);
    deliver(blame, 2, [c, c, c, c]);
    blame.pieceVerified(zero, null);
    blame.pieceVerified(pieceAt(1), right);
    blame.pieceFailed(pieceAt(2), null);
    assert.deepEqual(
      [a, b, c].map((sender) => blame.creditOf(sender)),
      [4, 3, 0],
    );
  });

  it('handles the short last block', () => {
    const blame = new Blame<Sender>(layout, DEFAULT_BLAME_OPTIONS);
    const last = pieceAt(9);
    const data = Buffer.alloc(3 * BLOCK + 100, 'last');
    const wrong = Buffer.from(data);
    wrong[3 * BLOCK + 99] = 0;
    deliver(blame, 9, [a, a, a, b]);
    blame.pieceFailed(last, wrong);
    assert.deepEqual(blame.pieceVerified(last, data), [b]);
  });

  it('forgets the oldest suspects beyond its bound', () => {
    const blame = new Blame<Sender>(layout, { maxSuspects: 10 });
    for (let piece = 0; piece < 9; piece += 1) {
      deliver(blame, piece, [a, b, a, b]);
      blame.pieceFailed(pieceAt(piece), wrongIn(0));
    }
    assert.equal(blame.suspectCount, 8);
    assert.deepEqual(blame.pieceVerified(zero, right), []);
    assert.deepEqual(blame.pieceVerified(pieceAt(8), right), [a]);
  });

  it('keeps a bounded number of versions of a piece that fails again and again', () => {
    const blame = new Blame<Sender>(layout, DEFAULT_BLAME_OPTIONS);
    for (let attempt = 0; attempt < 100; attempt += 1) {
      deliver(blame, 0, [a, new Sender(`x${attempt}`), a, a]);
      blame.pieceFailed(zero, wrongIn(1));
    }
    assert.ok(blame.suspectCount <= 32, `${blame.suspectCount} suspects`);
  });

  it('names the senders of the blocks that are known to be wrong, and nobody for an earlier run', () => {
    const blame = new Blame<Sender>(layout, DEFAULT_BLAME_OPTIONS);
    deliver(blame, 0, [a, b, undefined, c]);
    assert.equal(blame.soleSender(zero), undefined);
    assert.deepEqual(blame.blocksWrong(zero, [1, 2]), [[1, b]]);
    assert.deepEqual(blame.blocksWrong(zero, [1, 2]), [], 'each block once');
    deliver(blame, 0, [undefined, c, c]);
    assert.deepEqual(blame.pieceVerified(zero, right), []);
    assert.deepEqual([blame.creditOf(a), blame.creditOf(b), blame.creditOf(c)], [1, 0, 3]);
    assert.equal(blame.suspectCount, 0);
  });

  it('knows the sole sender of a piece, also when a part of the piece is padding', () => {
    const padded = new PieceLayout({
      ...NO_HASHES,
      pieceCount: 1,
      pieceLength: 4 * BLOCK,
      length: 4 * BLOCK,
      pieces: Buffer.alloc(20),
      files: sampleTorrent(
        [
          { path: 'top/a', length: BLOCK + 1 },
          { path: 'top/pad', length: 3 * BLOCK - 1, padding: true },
        ],
        4 * BLOCK,
      ).metainfo.files,
    });
    const blame = new Blame<Sender>(padded, DEFAULT_BLAME_OPTIONS);
    deliver(blame, 0, [a]);
    assert.equal(blame.soleSender(zero), undefined);
    deliver(blame, 0, [undefined, a]);
    assert.equal(blame.soleSender(zero), a);
    assert.deepEqual(blame.pieceFailed(zero, null), [a]);
  });
});
