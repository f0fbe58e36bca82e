/** Picker, book, wrapper and disk together, without a network: peers that answer rightly, wrongly, late or not at all. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BtgetError } from '../../src/base/failure.js';
import type { Random } from '../../src/base/random.js';
import type { BlockSpan } from '../../src/disk/storage.js';
import { BLOCK_LENGTH } from '../../src/metainfo/piece-layout.js';
import { DEFAULT_PIECE_MEMORY_OPTIONS } from '../../src/pieces/piece-memory.js';
import { DEFAULT_PIECE_PICKER_OPTIONS, PiecePicker } from '../../src/pieces/piece-picker.js';
import { RequestBook } from '../../src/pieces/request-book.js';
import { StorageWrapper } from '../../src/pieces/storage-wrapper.js';
import { BlockJudge, DEFAULT_BLOCK_JUDGE_OPTIONS } from '../../src/swarm/download/block-judge.js';
import { Bitfield, fullBitfield } from '../../src/wire/bitfield.js';
import { HonestLeaves } from '../support/fakes/honest-leaves.js';
import { MemorySlotPool } from '../support/fakes/memory-slot-pool.js';
import { DEFAULT_MEMORY_STORAGE_OPTIONS, MemoryStorage } from '../support/fakes/memory-storage.js';
import { type SampleTorrent, sampleTorrent } from '../support/sample-torrent.js';
import { seededRandom } from '../support/simulation/seeded-random.js';
import { Timeline } from '../support/simulation/timeline.js';
import { v2Torrent } from '../support/v2-torrent.js';

const SAMPLE = sampleTorrent([{ path: 'film', length: 60 * BLOCK_LENGTH - 5000 }], 3 * BLOCK_LENGTH);
const FILES = [
  { path: 'top/a', length: 30 * BLOCK_LENGTH - 5000 },
  { path: 'top/b', length: 100 },
  { path: 'top/c', length: 20 * BLOCK_LENGTH + 1 },
];
const TREES = [v2Torrent(FILES, 4 * BLOCK_LENGTH, '2'), v2Torrent(FILES, 4 * BLOCK_LENGTH, 'hybrid')] as const;

interface World {
  readonly torrent: SampleTorrent;
  /** Pieces that fit into memory; with none, every piece is longer than a slot may be. */
  readonly slots: number;
  /** One operation of the disk in so many fails; 0 is none. */
  readonly failing: number;
  /** One block in so many is wrong; 0 is none. */
  readonly lying: number;
  readonly seed: number;
}

interface SimulatedPeer {
  readonly name: string;
  readonly has: Bitfield;
  /** Blocks in flight to it at most. */
  readonly backlog: number;
}

