/** The storage wrapper with torrents that have hash trees, padding or both. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sha1 } from '../../../src/base/digest.js';
import type { DoneOutcome } from '../../../src/disk/storage.js';
import { leavesOf } from '../../../src/metainfo/leaves.js';
import { BLOCK_LENGTH } from '../../../src/metainfo/piece-layout.js';
import { DEFAULT_PIECE_MEMORY_OPTIONS } from '../../../src/pieces/piece-memory.js';
import { StorageWrapper } from '../../../src/pieces/storage-wrapper.js';
import { readsOf } from '../../support/disk/block-reads.js';
import { MemorySlotPool } from '../../support/fakes/memory-slot-pool.js';
import { DEFAULT_MEMORY_STORAGE_OPTIONS, MemoryStorage } from '../../support/fakes/memory-storage.js';
import { type SampleTorrent, sampleTorrent } from '../../support/sample-torrent.js';
import { Timeline } from '../../support/simulation/timeline.js';
import { v2Torrent } from '../../support/v2-torrent.js';

const PIECE = 4 * BLOCK_LENGTH;
const FILES = [
  { path: 'top/a', length: PIECE },
  { path: 'top/b', length: BLOCK_LENGTH + 10 },
];
const V2 = v2Torrent(FILES, PIECE, '2');
const HYBRID = v2Torrent(FILES, PIECE, 'hybrid');
/** The middle one of its three pieces is padding. */
const PADDED = sampleTorrent(
  [
    { path: 'top/a', length: PIECE },
    { path: 'top/.pad/1', length: PIECE + 100, padding: true },
    { path: 'top/b', length: 10 },
  ],
  PIECE,
);

class Scene {
  readonly log: string[] = [];
  readonly leaves: Buffer[] = [];
  readonly timeline = new Timeline();
  readonly slots: MemorySlotPool;
  readonly disk: MemoryStorage;
  readonly wrapper: StorageWrapper;
  readonly torrent: SampleTorrent;

  constructor(torrent: SampleTorrent, memory: 'memory' | 'no memory' = 'memory') {
    this.torrent = torrent;
    this.slots = new MemorySlotPool(2 * PIECE, memory === 'memory' ? PIECE : 1);
    this.disk = new MemoryStorage(torrent.metainfo, this.timeline, {
      ...DEFAULT_MEMORY_STORAGE_OPTIONS,
      log: this.log,
    });
    const options = DEFAULT_PIECE_MEMORY_OPTIONS;
    this.wrapper = new StorageWrapper(this.disk, torrent.layout, this.slots, this.timeline, options, {
      pieceVerified: (piece, data) => {
        this.log.push(`verified ${piece}`);
        if (data !== null) assert.deepEqual(data, torrent.bytesOf(piece));
      },
      pieceFailed: (piece) => this.log.push(`failed ${piece}`),
      pieceSuspect: (piece, leaves) => {
        this.log.push(`suspect ${piece}`);
        this.leaves.push(leaves);
      },
      blocksStale: (piece, blocks) => this.log.push(`stale ${piece}: ${blocks.join(' ')}`),
      pieceDropped: (piece) => this.log.push(`dropped ${piece}`),
      roomForPieces: () => undefined,
      diskFailed: ({ code, message }) => this.log.push(`${code}: ${message}`),
    });
  }

  /** Stores blocks of an open piece; `wrong` ones have a wrong first byte, or else the bytes that are given. */
  store(piece: number, blocks: readonly number[], wrong: readonly number[] = []): void {
    const { layout } = this.torrent;
    for (const block of blocks) {
      const [begin, length] = [block * BLOCK_LENGTH, layout.blockLength(this.torrent.piece(piece), block)];
      const data = Buffer.from(this.torrent.bytesOf(piece).subarray(begin, begin + length));
      if (wrong.includes(block)) data[0] = (data[0] as number) ^ 1;
      this.wrapper.storeBlock(this.torrent.piece(piece), begin, data);
    }
    this.timeline.run(100);
    this.wrapper.check();
  }

  /** What has happened since the last call. */
  told(): string[] {
    return this.log.splice(0);
  }

