import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { BtgetError } from '../../../../src/base/failure.js';
import { CacheStorage } from '../../../../src/disk/files/cache-storage.js';
import type { CheckOutcome, DoneOutcome, LeavesOutcome } from '../../../../src/disk/storage.js';
import { leavesOf } from '../../../../src/metainfo/leaves.js';
import { BLOCK_LENGTH } from '../../../../src/metainfo/piece-layout.js';
import { readsOf } from '../../../support/disk/block-reads.js';
import { ask, diskFolder, slotOf } from '../../../support/disk/file-disk.js';
import { HANGS_AFTER } from '../../../support/hang.js';
import { type SampleTorrent, sampleTorrent } from '../../../support/sample-torrent.js';
import { MemoryFile, simulatedCache } from '../../../support/simulation/simulated-cache.js';
import { Timeline } from '../../../support/simulation/timeline.js';
import { v2Torrent } from '../../../support/v2-torrent.js';

const PIECE = 2 * BLOCK_LENGTH;
const RIGHT: CheckOutcome = { ok: true, matches: true };
const FILES = [
  { path: 'a/one', length: PIECE + 100 },
  { path: 'a/two', length: 3 * PIECE + 5 },
];

class Scene {
  readonly timeline = new Timeline();
  readonly file = new MemoryFile(this.timeline, 5);
  readonly storage: CacheStorage;
  readonly #sample: SampleTorrent;

  constructor(sample: SampleTorrent) {
    this.#sample = sample;
    this.storage = simulatedCache(this.timeline, this.file, { timers: null, ...sample });
  }

  answer<T>(asking: (answered: (outcome: T) => void) => void): T {
    let outcome: T | undefined;
    asking((told) => {
      outcome = told;
    });
    assert.equal(outcome, undefined, 'nothing is answered within the call');
    this.timeline.run(1_000);
    return outcome ?? assert.fail('no answer came');
  }

