/** With real threads: pieces that a hashing thread judges before the thread that writes gets them. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { FileDiskOptions } from '../../../../src/disk/files/file-disk.js';
import { type CheckOutcome, type DoneOutcome, FileLost, type Storage } from '../../../../src/disk/storage.js';
import { ask, type DiskFolder, diskFolder, slotOf } from '../../../support/disk/file-disk.js';
import { catchingTimers } from '../../../support/real-timers.js';
import { type SampleTorrent, sampleTorrent } from '../../../support/sample-torrent.js';
import { v2Torrent } from '../../../support/v2-torrent.js';

const KIB = 1024;
const FILM = [{ path: 'film', length: 7 * 64 * KIB + 100 }];
const SAMPLES = {
  1: sampleTorrent(FILM, 64 * KIB),
  2: v2Torrent(FILM, 64 * KIB, '2'),
  hybrid: v2Torrent(FILM, 64 * KIB, 'hybrid'),
} as const;
const RIGHT: CheckOutcome = { ok: true, matches: true };

/** No thread survives a piece that it has to judge and to write, ... */
const COMMITLESS = new URL('../../../support/disk/commitless-worker.js', import.meta.url);
/** ... or to judge alone. */
const JUDGELESS = new URL('../../../support/disk/judgeless-worker.js', import.meta.url);

async function inFolder(
  torrent: SampleTorrent,
  options: Partial<FileDiskOptions>,
  action: (folder: DiskFolder, storage: Storage) => Promise<void>,
): Promise<void> {
  const folder = diskFolder({ commits: { behindFrom: 0 }, ...options });
  try {
    await action(folder, folder.open(torrent));
  } finally {
    await folder.end();
  }
}

function commit(storage: Storage, torrent: SampleTorrent, piece: number, bytes?: Buffer): Promise<CheckOutcome> {
  const slot = slotOf(bytes ?? torrent.bytesOf(piece));
  return ask((answered) => storage.commitPiece(torrent.piece(piece), slot, answered));
}

/** Commits all pieces in one go, the last one first. */
function commitAll(storage: Storage, torrent: SampleTorrent): Promise<CheckOutcome>[] {
  const pieces = [...torrent.layout.pieceIndices()].reverse();
  return pieces.map((piece) => commit(storage, torrent, piece));
}

describe('pieces that a hashing thread judges', () => {
  for (const [version, torrent] of Object.entries(SAMPLES)) {
    it(`are written when they are right, and leave the file alone when they are wrong, version ${version}`, () =>
      inFolder(torrent, { workerModule: COMMITLESS }, async ({ at }, storage) => {
        const wrong = Buffer.from(torrent.bytesOf(3));
        wrong[20 * KIB] = 1 + (wrong[20 * KIB] as number);
        for (const piece of torrent.layout.pieceIndices())
          if (piece !== 3) assert.deepEqual(await commit(storage, torrent, piece), RIGHT);
        const before = readFileSync(at('film.part'));
        assert.ok(before.subarray(3 * 64 * KIB, 4 * 64 * KIB).every((byte) => byte === 0));
        const outcome = await commit(storage, torrent, 3, wrong);
        assert.ok(outcome.ok && !outcome.matches);
        assert.equal(outcome.leaves?.length, version === '1' ? undefined : 4 * 32);
        assert.deepEqual(readFileSync(at('film.part')), before);
        assert.deepEqual(await commit(storage, torrent, 3), RIGHT);
        assert.deepEqual(readFileSync(at('film.part')), torrent.fileBytes(0));
        for (const piece of torrent.layout.pieceIndices())
          assert.deepEqual(await ask((answered) => storage.checkPiece(piece, answered)), RIGHT);
      }));
  }

  it('are all on the disk when the storage is closed right after they came in', () =>
    inFolder(SAMPLES.hybrid, {}, async ({ at }, storage) => {
      let answers = 0;
      for (const committed of commitAll(storage, SAMPLES.hybrid)) void committed.then(() => (answers += 1));
      await new Promise<void>((resolve) => storage.close(resolve));
      assert.deepEqual(readFileSync(at('film.part')), SAMPLES.hybrid.fileBytes(0));
      assert.equal(answers, 0, 'a closed storage answers nothing else');
    }));

  it('are written by the other thread when hashing is stopped in the middle', () =>
    inFolder(SAMPLES.hybrid, {}, async ({ at, disk }, storage) => {
      const committed = commitAll(storage, SAMPLES.hybrid);
      disk.stopHashing();
      committed.push(commit(storage, SAMPLES.hybrid, 0));
      for (const outcome of await Promise.all(committed)) assert.deepEqual(outcome, RIGHT);
      assert.deepEqual(readFileSync(at('film.part')), SAMPLES.hybrid.fileBytes(0));
    }));

  it('are written too when the thread that judges dies of a bug, which is thrown in a task', () => {
    const thrown: string[] = [];
    const timers = catchingTimers((error) => thrown.push(String(error)));
    return inFolder(SAMPLES[2], { workerModule: JUDGELESS, timers }, async ({ at }, storage) => {
      for (const outcome of await Promise.all(commitAll(storage, SAMPLES[2]))) assert.deepEqual(outcome, RIGHT);
      assert.deepEqual(readFileSync(at('film.part')), SAMPLES[2].fileBytes(0));
      assert.equal(thrown[0], "TypeError: a bug in 'judge'");
    });
  });

  it('are in the file before it gets its final name, when that is asked for while they are judged', () =>
    inFolder(SAMPLES.hybrid, {}, async ({ at, dir }, storage) => {
      const committed = commitAll(storage, SAMPLES.hybrid);
      // The file would be too short without the first of them, which is judged elsewhere.
      assert.deepEqual(await ask<DoneOutcome>((answered) => storage.finishFile(0, answered)), { ok: true });
      for (const outcome of await Promise.all(committed)) assert.deepEqual(outcome, RIGHT);
      assert.deepEqual(readFileSync(at('film')), SAMPLES.hybrid.fileBytes(0));
      assert.deepEqual(readdirSync(dir), ['film']);
    }));

  it('are not written to a file that was lost, and nobody else’s file is made or touched for them', () =>
    inFolder(SAMPLES.hybrid, { workerModule: COMMITLESS }, async ({ at }, storage) => {
      assert.deepEqual(await commit(storage, SAMPLES.hybrid, 0), RIGHT);
      rmSync(at('film.part'));
      const committed = commit(storage, SAMPLES.hybrid, 1);
      // The check of lost files begins so.
      const released = ask<DoneOutcome>((answered) => storage.releaseFile(0, answered));
      const outcome = await committed;
      assert.ok(!outcome.ok && outcome.failure instanceof FileLost && outcome.failure.file === 0);
      assert.match(outcome.failure.message, /film\.part: somebody has removed it meanwhile/);
      assert.deepEqual(await released, { ok: true });
      assert.ok(!existsSync(at('film.part')));
    }));
});