/** Runs until everything is had, and returns what happened. */
function download(world: World): string[] {
  const { torrent } = world;
  const { pieceLength } = torrent.layout;
  const random = seededRandom(world.seed);
  const timeline = new Timeline();
  const log: string[] = [];
  const slots = new MemorySlotPool(Math.max(1, world.slots) * pieceLength, world.slots === 0 ? 1 : pieceLength);
  const disk = new MemoryStorage(torrent.metainfo, timeline, { ...DEFAULT_MEMORY_STORAGE_OPTIONS, latency: 3 });
  const count = torrent.layout.pieceCount;
  const picker = new PiecePicker(count, DEFAULT_PIECE_PICKER_OPTIONS, random);
  const wrapper = new StorageWrapper(disk, torrent.layout, slots, timeline, DEFAULT_PIECE_MEMORY_OPTIONS, {
    pieceVerified: (piece, data) => {
      log.push(`${timeline.now()}: verified ${piece}`);
      if (data !== null) assert.deepEqual(data, torrent.bytesOf(piece));
      judge.pieceVerified(piece);
      book.pieceVerified(piece);
      askAll();
    },
    pieceFailed: (piece) => {
      log.push(`${timeline.now()}: failed ${piece}`);
      book.restartPiece(piece);
      askAll();
    },
    pieceSuspect: (piece, leaves) => {
      log.push(`${timeline.now()}: suspect ${piece}`);
      judge.suspect(piece, leaves);
    },
    blocksStale: (piece) => assert.fail(`nothing of ${piece} is from an earlier run`),
    pieceDropped: (piece) => {
      log.push(`${timeline.now()}: dropped ${piece}`);
      judge.drop(piece);
      book.dropPiece(piece);
      askAll();
    },
    roomForPieces: () => askAll(),
    diskFailed: (failure) => {
      log.push(`${timeline.now()}: ${failure.code}`);
      timeline.addTask(() => wrapper.retry(), 2000);
    },
  });
  const book = new RequestBook<SimulatedPeer>(torrent.layout, picker, wrapper);
  // Three of four questions are answered, some of them later than the judge waits.
  const source = new HonestLeaves(
    torrent,
    timeline,
    () => random.below(25_000),
    () => random.below(4) > 0,
  );
  const judge = new BlockJudge(
    {
      timers: timeline,
      layout: torrent.layout,
      source,
      judged: (piece, wrong) => {
        log.push(`${timeline.now()}: ${wrong === null ? 'unjudged' : 'judged'} ${piece}`);
        if (wrong === null) {
          wrapper.failPiece(piece);
          return;
        }
        wrapper.dropBlocks(piece, wrong);
        book.loseBlocks(piece, wrong);
        askAll();
      },
    },
    DEFAULT_BLOCK_JUDGE_OPTIONS,
  );
  const peers: SimulatedPeer[] = [1, 2, 3, 4, 5].map((number) => ({
    name: `peer ${number}`,
    has: number === 1 ? fullBitfield(count) : someOf(count, random),
    backlog: number,
  }));
  for (const peer of peers) picker.peerJoined(peer.has);

  const check = (): void => {
    book.check();
    wrapper.check();
  };
  const answer = (peer: SimulatedPeer, span: BlockSpan): void => {
    const chance = random.below(20);
    if (chance === 0) {
      // It chokes us. What it was asked for may come all the same.
      book.giveBackAll(peer);
      timeline.addTask(() => ask(peer), 500);
    } else if (chance === 1) {
      book.blockRejected(peer, span.piece, span.begin, span.length);
      timeline.addTask(() => ask(peer), 1000);
      return;
    }
    const arrival = book.blockCameIn(peer, span.piece, span.begin, span.length);
    if (arrival.verdict === 'wanted') {
      const block = Buffer.from(torrent.bytesOf(span.piece).subarray(span.begin, span.begin + span.length));
      if (world.lying > 0 && random.below(world.lying) === 0) block[0] = (block[0] as number) ^ 1;
      if (world.failing > 0 && random.below(world.failing) === 0) {
        for (const operation of ['writeBlock', 'commitPiece', 'checkPiece'] as const) {
          disk.failNext(operation, new BtgetError('disk-full', 'no space'));
        }
      }
      wrapper.storeBlock(span.piece, span.begin, block);
    }
    check();
    ask(peer);
  };
  const ask = (peer: SimulatedPeer): void => {
    while (book.howManyAsked(peer) < peer.backlog) {
      const span = book.take(peer, peer.has);
      if (span === undefined) break;
      // One answer in forty takes longer than it takes to spill a piece.
      timeline.addTask(() => answer(peer, span), random.below(40) === 0 ? 15_000 : 10 + random.below(50));
    }
    check();
  };
  const askAll = (): void => {
    for (const peer of peers) ask(peer);
  };
  timeline.addTask(askAll, 0);
  timeline.runUntil(() => wrapper.amountLeft === 0, 3_600_000);
  timeline.run(60_000);
  check();
  assert.deepEqual(disk.contents(), torrent.content);
  assert.equal(timeline.pending, 0, 'the disk has answered for everything');
  assert.equal(slots.taken, 0, 'every slot is given back');
  assert.equal(book.isEndgame, false);
  for (const peer of peers) assert.equal(book.howManyAsked(peer), 0, peer.name);
  wrapper.close(() => log.push('closed'));
  timeline.run(1000);
  assert.equal(timeline.pending, 0);
  return log;
}

function someOf(count: number, random: Random): Bitfield {
  const has = new Bitfield(count);
  for (let piece = 0; piece < count; piece += 1) if (random.below(2) === 0) has.set(piece);
  return has;
}

describe('pieces, from request to disk', () => {
  const seeds = Array.from({ length: 12 }, (_, seed) => seed);
  for (const slots of [0, 1, 3, 40]) {
    const memory = slots === 0 ? 'no memory for pieces' : `memory for ${slots} pieces`;
    it(`come in whole with ${memory}`, () => {
      for (const torrent of [SAMPLE, ...TREES])
        for (const seed of seeds.slice(torrent === SAMPLE ? 0 : 9))
          download({ torrent, slots, failing: 0, lying: 0, seed });
    });
    it(`come in whole with ${memory}, wrong blocks and a disk that fails`, () => {
      for (const torrent of [SAMPLE, ...TREES])
        for (const seed of seeds) download({ torrent, slots, failing: 25, lying: 25, seed });
    });
  }

  for (const [torrent, also] of [
    [SAMPLE, []],
    [TREES[0], ['suspect', 'judged', 'unjudged']],
    [TREES[1], ['suspect', 'judged', 'unjudged']],
  ] as const) {
    it(`come in the same way each time for the same seed (version ${torrent.metainfo.version})`, () => {
      const world = { torrent, slots: 3, failing: 25, lying: 10, seed: 5 };
      const log = download(world);
      assert.deepEqual(download(world), log);
      assert.notDeepEqual(download({ ...world, seed: 6 }), log);
      const kinds = new Set(log.map((line) => line.replace(/^\d+: /, '').replace(/ \d+$/, '')));
      for (const kind of ['failed', 'disk-full', ...also]) assert.ok(kinds.has(kind), [...kinds].join(' '));
    });
  }
});