  open(piece: number): void {
    assert.ok(this.wrapper.openPiece(this.torrent.piece(piece)));
  }

  close(): void {
    let closed = false;
    this.wrapper.close(() => {
      closed = true;
    });
    this.timeline.run(1_000);
    assert.ok(closed);
    assert.equal(this.slots.taken, 0);
    assert.equal(this.timeline.pending, 0);
  }
}

describe('a suspect piece', () => {
  for (const [version, torrent] of [
    ['2', V2],
    ['hybrid', HYBRID],
  ] as const) {
    it(`keeps its memory and its right blocks, and is settled again (${version})`, () => {
      const scene = new Scene(torrent);
      scene.open(0);
      scene.store(0, [0, 1, 2, 3], [1, 3]);
      assert.deepEqual(scene.told(), ['commitPiece 0', 'suspect 0']);
      const right = leavesOf(torrent.bytesOf(0));
      const isRight = [0, 32, 64, 96].map((at) =>
        scene.leaves[0]?.subarray(at, at + 32).equals(right.subarray(at, at + 32)),
      );
      assert.deepEqual(isRight, [true, false, true, false]);
      scene.timeline.run(600_000);
      assert.equal(scene.slots.taken, 1);
      scene.wrapper.dropBlocks(torrent.piece(0), [1, 3]);
      scene.store(0, [3]);
      assert.deepEqual(scene.told(), []);
      scene.store(0, [1]);
      assert.deepEqual(scene.told(), ['commitPiece 0', 'verified 0']);
      assert.equal(scene.slots.taken, 0);
      scene.close();
    });
  }

  it('keeps its right blocks on the disk, and only the others are written again', () => {
    const scene = new Scene(V2, 'no memory');
    scene.open(0);
    scene.store(0, [0, 1, 2, 3], [2]);
    assert.deepEqual(scene.told().slice(4), ['checkPiece 0', 'suspect 0']);
    scene.wrapper.dropBlocks(V2.piece(0), [2]);
    scene.store(0, [2]);
    assert.deepEqual(scene.told(), [`writeBlock 0 ${2 * BLOCK_LENGTH}`, 'checkPiece 0', 'verified 0']);
    scene.close();
  });

  it('can be suspect again', () => {
    const scene = new Scene(V2);
    scene.open(0);
    scene.store(0, [0, 1, 2, 3], [2]);
    scene.wrapper.dropBlocks(V2.piece(0), [2]);
    scene.store(0, [2], [2]);
    scene.wrapper.dropBlocks(V2.piece(0), [2]);
    scene.store(0, [2]);
    assert.deepEqual(scene.told(), [
      'commitPiece 0',
      'suspect 0',
      'commitPiece 0',
      'suspect 0',
      'commitPiece 0',
      'verified 0',
    ]);
    scene.close();
  });

  it('fails like a piece of version 1 when nobody can tell what is wrong', () => {
    const scene = new Scene(V2);
    scene.open(0);
    scene.store(0, [0, 1, 2, 3], [2]);
    scene.wrapper.failPiece(V2.piece(0));
    assert.deepEqual(scene.told().slice(1), ['suspect 0', 'failed 0']);
    assert.equal(scene.slots.taken, 0);
    scene.open(0);
    scene.close();
  });

  it('loses what an earlier run left when nobody can tell, and only what is wrong of it when somebody can', () => {
    for (const canTell of [false, true]) {
      const scene = new Scene(V2);
      scene.disk.writeBlock(V2.piece(0), 0, V2.bytesOf(0).subarray(0, BLOCK_LENGTH), () => undefined);
      scene.disk.writeBlock(V2.piece(0), BLOCK_LENGTH, Buffer.alloc(BLOCK_LENGTH), () => undefined);
      scene.timeline.run(100);
      scene.wrapper.resumePiece(V2.piece(0), [0, 1]);
      scene.store(0, [2, 3]);
      assert.equal(scene.told().at(-1), 'suspect 0');
      if (canTell) scene.wrapper.dropBlocks(V2.piece(0), [1]);
      else scene.wrapper.failPiece(V2.piece(0));
      assert.deepEqual(scene.told(), canTell ? [] : ['stale 0: 0 1']);
      scene.store(0, canTell ? [1] : [0, 1]);
      assert.equal(scene.told().at(-1), 'verified 0');
      scene.close();
    }
  });

  it('is dropped when the disk may have lost its blocks, and not when they are in memory', () => {
    const onDisk = new Scene(V2, 'no memory');
    onDisk.open(0);
    onDisk.store(0, [0, 1, 2, 3], [2]);
    onDisk.told();
    onDisk.wrapper.doubt([V2.piece(0)]);
    assert.deepEqual(onDisk.told(), ['dropped 0']);
    onDisk.close();

    const inMemory = new Scene(V2);
    inMemory.open(0);
    inMemory.store(0, [0, 1, 2, 3], [2]);
    inMemory.told();
    inMemory.wrapper.doubt([V2.piece(0)]);
    assert.deepEqual(inMemory.told(), []);
    inMemory.close();
  });

  it('is not given to the disk again by a retry or at the end of a hold', () => {
    const scene = new Scene(V2);
    scene.open(0);
    scene.store(0, [0, 1, 2, 3], [2]);
    scene.told();
    assert.equal(scene.wrapper.retry(), false);
    scene.wrapper.hold(true);
    scene.wrapper.hold(false);
    assert.deepEqual(scene.told(), []);
    scene.close();
  });

  it('may be judged after the end, to no effect', () => {
    const scene = new Scene(V2);
    scene.open(0);
    scene.store(0, [0, 1, 2, 3], [2]);
    scene.told();
    scene.close();
    scene.wrapper.dropBlocks(V2.piece(0), [2]);
    scene.wrapper.failPiece(V2.piece(0));
    assert.deepEqual(scene.told(), []);
  });

  it('is the only kind of piece that is judged', () => {
    const scene = new Scene(V2);
    scene.open(0);
    assert.throws(() => scene.wrapper.dropBlocks(V2.piece(0), [0]), /not suspect/);
    assert.throws(() => scene.wrapper.failPiece(V2.piece(0)), /not suspect/);
    scene.store(0, [0, 1, 2, 3], [2]);
    assert.throws(() => scene.wrapper.dropBlocks(V2.piece(0), []), /without a wrong block/);
    scene.close();
  });
});

