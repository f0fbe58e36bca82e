import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BtgetError } from '../../../src/base/failure.js';
import type { DoneOutcome } from '../../../src/disk/storage.js';
import { BLOCK_LENGTH } from '../../../src/metainfo/piece-layout.js';
import { DEFAULT_PIECE_MEMORY_OPTIONS } from '../../../src/pieces/piece-memory.js';
import { StorageWrapper } from '../../../src/pieces/storage-wrapper.js';
import { readsOf } from '../../support/disk/block-reads.js';
import { MemorySlotPool } from '../../support/fakes/memory-slot-pool.js';
import { DEFAULT_MEMORY_STORAGE_OPTIONS, MemoryStorage } from '../../support/fakes/memory-storage.js';
import { sampleTorrent } from '../../support/sample-torrent.js';
import { Timeline } from '../../support/simulation/timeline.js';

const PIECE = 2 * BLOCK_LENGTH;
const SAMPLE = sampleTorrent([{ path: 'film', length: 4 * PIECE + BLOCK_LENGTH + 100 }], PIECE);
const FULL = new BtgetError('disk-full', 'no space');
const BROKEN = new BtgetError('io', 'input/output error');

/** A wrapper over a disk in memory. Its events go to the log with their time. */
class Scene {
  readonly log: string[] = [];
  readonly timeline = new Timeline();
  readonly slots: MemorySlotPool;
  readonly disk: MemoryStorage;
  readonly wrapper: StorageWrapper;

  constructor(slotCount: number, maxLength = PIECE, latency = 5) {
    this.slots = new MemorySlotPool(slotCount * PIECE, maxLength);
    this.disk = new MemoryStorage(SAMPLE.metainfo, this.timeline, {
      ...DEFAULT_MEMORY_STORAGE_OPTIONS,
      latency,
      log: this.log,
    });
    const say = (what: string): void => {
      this.log.push(`${this.timeline.now()}: ${what}`);
    };
    const dataOf = (piece: number, data: Buffer | null): string => {
      if (data === null) return 'on disk';
      return data.equals(SAMPLE.bytesOf(piece)) ? 'right' : `wrong, ${data.length} bytes`;
    };
    this.wrapper = new StorageWrapper(
      this.disk,
      SAMPLE.layout,
      this.slots,
      this.timeline,
      DEFAULT_PIECE_MEMORY_OPTIONS,
      {
        pieceVerified: (piece, data) => say(`verified ${piece} (${dataOf(piece, data)})`),
        pieceFailed: (piece, data) => say(`failed ${piece} (${dataOf(piece, data)})`),
        pieceSuspect: (piece) => say(`suspect ${piece}`),
        blocksStale: (piece, blocks) => say(`stale ${piece}: ${blocks.join(' ')}`),
        pieceDropped: (piece) => say(`dropped ${piece}`),
        roomForPieces: () => say('room'),
        diskFailed: (failure) => say(failure.code),
      },
    );
  }

  open(piece: number): boolean {
    const opened = this.wrapper.openPiece(SAMPLE.piece(piece));
    this.wrapper.check();
    return opened;
  }

  /** Stores a block of an open piece, right or with one byte wrong; the frame is overwritten right away. */
  store(piece: number, block: number, wrong = false): void {
    const begin = block * BLOCK_LENGTH;
    const frame = Buffer.from(SAMPLE.bytesOf(piece).subarray(begin, begin + BLOCK_LENGTH));
    if (wrong) frame[7] = (frame[7] as number) ^ 1;
    this.wrapper.storeBlock(SAMPLE.piece(piece), begin, frame);
    frame.fill(0);
    this.wrapper.check();
  }

  storeAll(piece: number): void {
    for (let block = 0; block < SAMPLE.layout.blockCount(SAMPLE.piece(piece)); block += 1) this.store(piece, block);
  }

  run(span: number): void {
    this.timeline.run(span);
    this.wrapper.check();
  }

  close(): void {
    this.wrapper.close(() => this.log.push(`${this.timeline.now()}: closed`));
    this.timeline.run(60_000);
    assert.equal(this.slots.taken, 0, 'every slot comes back');
    assert.equal(this.timeline.pending, 0);
  }
}

