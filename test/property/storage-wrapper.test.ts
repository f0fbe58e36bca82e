import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { BtgetError } from '../../src/base/failure.js';
import { NODE_LENGTH } from '../../src/metainfo/merkle.js';
import { BLOCK_LENGTH, type PieceIndex } from '../../src/metainfo/piece-layout.js';
import { DEFAULT_PIECE_MEMORY_OPTIONS } from '../../src/pieces/piece-memory.js';
import { StorageWrapper } from '../../src/pieces/storage-wrapper.js';
import { rightLeaves } from '../support/fakes/honest-leaves.js';
import { MemorySlotPool } from '../support/fakes/memory-slot-pool.js';
import { DEFAULT_MEMORY_STORAGE_OPTIONS, MemoryStorage } from '../support/fakes/memory-storage.js';
import type { SampleTorrent } from '../support/sample-torrent.js';
import { sampleTorrent } from '../support/sample-torrent.js';
import { Timeline } from '../support/simulation/timeline.js';
import { v2Torrent } from '../support/v2-torrent.js';

const PIECE = 3 * BLOCK_LENGTH;
/** A piece length must be a power of two for hash trees. */
const V2_PIECE = 4 * BLOCK_LENGTH;
const FILES = [
  { path: 'top/a', length: V2_PIECE + BLOCK_LENGTH + 10 },
  { path: 'top/b', length: 3 * BLOCK_LENGTH - 1 },
  { path: 'top/c', length: 77 },
];
const TORRENTS: readonly SampleTorrent[] = [
  v2Torrent(FILES, V2_PIECE, '2'),
  v2Torrent(FILES, V2_PIECE, 'hybrid'),
  sampleTorrent(
    [
      { path: 'top/a', length: PIECE + 10 },
      { path: 'top/.pad/1', length: 3 * PIECE - BLOCK_LENGTH, padding: true },
      { path: 'top/b', length: BLOCK_LENGTH },
    ],
    PIECE,
  ),
];

/** An open piece, as the owner of the wrapper knows it. */
interface Open {
  /** The blocks that have come: whether each is wrong. */
  readonly blocks: Map<number, boolean>;
  /** What the wrapper said of its leaves; null while it is not suspect. */
  leaves: Buffer | null;
}

/** A wrapper over a disk in memory, and an owner that keeps the plainest books of it. */
class Model {
  readonly torrent: SampleTorrent;
  readonly timeline = new Timeline();
  readonly slots: MemorySlotPool;
  readonly disk: MemoryStorage;
  readonly wrapper: StorageWrapper;
  readonly open = new Map<PieceIndex, Open>();
  readonly had = new Set<PieceIndex>();

  constructor(torrent: SampleTorrent, slotCount: number) {
    this.torrent = torrent;
    const { pieceLength } = torrent.metainfo;
    this.slots = new MemorySlotPool(Math.max(1, slotCount) * pieceLength, slotCount === 0 ? 1 : pieceLength);
    this.disk = new MemoryStorage(torrent.metainfo, this.timeline, { ...DEFAULT_MEMORY_STORAGE_OPTIONS, latency: 5 });
    const options = DEFAULT_PIECE_MEMORY_OPTIONS;
    this.wrapper = new StorageWrapper(this.disk, torrent.layout, this.slots, this.timeline, options, {
      pieceVerified: (piece, data) => {
        this.assertWhole(piece);
        assert.ok(![...this.blocksOf(piece).values()].includes(true), `piece ${piece} passed with a wrong block`);
        if (data !== null) assert.ok(data.equals(torrent.bytesOf(piece)), `piece ${piece} is not right`);
        this.open.delete(piece);
        this.had.add(piece);
      },
      pieceFailed: (piece) => {
        this.assertWhole(piece);
        this.open.delete(piece);
      },
      pieceSuspect: (piece, leaves) => {
        this.assertWhole(piece);
        assert.equal(this.stateOf(piece).leaves, null, `piece ${piece} is suspect twice`);
        this.stateOf(piece).leaves = leaves;
      },
      blocksStale: (piece, blocks) => {
        for (const block of blocks) assert.ok(this.blocksOf(piece).delete(block), `block ${block} was not there`);
      },
      pieceDropped: (piece) => assert.ok(this.open.delete(piece), `piece ${piece} was closed`),
      roomForPieces: () => undefined,
      diskFailed: (failure) => assert.notEqual(failure.code, 'torrent-invalid'),
    });
  }