describe('padding in a piece', () => {
  for (const memory of ['memory', 'no memory'] as const) {
    it(`is zeros, whatever a peer sends for it (${memory})`, () => {
      const scene = new Scene(HYBRID, memory);
      scene.open(1);
      scene.store(1, [0]);
      const block = Buffer.alloc(BLOCK_LENGTH, 7);
      HYBRID.bytesOf(1).copy(block, 0, BLOCK_LENGTH, BLOCK_LENGTH + 10);
      scene.wrapper.storeBlock(HYBRID.piece(1), BLOCK_LENGTH, block);
      scene.timeline.run(100);
      assert.equal(scene.told().at(-1), 'verified 1');
      assert.equal(block[10], 7, 'the frame of the peer is not written to');
      assert.deepEqual(scene.disk.contents().subarray(PIECE), HYBRID.content.subarray(PIECE));
      scene.close();
    });
  }

  it('is zeros in memory that held another piece', () => {
    const scene = new Scene(HYBRID);
    const slots = [scene.slots.take(PIECE), scene.slots.take(PIECE)];
    for (const slot of slots) slot?.data.fill(7);
    for (const slot of slots) if (slot !== undefined) scene.slots.giveBack(slot);
    scene.open(1);
    scene.store(1, [0, 1]);
    assert.equal(scene.told().at(-1), 'verified 1');
    scene.close();
  });

  it('is never spilled: only blocks that came are written', () => {
    const scene = new Scene(HYBRID);
    scene.open(1);
    scene.store(1, [1]);
    scene.close();
    assert.deepEqual(scene.told(), [`writeBlock 1 ${BLOCK_LENGTH}`]);
  });

  it('comes with the piece: a piece without a block that came may be released, or emptied', () => {
    const scene = new Scene(HYBRID);
    scene.open(1);
    scene.wrapper.releasePiece(HYBRID.piece(1));
    scene.open(1);
    scene.store(1, [0]);
    assert.throws(() => scene.wrapper.releasePiece(HYBRID.piece(1)), /blocks in it/);
    scene.wrapper.emptyPiece(HYBRID.piece(1));
    scene.store(1, [0, 1]);
    assert.equal(scene.told().at(-1), 'verified 1');
    scene.close();
  });

  it('makes a piece of nothing else whole at once', () => {
    const scene = new Scene(PADDED);
    scene.wrapper.resumePiece(PADDED.piece(1), []);
    scene.timeline.run(100);
    assert.deepEqual(scene.told(), ['checkPiece 1', 'verified 1']);
    assert.equal(scene.wrapper.amountLeft, PADDED.layout.length - PIECE);
    scene.close();
  });

  it('shows that the torrent is not valid when its hash is not that of zeros', () => {
    const pieces = Buffer.from(PADDED.metainfo.pieces);
    sha1(Buffer.from('no zeros')).copy(pieces, 20);
    const scene = new Scene(withMetainfo(PADDED, { pieces }));
    scene.wrapper.resumePiece(PADDED.piece(1), []);
    scene.timeline.run(100);
    assert.deepEqual(scene.told().slice(1), [
      'torrent-invalid: torrent is not valid: piece 1 is padding, but not by its hash',
    ]);
    scene.close();
  });
});