describe('the storage wrapper', () => {
  it('commits a piece when its last block is in, in whatever order they come', () => {
    const scene = new Scene(2);
    assert.equal(scene.open(1), true);
    scene.store(1, 1);
    assert.equal(scene.slots.taken, 1);
    scene.run(1000);
    scene.store(1, 0);
    scene.run(1000);
    assert.deepEqual(scene.log, ['commitPiece 1', '1005: verified 1 (right)']);
    assert.equal(scene.wrapper.have.has(1), true);
    assert.equal(scene.wrapper.amountLeft, SAMPLE.layout.length - PIECE);
    assert.equal(scene.slots.taken, 0);
    assert.deepEqual(scene.disk.contents().subarray(PIECE, 2 * PIECE), SAMPLE.bytesOf(1));
    scene.close();
  });

  it('commits the last piece with its own length', () => {
    const scene = new Scene(1);
    scene.open(4);
    scene.storeAll(4);
    scene.run(5);
    assert.deepEqual(scene.log, ['commitPiece 4', '5: verified 4 (right)']);
    scene.close();
  });

  it('hands over the bytes of a piece that failed its hash, and the piece may come again', () => {
    const scene = new Scene(1);
    scene.open(0);
    scene.store(0, 0, true);
    scene.store(0, 1);
    scene.run(5);
    assert.equal(scene.slots.taken, 0);
    assert.equal(scene.wrapper.have.has(0), false);
    scene.open(0);
    scene.storeAll(0);
    scene.run(5);
    assert.deepEqual(scene.log, [
      'commitPiece 0',
      `5: failed 0 (wrong, ${PIECE} bytes)`,
      'commitPiece 0',
      '10: verified 0 (right)',
    ]);
    scene.close();
  });

  it('takes all blocks of an emptied piece again, in memory and on the disk', () => {
    for (const [maxLength, where] of [
      [PIECE, 'right'],
      [PIECE - 1, 'on disk'],
    ] as const) {
      const scene = new Scene(1, maxLength);
      scene.open(0);
      scene.store(0, 0, true);
      scene.wrapper.emptyPiece(SAMPLE.piece(0));
      scene.store(0, 1);
      scene.run(100);
      assert.equal(scene.wrapper.have.has(0), false, 'half of it is missing again');
      scene.store(0, 0);
      scene.run(100);
      assert.ok(scene.log.at(-1)?.endsWith(`verified 0 (${where})`), scene.log.at(-1));
      scene.close();
    }
  });

  it('gives the memory of a released piece to the next', () => {
    const scene = new Scene(1);
    assert.equal(scene.open(0), true);
    scene.wrapper.releasePiece(SAMPLE.piece(0));
    assert.equal(scene.slots.taken, 0);
    assert.equal(scene.open(0), true);
    scene.close();
  });

  it('says that there is room when a piece is settled, once, and not within the call that found none', () => {
    const scene = new Scene(2);
    scene.open(0);
    scene.open(1);
    assert.deepEqual([scene.open(2), scene.open(3)], [false, false]);
    scene.storeAll(0);
    scene.storeAll(1);
    scene.run(100);
    assert.deepEqual(scene.log, [
      'commitPiece 0',
      'commitPiece 1',
      '5: verified 0 (right)',
      '5: room',
      '10: verified 1 (right)',
    ]);
    assert.equal(scene.open(2), true);
    scene.close();
  });

  it('says that there is room when a piece is released', () => {
    const scene = new Scene(1);
    scene.open(0);
    assert.equal(scene.open(1), false);
    scene.wrapper.releasePiece(SAMPLE.piece(0));
    assert.deepEqual(scene.log, []);
    scene.run(0);
    assert.deepEqual(scene.log, ['0: room']);
    scene.close();
  });

  it('tells pieces that still wait when another one got memory in between', () => {
    const scene = new Scene(1);
    scene.open(0);
    assert.equal(scene.open(1), false);
    scene.wrapper.releasePiece(SAMPLE.piece(0));
    assert.equal(scene.open(2), true);
    scene.run(0);
    assert.deepEqual(scene.log, ['0: room']);
    scene.close();
  });

  it('spills the piece that waited longest for a block when another needs memory, and finishes it on the disk', () => {
    const scene = new Scene(2);
    scene.open(0);
    scene.store(0, 1);
    scene.run(1000);
    scene.open(1);
    scene.store(1, 0);
    scene.run(4000);
    assert.equal(scene.open(2), false);
    const ask = (): void => {
      if (scene.open(2)) scene.log.push(`${scene.timeline.now()}: opened`);
    };
    for (let second = 0; second < 6; second += 1) {
      scene.run(1000);
      ask();
    }
    scene.store(0, 0);
    scene.run(1000);
    assert.deepEqual(scene.log, [
      '6000: room',
      '7000: room',
      '8000: room',
      '9000: room',
      'writeBlock 0 16384',
      '10000: room',
      '10005: room',
      '11000: opened',
      'writeBlock 0 0',
      'checkPiece 0',
      '11010: verified 0 (on disk)',
    ]);
    assert.deepEqual(scene.disk.contents().subarray(0, PIECE), SAMPLE.bytesOf(0));
    scene.close();
  });

  it('takes blocks of a piece while it is being spilled, and keeps its memory until they are written', () => {
    const scene = new Scene(1, PIECE, 400);
    scene.open(0);
    scene.store(0, 0);
    scene.run(9500);
    assert.equal(scene.open(1), false);
    scene.run(1000);
    assert.equal(scene.slots.taken, 1);
    scene.store(0, 1);
    assert.equal(scene.slots.taken, 1);
    assert.equal(scene.open(1), false);
    scene.run(400);
    assert.equal(scene.slots.taken, 0);
    scene.run(1000);
    assert.deepEqual(scene.log, [
      'writeBlock 0 0',
      '10500: room',
      'writeBlock 0 16384',
      '10900: room',
      'checkPiece 0',
      '11700: verified 0 (on disk)',
    ]);
    scene.close();
  });

  it('does not spill while no piece needs memory', () => {
    const scene = new Scene(1);
    scene.open(0);
    scene.store(0, 0);
    scene.run(600_000);
    assert.deepEqual(scene.log, []);
    assert.equal(scene.slots.taken, 1);
    scene.close();
  });

  it('writes a piece that is too long for a slot block by block', () => {
    const scene = new Scene(1, PIECE - 1);
    assert.equal(scene.open(0), true);
    scene.store(0, 1);
    scene.store(0, 0);
    scene.run(100);
    assert.deepEqual(scene.log, ['writeBlock 0 16384', 'writeBlock 0 0', 'checkPiece 0', '15: verified 0 (on disk)']);
    scene.close();
  });

  it('reports without data that a piece on the disk failed its hash', () => {
    const scene = new Scene(0, 0);
    scene.open(0);
    scene.store(0, 0, true);
    scene.store(0, 1);
    scene.run(100);
    assert.equal(scene.log.at(-1), '15: failed 0 (on disk)');
    assert.equal(scene.open(0), true);
    scene.close();
  });

  it('writes blocks to the disk at once when other torrents keep all of the memory', () => {
    const scene = new Scene(1);
    const theirs = scene.slots.take(PIECE);
    assert.ok(theirs !== undefined);
    const opened: number[] = [];
    for (let second = 0; second < 12 && opened.length === 0; second += 1) {
      if (scene.open(0)) opened.push(scene.timeline.now());
      scene.run(1000);
    }
    assert.deepEqual(opened, [10_000]);
    scene.storeAll(0);
    scene.run(100);
    assert.equal(scene.log.at(-1), '11015: verified 0 (on disk)');
    scene.slots.giveBack(theirs);
    scene.close();
  });

  it('waits again for the memory of other torrents when it got some in between', () => {
    const scene = new Scene(1);
    const theirs = scene.slots.take(PIECE);
    assert.ok(theirs !== undefined);
    for (let second = 0; second < 6; second += 1) {
      assert.equal(scene.open(0), false);
      scene.run(1000);
    }
    scene.slots.giveBack(theirs);
    assert.equal(scene.open(0), true);
    scene.wrapper.releasePiece(SAMPLE.piece(0));
    const again = scene.slots.take(PIECE);
    assert.ok(again !== undefined);
    while (!scene.open(1)) scene.run(1000);
    assert.ok(scene.timeline.now() >= 16_000, `${scene.timeline.now()}`);
    scene.slots.giveBack(again);
    scene.close();
  });

  it('waits as long as it takes for memory of its own that is in use', () => {
    const scene = new Scene(1, PIECE, 30_000);
    scene.open(0);
    scene.storeAll(0);
    for (let second = 0; second < 30; second += 1) {
      assert.equal(scene.open(1), false);
      scene.run(1000);
    }
    assert.deepEqual(scene.log.slice(0, 3), ['commitPiece 0', '1000: room', '2000: room']);
    assert.equal(scene.log.includes('writeBlock 0 0'), false, 'a piece that is being committed is not spilled');
    scene.run(0);
    assert.equal(scene.open(1), true);
    scene.close();
  });

  it('stops looking for memory when no piece asks for it any more', () => {
    const scene = new Scene(1);
    scene.open(0);
    assert.equal(scene.open(1), false);
    scene.run(60_000);
    assert.deepEqual(scene.log, ['1000: room']);
    assert.equal(scene.timeline.pending, 0);
    scene.close();
  });

  it('keeps a whole piece when the disk is full, and writes it when told to try again', () => {
    const scene = new Scene(1);
    scene.disk.failNext('commitPiece', FULL, 2);
    scene.open(0);
    scene.storeAll(0);
    scene.run(10);
    assert.equal(scene.slots.taken, 1);
    scene.wrapper.retry();
    scene.run(10);
    scene.wrapper.retry();
    scene.run(10);
    scene.wrapper.retry();
    scene.run(10);
    assert.deepEqual(scene.log, [
      'commitPiece 0',
      '5: disk-full',
      'commitPiece 0',
      '15: disk-full',
      'commitPiece 0',
      '25: verified 0 (right)',
    ]);
    assert.equal(scene.slots.taken, 0);
    scene.close();
  });

  it('opens no piece while it is held, and says when the hold is over', () => {
    const scene = new Scene(2);
    scene.wrapper.hold(true);
    assert.equal(scene.open(0), false);
    assert.deepEqual(scene.log, []);
    scene.wrapper.hold(false);
    assert.match(scene.log.join(), /room/);
    assert.equal(scene.open(0), true);
    scene.close();
  });

  it('checks a piece on the disk again when the check could not be made', () => {
    const scene = new Scene(0, 0);
    scene.disk.failNext('checkPiece', BROKEN);
    scene.open(0);
    scene.storeAll(0);
    scene.run(100);
    scene.wrapper.retry();
    scene.run(100);
    assert.deepEqual(scene.log.slice(2), ['checkPiece 0', '15: io', 'checkPiece 0', '105: verified 0 (on disk)']);
    scene.close();
  });

  it('drops a piece of which the disk lost a block, when no write of it is under way any more', () => {
    const scene = new Scene(0, 0);
    scene.disk.failNext('writeBlock', FULL);
    scene.open(0);
    scene.storeAll(0);
    scene.run(100);
    assert.deepEqual(scene.log, ['writeBlock 0 0', 'writeBlock 0 16384', '5: disk-full', '10: dropped 0']);
    assert.equal(scene.open(0), true);
    scene.storeAll(0);
    scene.run(100);
    assert.equal(scene.log.at(-1), '115: verified 0 (on disk)');
    scene.close();
  });

  it('drops a piece that could not be spilled, and frees its memory', () => {
    const scene = new Scene(1);
    scene.disk.failNext('writeBlock', FULL);
    scene.open(0);
    scene.store(0, 1);
    scene.run(10_000);
    scene.open(1);
    scene.run(1100);
    assert.deepEqual(scene.log, ['writeBlock 0 16384', '11000: room', '11005: disk-full', '11005: dropped 0']);
    assert.equal(scene.slots.taken, 0);
    scene.close();
  });

  it('gives back every slot when it is closed, whatever is under way', () => {
    const scene = new Scene(4);
    for (const piece of [0, 1, 2, 3]) scene.open(piece);
    scene.store(0, 0);
    scene.storeAll(1);
    scene.disk.failNext('commitPiece', FULL);
    scene.storeAll(2);
    assert.equal(scene.open(4), false);
    assert.equal(scene.slots.taken, 4);
    scene.close();
    assert.deepEqual(scene.log, ['commitPiece 1', 'commitPiece 2', 'writeBlock 0 0', '15: closed']);
  });

  it('does not touch the memory of a piece before the disk has answered', () => {
    const scene = new Scene(1, PIECE, 400);
    scene.open(0);
    scene.storeAll(0);
    scene.wrapper.close(() => scene.log.push('closed'));
    scene.run(399);
    assert.equal(scene.slots.taken, 1);
    scene.run(1);
    assert.equal(scene.slots.taken, 0);
    assert.deepEqual(scene.log, ['commitPiece 0', 'closed']);
  });

  it('accepts nothing once it is closed', () => {
    const scene = new Scene(2);
    scene.open(0);
    scene.wrapper.close(() => scene.log.push('closed'));
    assert.equal(scene.wrapper.openPiece(SAMPLE.piece(1)), false);
    scene.store(0, 0);
    scene.wrapper.retry();
    scene.run(100);
    assert.deepEqual(scene.log, ['closed']);
    assert.equal(scene.slots.taken, 0);
  });

  it('reads verified pieces, and answers later with a failure for others', () => {
    const scene = new Scene(1);
    scene.open(1);
    scene.storeAll(1);
    scene.run(10);
    const outcomes: (DoneOutcome | string)[] = [];
    const reads = readsOf(
      [1, 0].map((block) => ({ piece: SAMPLE.piece(1), begin: block * BLOCK_LENGTH, length: 100 })),
    );
    scene.wrapper.readBlocks(reads, (outcome) => outcomes.push(outcome));
    scene.wrapper.readBlocks(readsOf([{ piece: SAMPLE.piece(2), begin: 0, length: 1 }]), (outcome) => {
      outcomes.push(outcome.ok ? outcome : `${outcome.failure.code}: ${outcome.failure.message}`);
    });
    assert.deepEqual(outcomes, []);
    scene.run(10);
    const bytes = SAMPLE.bytesOf(1);
    assert.deepEqual(outcomes, ['io: piece 2 is not there to be read', { ok: true }]);
    assert.deepEqual(
      reads.map(({ into }) => into),
      [bytes.subarray(BLOCK_LENGTH, BLOCK_LENGTH + 100), bytes.subarray(0, 100)],
    );
    scene.close();
  });

  it('counts the bytes of wanted pieces that are left', () => {
    const scene = new Scene(1);
    const { wrapper } = scene;
    const last = SAMPLE.layout.lengthOf(SAMPLE.piece(4));
    const left: number[] = [wrapper.amountLeft];
    const step = (action: () => void): void => {
      action();
      left.push(wrapper.amountLeft);
    };
    step(() => wrapper.setWanted(SAMPLE.piece(4), false));
    step(() => wrapper.setWanted(SAMPLE.piece(4), false));
    step(() => wrapper.markVerified(SAMPLE.piece(0)));
    step(() => wrapper.markVerified(SAMPLE.piece(0)));
    step(() => wrapper.setWanted(SAMPLE.piece(0), false));
    step(() => wrapper.losePiece(SAMPLE.piece(0)));
    step(() => wrapper.losePiece(SAMPLE.piece(0)));
    step(() => wrapper.setWanted(SAMPLE.piece(0), true));
    step(() => wrapper.markVerified(SAMPLE.piece(4)));
    step(() => wrapper.setWanted(SAMPLE.piece(4), true));
    step(() => wrapper.losePiece(SAMPLE.piece(4)));
    const [all, some] = [4 * PIECE + last, 4 * PIECE];
    const less = some - PIECE;
    assert.deepEqual(left, [all, some, some, less, less, less, less, less, some, some, some, all]);
  });

  it('throws when a block cannot be what the caller says', () => {
    const scene = new Scene(2);
    scene.open(0);
    scene.store(0, 0);
    assert.throws(() => scene.store(0, 0), /cannot be stored/);
    assert.throws(() => scene.store(1, 0), /not open/);
    assert.throws(() => scene.open(0), /cannot be opened/);
    assert.throws(() => scene.wrapper.releasePiece(SAMPLE.piece(0)), /blocks in it/);
    scene.close();
  });

  it('has the disk take the blocks of open pieces before it closes', () => {
    const scene = new Scene(3);
    scene.open(0);
    scene.store(0, 1);
    scene.open(1);
    scene.storeAll(1);
    scene.open(2);
    scene.close();
    assert.deepEqual(scene.log, ['commitPiece 1', `writeBlock 0 ${BLOCK_LENGTH}`, '10: closed']);
    assert.deepEqual(scene.disk.contents().subarray(BLOCK_LENGTH, PIECE), SAMPLE.bytesOf(0).subarray(BLOCK_LENGTH));
  });

  it('does not wait for a disk that refuses these blocks, and gives it none while it takes nothing', () => {
    const refused = new Scene(3);
    for (const piece of [0, 1]) {
      refused.open(piece);
      refused.store(piece, 0);
    }
    refused.disk.failNext('writeBlock', FULL);
    refused.close();
    assert.deepEqual(refused.log, ['writeBlock 0 0', 'writeBlock 1 0', '10: closed']);

    const held = new Scene(1);
    held.open(0);
    held.store(0, 0);
    held.wrapper.hold(true);
    held.close();
    assert.deepEqual(held.log, ['0: closed']);
  });

  it('waits for no block once it is abandoned', () => {
    const before = new Scene(1);
    before.open(0);
    before.store(0, 0);
    before.wrapper.abandon();
    before.close();
    assert.deepEqual(before.log, ['0: closed']);

    const meanwhile = new Scene(1);
    meanwhile.open(0);
    meanwhile.store(0, 0);
    meanwhile.wrapper.close(() => meanwhile.log.push('closed'));
    const closes: string[] = [];
    meanwhile.disk.close = (answered) => {
      closes.push(`at ${meanwhile.timeline.now()}`);
      meanwhile.timeline.addTask(answered, 7);
    };
    meanwhile.wrapper.abandon();
    meanwhile.run(100);
    assert.deepEqual(closes, ['at 0']);
    assert.deepEqual(meanwhile.log, ['writeBlock 0 0', 'closed']);
    assert.equal(meanwhile.slots.taken, 0);
  });

  it('goes on from blocks of an earlier run without memory, and hashes the piece on the disk', () => {
    const scene = new Scene(1);
    scene.disk.writeBlock(SAMPLE.piece(0), 0, SAMPLE.bytesOf(0).subarray(0, BLOCK_LENGTH), () => undefined);
    scene.run(10);
    scene.log.length = 0;
    scene.wrapper.resumePiece(SAMPLE.piece(0), [0]);
    assert.throws(() => scene.store(0, 0), /cannot be stored/);
    scene.store(0, 1);
    assert.equal(scene.slots.taken, 0);
    scene.run(50);
    assert.deepEqual(scene.log, [`writeBlock 0 ${BLOCK_LENGTH}`, 'checkPiece 0', '20: verified 0 (on disk)']);
    scene.close();
  });

  it('drops only the blocks of an earlier run when their piece fails, and all blocks when it fails again', () => {
    const scene = new Scene(1);
    scene.wrapper.resumePiece(SAMPLE.piece(0), [0]);
    scene.store(0, 1, true);
    scene.run(50);
    scene.store(0, 0);
    scene.run(50);
    assert.deepEqual(scene.log, [
      `writeBlock 0 ${BLOCK_LENGTH}`,
      'checkPiece 0',
      '10: stale 0: 0',
      'writeBlock 0 0',
      'checkPiece 0',
      '60: failed 0 (on disk)',
    ]);
    scene.close();
  });

  it('hashes a piece of which an earlier run left every block, and drops these when the piece fails', () => {
    const scene = new Scene(1);
    scene.wrapper.resumePiece(SAMPLE.piece(0), [0, 1]);
    scene.run(50);
    assert.deepEqual(scene.log, ['checkPiece 0', '5: stale 0: 0 1']);
    scene.wrapper.releasePiece(SAMPLE.piece(0));
    assert.equal(scene.open(0), true);
    scene.close();
  });

  it('discards what has come of a piece that is not whole, and leaves a whole one to its hash', () => {
    const scene = new Scene(2);
    scene.open(0);
    scene.store(0, 0);
    scene.wrapper.discardPiece(SAMPLE.piece(0));
    scene.wrapper.discardPiece(SAMPLE.piece(3));
    assert.deepEqual(scene.log.splice(0), ['0: dropped 0']);
    scene.open(0);
    scene.store(0, 0);
    scene.store(0, 1);
    scene.wrapper.discardPiece(SAMPLE.piece(0));
    scene.run(50);
    assert.deepEqual(scene.log, ['commitPiece 0', '5: verified 0 (right)']);
    assert.equal(scene.wrapper.lastBlockAt(SAMPLE.piece(0)), undefined);
    scene.close();
  });

  it('has a piece no longer that was forgotten', () => {
    const scene = new Scene(2);
    scene.wrapper.markVerified(SAMPLE.piece(1));
    const left = scene.wrapper.amountLeft;
    scene.wrapper.forgetPiece(SAMPLE.piece(1));
    assert.deepEqual([scene.wrapper.have.has(1), scene.wrapper.amountLeft - left], [false, PIECE]);
    assert.equal(scene.wrapper.forgets, false);
    scene.close();
  });
});