  commit(piece: number, bytes = this.#sample.bytesOf(piece)): CheckOutcome {
    return this.answer((answered) =>
      this.storage.commitPiece(this.#sample.piece(piece), { data: Buffer.from(bytes) }, answered),
    );
  }

  read(piece: number, begin = 0, length = this.#sample.layout.lengthOf(this.#sample.piece(piece)) - begin) {
    const reads = readsOf([{ piece: this.#sample.piece(piece), begin, length }]);
    const outcome = this.answer<DoneOutcome>((answered) => this.storage.readBlocks(reads, answered));
    return outcome.ok ? (reads[0]?.into ?? null) : null;
  }

  /** Writes the piece block by block, without its blocks of padding. */
  write(piece: number, bytes = this.#sample.bytesOf(piece)): CheckOutcome {
    const { layout } = this.#sample;
    const index = this.#sample.piece(piece);
    const padding = new Set(layout.paddingBlocks(index));
    for (let block = 0; block < layout.blockCount(index); block += 1) {
      if (padding.has(block)) continue;
      const begin = block * BLOCK_LENGTH;
      const data = bytes.subarray(begin, begin + layout.blockLength(index, block));
      const outcome = this.answer<DoneOutcome>((answered) => this.storage.writeBlock(index, begin, data, answered));
      assert.deepEqual(outcome, { ok: true });
    }
    return this.answer((answered) => this.storage.checkPiece(index, answered));
  }

  forget(piece: number): void {
    this.storage.forgetPiece(this.#sample.piece(piece));
  }
}

describe('a storage that forgets', { timeout: HANGS_AFTER }, () => {
  for (const [version, sample] of [
    [
      '1',
      sampleTorrent([...FILES, { path: 'a/.pad', length: 20_000, padding: true }, { path: 'a/end', length: 9 }], PIECE),
    ],
    ['2', v2Torrent(FILES, PIECE, '2')],
    ['hybrid', v2Torrent(FILES, PIECE, 'hybrid')],
  ] as const) {
    it(`gives back the pieces that it keeps (version ${version})`, () => {
      const scene = new Scene(sample);
      const { pieceCount } = sample.layout;
      for (let piece = 0; piece < pieceCount; piece += 1) assert.deepEqual(scene.commit(piece), RIGHT);
      for (let piece = pieceCount - 1; piece >= 0; piece -= 1)
        assert.deepEqual(scene.read(piece), sample.bytesOf(piece));
      assert.deepEqual(scene.read(0, 7, 99), sample.bytesOf(0).subarray(7, 106));
    });

    it(`checks pieces that come block by block, over what another piece left (version ${version})`, () => {
      const scene = new Scene(sample);
      for (let piece = 0; piece < sample.layout.pieceCount; piece += 1) {
        // The cell is full of other bytes.
        scene.file.bytes.fill(0xdb);
        const wrong = Buffer.from(sample.bytesOf(piece));
        wrong[3] = (wrong[3] ?? 0) ^ 1;
        const failed = scene.write(piece, wrong);
        assert.ok(failed.ok && !failed.matches);
        assert.equal(failed.leaves === undefined, version === '1');
        assert.deepEqual(scene.write(piece), RIGHT);
        assert.deepEqual(scene.read(piece), sample.bytesOf(piece));
        scene.forget(piece);
      }
      assert.equal(scene.storage.cellCount, 1);
    });
  }

  it('has every piece that is padding alone, and keeps nothing of it', () => {
    const files = [
      ...FILES.slice(0, 1),
      { path: 'a/.pad', length: 3 * PIECE, padding: true },
      { path: 'a/z', length: 9 },
    ];
    const sample = sampleTorrent(files, PIECE);
    const scene = new Scene(sample);
    assert.equal(sample.layout.isPadding(sample.piece(2)), true);
    assert.deepEqual(scene.write(2), RIGHT);
    assert.deepEqual(scene.read(2), Buffer.alloc(PIECE));
    assert.deepEqual(scene.read(2, 9, 99), Buffer.alloc(99));
    assert.equal(scene.storage.cellCount, 0);
    assert.equal(scene.read(0), null, 'another piece is not there');
  });

  it('tells which blocks of a piece of version 2 are there', () => {
    const sample = v2Torrent(FILES, PIECE, '2');
    const scene = new Scene(sample);
    scene.commit(2);
    const hash = (piece: number): LeavesOutcome =>
      scene.answer((answered) => scene.storage.hashBlocks(sample.piece(piece), answered));
    assert.deepEqual(hash(2), { ok: true, leaves: leavesOf(sample.bytesOf(2)) });
    assert.equal(hash(3).ok, false);
  });

  const sample = sampleTorrent([{ path: 'film', length: 40 * PIECE }], PIECE);

  it('writes nothing of a wrong piece, and says so', () => {
    const scene = new Scene(sample);
    assert.deepEqual(scene.commit(0, sample.bytesOf(1)), { ok: true, matches: false });
    assert.equal(scene.read(0), null);
    assert.equal(scene.file.bytes.length, 0);
  });

  it('gives the room of a piece that is forgotten to the next one, and reads it no more', () => {
    const scene = new Scene(sample);
    for (let piece = 0; piece < 40; piece += 1) {
      scene.commit(piece);
      if (piece >= 3) scene.forget(piece - 3);
      assert.equal(scene.read(piece - 3 < 0 ? 39 : piece - 3), null);
      assert.deepEqual(scene.read(piece), sample.bytesOf(piece));
    }
    assert.equal(scene.file.bytes.length, 4 * PIECE);
    scene.forget(0);
    assert.equal(scene.storage.cellCount, 4);
  });

  it('passes on what the disk refuses, and takes the piece later', () => {
    const scene = new Scene(sample);
    const failure = new BtgetError('disk-full', 'no space');
    scene.file.failures.push(failure);
    assert.deepEqual(scene.commit(0), { ok: false, failure });
    assert.deepEqual(scene.commit(0), RIGHT);
    const locked = new CacheStorage({
      ...{ timers: scene.timeline, diskTimers: scene.timeline, metainfo: sample.metainfo, layout: sample.layout },
      judge: { ask: () => assert.fail() },
      openFile: () => {
        throw failure;
      },
    });
    const outcome = scene.answer<DoneOutcome>((answered) =>
      locked.writeBlock(sample.piece(0), 0, Buffer.alloc(BLOCK_LENGTH), answered),
    );
    assert.deepEqual(outcome, { ok: false, failure });
  });

  it('answers nothing after its close, which waits for the disk', () => {
    const scene = new Scene(sample);
    const log: string[] = [];
    scene.storage.commitPiece(sample.piece(0), { data: sample.bytesOf(0) }, () => log.push('committed'));
    scene.storage.close(() => log.push(`closed ${scene.file.isClosed} ${scene.file.bytes.length}`));
    scene.timeline.run(1_000);
    assert.deepEqual(log, [`closed true ${PIECE}`]);
    assert.throws(() => scene.storage.sync([], () => undefined), /closed/);
  });

  it('leaves no name on a real disk, from its first piece on', async () => {
    const folder = diskFolder();
    const dir = mkdtempSync(join(tmpdir(), 'btget-cache-'));
    const storage = folder.disk.openCache({ timers: null, ...sample }, dir);
    try {
      for (const piece of [0, 7]) {
        const committed = await ask<CheckOutcome>((answered) =>
          storage.commitPiece(sample.piece(piece), slotOf(sample.bytesOf(piece)), answered),
        );
        assert.deepEqual(committed, RIGHT);
      }
      assert.deepEqual(readdirSync(dir), []);
      const reads = readsOf([{ piece: sample.piece(7), begin: 5, length: 600 }]);
      assert.deepEqual(await ask<DoneOutcome>((answered) => storage.readBlocks(reads, answered)), { ok: true });
      assert.deepEqual(reads[0]?.into, sample.bytesOf(7).subarray(5, 605));
      const wrong = await ask<CheckOutcome>((answered) =>
        storage.commitPiece(sample.piece(1), slotOf(sample.bytesOf(2)), answered),
      );
      assert.deepEqual(wrong, { ok: true, matches: false });
    } finally {
      await ask<void>((answered) => storage.close(answered));
      await folder.end();
      rmSync(dir, { recursive: true });
    }
  });

  it('says why no file can be made', async () => {
    const folder = diskFolder();
    const storage = folder.disk.openCache({ timers: null, ...sample }, '/nowhere/at/all');
    const outcome = await ask<CheckOutcome>((answered) =>
      storage.commitPiece(sample.piece(0), slotOf(sample.bytesOf(0)), answered),
    );
    assert.ok(!outcome.ok && outcome.failure.code === 'cannot-open', JSON.stringify(outcome));
    await ask<void>((answered) => storage.close(answered));
    await folder.end();
  });
});