describe('a piece whose hashes contradict each other', () => {
  it('is not had, and the failure says so', () => {
    const pieces = Buffer.from(HYBRID.metainfo.pieces);
    pieces[0] = (pieces[0] as number) ^ 1;
    const torrent = withMetainfo(HYBRID, { pieces });
    for (const memory of ['memory', 'no memory'] as const) {
      const scene = new Scene(torrent, memory);
      scene.open(0);
      scene.store(0, [0, 1, 2, 3]);
      assert.match(scene.told().at(-1) ?? '', /^torrent-invalid: .*piece 0 contradict/);
      assert.ok(!scene.wrapper.have.has(0));
      scene.close();
    }
  });
});

describe('a read behind the content of a piece', () => {
  it('gives zeros, of a torrent of version 2 and of a hybrid', () => {
    for (const torrent of [V2, v2Torrent(FILES, PIECE, 'hybrid', { tailPad: false })]) {
      const scene = new Scene(torrent);
      scene.open(1);
      scene.store(1, [0, 1]);
      const piece = torrent.piece(1);
      const reads = readsOf([
        { piece, begin: 0, length: PIECE },
        { piece, begin: BLOCK_LENGTH, length: BLOCK_LENGTH },
        { piece, begin: 3 * BLOCK_LENGTH, length: BLOCK_LENGTH },
      ]);
      for (const { into } of reads) into.fill(7);
      const outcomes: DoneOutcome[] = [];
      scene.wrapper.readBlocks(reads, (outcome) => outcomes.push(outcome));
      scene.wrapper.readBlocks([reads[2] as (typeof reads)[number]], (outcome) => outcomes.push(outcome));
      assert.deepEqual(outcomes, [], 'not within the call');
      scene.timeline.run(100);
      assert.deepEqual(outcomes, [{ ok: true }, { ok: true }]);
      const whole = Buffer.alloc(PIECE);
      torrent.bytesOf(1).copy(whole);
      assert.deepEqual(reads[0]?.into, whole);
      assert.deepEqual(reads[1]?.into, whole.subarray(BLOCK_LENGTH, 2 * BLOCK_LENGTH));
      assert.deepEqual(reads[2]?.into, Buffer.alloc(BLOCK_LENGTH));
      scene.close();
    }
  });
});

/** The torrent with other fields in what it says. */
function withMetainfo(torrent: SampleTorrent, changed: Partial<SampleTorrent['metainfo']>): SampleTorrent {
  return { ...torrent, metainfo: { ...torrent.metainfo, ...changed } };
}