  get pieces(): PieceIndex[] {
    return [...this.torrent.layout.pieceIndices()];
  }

  stateOf(piece: PieceIndex): Open {
    const state = this.open.get(piece);
    assert.ok(state !== undefined, `piece ${piece} is closed`);
    return state;
  }

  blocksOf(piece: PieceIndex): Map<number, boolean> {
    return this.stateOf(piece).blocks;
  }

  /** The blocks that a peer may be asked for. */
  asked(piece: PieceIndex): number[] {
    const { layout } = this.torrent;
    const padding = new Set(layout.paddingBlocks(piece));
    return Array.from({ length: layout.blockCount(piece) }, (_, block) => block).filter((each) => !padding.has(each));
  }

  assertWhole(piece: PieceIndex): void {
    assert.equal(this.blocksOf(piece).size, this.asked(piece).length, `piece ${piece} is not whole`);
  }

  begin(piece: PieceIndex, resumed: readonly boolean[]): void {
    if (this.open.has(piece) || this.had.has(piece)) return;
    const blocks = this.asked(piece).filter((block) => resumed[block]);
    const isPadding = this.asked(piece).length === 0;
    if (blocks.length === 0 && !isPadding) {
      if (this.wrapper.openPiece(piece)) this.open.set(piece, { blocks: new Map(), leaves: null });
      return;
    }
    // Nothing tells whether the disk still has what an earlier run left.
    this.open.set(piece, { blocks: new Map(blocks.map((block) => [block, false])), leaves: null });
    this.wrapper.resumePiece(piece, blocks);
  }

  store(piece: PieceIndex, block: number, lie: 'none' | 'in content' | 'in padding'): void {
    const state = this.open.get(piece);
    if (state === undefined || state.blocks.has(block) || !this.asked(piece).includes(block)) return;
    const { layout } = this.torrent;
    const begin = block * BLOCK_LENGTH;
    const data = Buffer.from(this.torrent.bytesOf(piece).subarray(begin, begin + layout.blockLength(piece, block)));
    const padding = layout.paddingOfBlock(piece, block);
    const first = padding[0]?.begin === 0 ? padding[0].end : 0;
    if (lie === 'in content') data[first] = (data[first] as number) ^ 1;
    if (lie === 'in padding') for (const run of padding) data.fill(7, run.begin, run.end);
    state.blocks.set(block, lie === 'in content');
    this.wrapper.storeBlock(piece, begin, data);
    data.fill(0);
  }

  /** Judges a suspect piece: by its leaves, or not at all. */
  judge(piece: PieceIndex, canTell: boolean): void {
    const state = this.open.get(piece);
    const leaves = state?.leaves;
    if (state === undefined || leaves === null || leaves === undefined) return;
    state.leaves = null;
    if (!canTell) {
      this.wrapper.failPiece(piece);
      return;
    }
    const right = rightLeaves(this.torrent, piece);
    const wrong: number[] = [];
    for (let block = 0; block < leaves.length / NODE_LENGTH; block += 1) {
      const [begin, end] = [block * NODE_LENGTH, (block + 1) * NODE_LENGTH];
      if (!leaves.subarray(begin, end).equals(right.subarray(begin, end))) wrong.push(block);
    }
    for (const [block, isWrong] of state.blocks)
      assert.ok(!isWrong || wrong.includes(block), `block ${block} is wrong`);
    this.wrapper.dropBlocks(piece, wrong);
    for (const block of wrong) state.blocks.delete(block);
    if (state.blocks.size > 0) return;
    this.wrapper.releasePiece(piece);
    this.open.delete(piece);
  }

  /** All goes well from now on, so everything must come in. */
  finish(): void {
    for (let round = 0; round < 12; round += 1) {
      this.wrapper.hold(false);
      this.wrapper.retry();
      for (const piece of this.pieces) {
        this.judge(piece, true);
        this.begin(piece, []);
        for (const block of this.asked(piece)) this.store(piece, block, 'none');
      }
      this.timeline.run(30_000);
      this.wrapper.check();
    }
    this.wrapper.trust();
    assert.deepEqual([...this.open.keys()], [], 'every piece is settled');
    assert.equal(this.wrapper.amountLeft, 0);
    assert.ok(this.disk.contents().equals(this.torrent.content));
  }

  close(): void {
    let closed = 0;
    this.wrapper.close(() => {
      closed += 1;
    });
    // The owner may judge once more before it knows.
    for (const [piece, { leaves }] of this.open) {
      if (leaves === null) continue;
      this.wrapper.dropBlocks(piece, [0]);
      this.wrapper.failPiece(piece);
    }
    this.timeline.run(60_000);
    assert.equal(closed, 1);
    assert.equal(this.slots.taken, 0, 'every slot is given back');
    assert.equal(this.timeline.pending, 0);
  }
}

type Step = (model: Model) => void;

const chosen = fc.nat(1_000);
const pieceOf = (model: Model, choice: number): PieceIndex => model.pieces[choice % model.pieces.length] as PieceIndex;
const lie = fc.constantFrom('none', 'none', 'in content', 'in padding');

const step = fc.oneof(
  fc.tuple(chosen, fc.array(fc.boolean(), { maxLength: 4 })).map(
    ([choice, resumed]): Step =>
      (model) =>
        model.begin(pieceOf(model, choice), resumed),
  ),
  {
    weight: 3,
    arbitrary: chosen.map(
      (choice): Step =>
        (model) =>
          model.begin(pieceOf(model, choice), []),
    ),
  },
  {
    weight: 12,
    arbitrary: fc.tuple(chosen, fc.nat(3), lie).map(
      ([choice, block, kind]): Step =>
        (model) =>
          model.store(pieceOf(model, choice), block, kind),
    ),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(chosen, lie).map(
      ([choice, kind]): Step =>
        (model) => {
          const piece = pieceOf(model, choice);
          for (const block of model.asked(piece)) model.store(piece, block, kind);
        },
    ),
  },
  {
    weight: 6,
    arbitrary: fc.constantFrom(1, 6, 20, 11_000).map(
      (span): Step =>
        (model) =>
          model.timeline.run(span),
    ),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(chosen, fc.boolean()).map(
      ([choice, canTell]): Step =>
        (model) =>
          model.judge(pieceOf(model, choice), canTell),
    ),
  },
  chosen.map(
    (choice): Step =>
      (model) =>
        model.wrapper.doubt([pieceOf(model, choice)]),
  ),
  fc.boolean().map(
    (held): Step =>
      (model) =>
        model.wrapper.hold(held),
  ),
  fc.constant<Step>((model) => model.wrapper.retry()),
  fc.constantFrom('commitPiece', 'checkPiece', 'writeBlock').map(
    (what): Step =>
      (model) =>
        model.disk.failNext(what, new BtgetError('io', 'input/output error')),
  ),
);

describe('the storage wrapper, whatever happens', () => {
  const world = fc.record({
    torrent: fc.nat(TORRENTS.length - 1),
    slotCount: fc.nat(3),
    steps: fc.array(step, { maxLength: 60, size: 'max' }),
    finishes: fc.boolean(),
  });

  it('settles every piece, keeps right blocks, and gives back all memory', () => {
    let suspects = 0;
    fc.assert(
      fc.property(world, ({ torrent, slotCount, steps, finishes }) => {
        const model = new Model(TORRENTS[torrent] as SampleTorrent, slotCount);
        for (const action of steps) {
          action(model);
          model.wrapper.check();
          suspects += [...model.open.values()].filter(({ leaves }) => leaves !== null).length;
        }
        if (finishes) model.finish();
        model.close();
      }),
      { numRuns: 400, includeErrorInReport: true },
    );
    assert.ok(suspects > 50, `only ${suspects} suspect pieces were seen`);
  });
});
