import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { sha1 } from '../../../../src/base/digest.js';
import { createFileDisk, DEFAULT_FILE_DISK_OPTIONS } from '../../../../src/disk/files/file-disk.js';
import type { HashedFile, PieceHashesOutcome } from '../../../../src/disk/files/hash-pieces.js';
import type { CheckOutcome, DoneOutcome } from '../../../../src/disk/storage.js';
import type { JournalReadOutcome, Target } from '../../../../src/disk/target.js';
import type { Metainfo } from '../../../../src/metainfo/metainfo.js';
import { ask, diskFolder, slotOf } from '../../../support/disk/file-disk.js';
import { HANGS_AFTER } from '../../../support/hang.js';
import { pieceHashes } from '../../../support/pieces.js';
import { catchingTimers, realTimers } from '../../../support/real-timers.js';
import { sampleTorrent } from '../../../support/sample-torrent.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';
import { v2Torrent } from '../../../support/v2-torrent.js';

interface Hashed {
  readonly outcome: PieceHashesOutcome;
  readonly progress: readonly number[];
}

function hash(files: readonly HashedFile[], pieceLength: number, version: Metainfo['version'] = '1'): Promise<Hashed> {
  const disk = createFileDisk({ ...DEFAULT_FILE_DISK_OPTIONS, timers: realTimers });
  const progress: number[] = [];
  return new Promise((resolve) => {
    disk.hashPieces(
      files,
      pieceLength,
      version,
      (hashed) => progress.push(hashed),
      (outcome) => disk.close(() => resolve({ outcome, progress })),
    );
  });
}

async function inFolder(action: (dir: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'btget-hash-'));
  try {
    await action(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

describe('hashing files for a new torrent', () => {
  for (const [pieceLength, lengths] of [
    [16 * 1024, [100_000, 0, 5, 16_384, 70_001]],
    [1024 * 1024, [3_000_000, 6_000_000, 1]],
    [8 * 1024 * 1024, [9_000_000]],
  ] as const) {
    it(`gives the hashes of ${lengths.length} files in pieces of ${pieceLength} bytes`, () =>
      inFolder(async (dir) => {
        const content = Buffer.alloc(lengths.reduce<number>((sum, length) => sum + length, 0));
        seededRandom(1).bytes(5000).copy(content, 3);
        content.writeUInt32BE(77, content.length - 8);
        let begin = 0;
        const files = lengths.map((length, index) => {
          const path = join(dir, `${index}`);
          writeFileSync(path, content.subarray(begin, begin + length));
          begin += length;
          return { path, length };
        });
        const { outcome, progress } = await hash(files, pieceLength);
        assert.deepEqual(outcome, { ok: true, pieces: pieceHashes(content, pieceLength), pieceRoots: null });
        assert.equal(progress.at(-1), content.length);
        assert.deepEqual(
          progress,
          [...progress].sort((a, b) => a - b),
        );
      }));
  }

  for (const version of ['2', 'hybrid'] as const)
    for (const [pieceLength, lengths] of [
      [16 * 1024, [100_000, 0, 5, 16_384, 70_001, 16_385]],
      [64 * 1024, [1, 16_384, 16_385, 40_000, 65_535, 65_536, 65_537, 300_000, 0]],
      [1024 * 1024, [3_000_000, 6_000_000, 1]],
      [8 * 1024 * 1024, [9_000_000]],
      [16 * 1024, Array.from({ length: 700 }, (_, index) => index % 3)],
    ] as const)
      it(`gives those of version ${version} of ${lengths.length} files in pieces of ${pieceLength} bytes`, () =>
        inFolder(async (dir) => {
          const prefix = lengths.length === 1 ? '' : 'top/';
          const samples = lengths.map((length, index) => ({ path: `${prefix}${`${index}`.padStart(4, '0')}`, length }));
          const { metainfo, fileBytes } = v2Torrent(samples, pieceLength, version);
          const files = metainfo.files.flatMap((file, index) => {
            const path = join(dir, file.path.at(-1) ?? '');
            if (!file.padding) writeFileSync(path, fileBytes(index));
            return file.padding ? [] : [{ path, length: file.length }];
          });
          const { outcome, progress } = await hash(files, pieceLength, version);
          assert.deepEqual(outcome, { ok: true, pieces: metainfo.pieces, pieceRoots: metainfo.pieceRoots });
          assert.equal(
            progress.at(-1),
            lengths.reduce<number>((sum, length) => sum + length, 0),
          );
        }));

  it('takes zeros for padding, follows links, and reads no further than asked', () =>
    inFolder(async (dir) => {
      writeFileSync(join(dir, 'real'), 'abcdef');
      symlinkSync('real', join(dir, 'link'));
      const { outcome } = await hash(
        [
          { path: join(dir, 'link'), length: 4 },
          { path: null, length: 60_000 },
          { path: join(dir, 'real'), length: 6 },
        ],
        16 * 1024,
      );
      const content = Buffer.concat([Buffer.from('abcd'), Buffer.alloc(60_000), Buffer.from('abcdef')]);
      assert.deepEqual(outcome, { ok: true, pieces: pieceHashes(content, 16 * 1024), pieceRoots: null });
    }));

  it('gives no hashes for no bytes', async () => {
    const { outcome } = await hash([], 1024);
    assert.deepEqual(outcome, { ok: true, pieces: Buffer.alloc(0), pieceRoots: null });
  });

  it('fails when a file is not there, too short, or a folder', () =>
    inFolder(async (dir) => {
      writeFileSync(join(dir, 'short'), 'abc');
      mkdirSync(join(dir, 'folder'));
      const failures: string[] = [];
      for (const name of ['absent', 'short', 'folder']) {
        const { outcome } = await hash([{ path: join(dir, name), length: 10 }], 1024);
        assert.ok(!outcome.ok);
        failures.push(`${outcome.failure.code} ${outcome.failure.message.replace(dir, '')}`);
      }
      assert.deepEqual(failures, [
        'io /absent became shorter, or vanished, while it was read',
        'io /short became shorter, or vanished, while it was read',
        'cannot-open cannot open /folder: it is a folder, not a regular file',
      ]);
    }));

  it('stops soon and answers nothing more when it is cancelled', () =>
    inFolder(async (dir) => {
      const path = join(dir, 'long');
      writeFileSync(path, '');
      truncateSync(path, 2 ** 38);
      const disk = createFileDisk({ ...DEFAULT_FILE_DISK_OPTIONS, timers: realTimers });
      const log: string[] = [];
      await new Promise<void>((resolve) => {
        const hashing = disk.hashPieces(
          [{ path, length: 2 ** 38 }],
          1024 * 1024,
          '1',
          () => {
            log.push('progress');
            hashing.cancel();
            disk.close(() => {
              log.push('closed');
              resolve();
            });
          },
          () => log.push('done'),
        );
      });
      assert.deepEqual(log, ['progress', 'closed']);
    }));
});

describe('the disk of a process', () => {
  it('serves several torrents at once, each closed on its own', async () => {
    const folder = diskFolder();
    const torrents = ['a', 'b', 'c'].map((path, seed) => sampleTorrent([{ path, length: 5000 }], 1024, seed));
    const storages = torrents.map((torrent) => folder.open(torrent));
    for (let piece = 0; piece < 5; piece += 1) {
      await Promise.all(
        torrents.map((torrent, index) =>
          ask<CheckOutcome>((answered) =>
            storages[index]?.commitPiece(torrent.piece(piece), slotOf(torrent.bytesOf(piece)), answered),
          ),
        ),
      );
    }
    const [first, second, third] = storages;
    await ask<void>((answered) => first?.close(() => answered()));
    assert.deepEqual(await ask<DoneOutcome>((answered) => second?.finishFile(0, answered)), { ok: true });
    const piece = torrents[2]?.piece(4);
    assert.ok(piece !== undefined);
    assert.deepEqual(await ask<CheckOutcome>((answered) => third?.checkPiece(piece, answered)), {
      ok: true,
      matches: true,
    });
    assert.throws(() => first?.sync([], () => undefined), /closed/);
    await folder.end();
  });

  it('keeps a journal beside each target, and one lock for all torrents of the process with its name', async () => {
    const folder = diskFolder();
    const open = (): Target => folder.disk.openTarget({ dir: folder.dir, name: 'film', head: Buffer.from('jour') });
    const [one, other] = [open(), open()];
    const done = (asking: (answered: (outcome: DoneOutcome) => void) => void): Promise<DoneOutcome> => ask(asking);
    const isBusy = async (target: Target): Promise<boolean> => {
      const outcome = await done((answered) => target.lock.take([], answered));
      return !outcome.ok && outcome.failure.code === 'target-busy';
    };
    assert.deepEqual(await ask<JournalReadOutcome>((answered) => one.journal.read(answered)), {
      ok: true,
      found: null,
    });
    assert.ok(!(await isBusy(one)));
    assert.ok(!(await isBusy(other)));
    const stranger = diskFolder();
    const elsewhere = stranger.disk.openTarget({ dir: folder.dir, name: 'film', head: Buffer.from('jour') });
    assert.ok(await isBusy(elsewhere), 'another disk knows nothing of these torrents');
    await stranger.end();
    const text = Buffer.from('journal');
    assert.deepEqual(await done((answered) => one.journal.replace(text.subarray(0, 4), answered)), { ok: true });
    assert.deepEqual(await done((answered) => one.journal.append(text.subarray(4), true, answered)), { ok: true });
    assert.deepEqual(await done((answered) => one.lock.refresh(answered)), { ok: true });
    assert.deepEqual(readdirSync(folder.dir).sort(), ['film.btget', 'film.btget.lock']);
    const read = await ask<JournalReadOutcome>((answered) => other.journal.read(answered));
    assert.ok(read.ok);
    assert.deepEqual(read.found?.bytes, text);
    await done((answered) => one.lock.release(answered));
    assert.ok(readdirSync(folder.dir).includes('film.btget.lock'), 'the other has it still');
    await done((answered) => one.journal.remove(answered));
    await done((answered) => other.lock.release(answered));
    assert.ok(!existsSync(folder.dir), 'it was made for the lock, and is empty');
    const failed = await done((answered) => one.journal.append(text, true, answered));
    assert.ok(!failed.ok && failed.failure.code === 'cannot-open');
    await folder.end();
  });

  it('answers what is due and throws in a task when a worker dies of a bug, and starts another', async () => {
    const thrown: unknown[] = [];
    const timers = catchingTimers((error) => thrown.push(error));
    const workerModule = new URL('../../../support/disk/faulty-worker.js', import.meta.url);
    const folder = diskFolder({ timers, workerModule });
    const torrent = sampleTorrent([{ path: 'film', length: 10 }], 1024);
    const storage = folder.open(torrent);
    const commit = (): Promise<CheckOutcome> =>
      ask((answered) => storage.commitPiece(torrent.piece(0), slotOf(torrent.content), answered));
    for (let time = 0; time < 2; time += 1) {
      const outcome = await commit();
      assert.ok(!outcome.ok);
      assert.equal(outcome.failure.code, 'failed');
      assert.match(outcome.failure.message, /a disk worker died: a bug/);
    }
    assert.deepEqual(thrown.map(String), ['TypeError: a bug', 'TypeError: a bug']);
    await folder.end();
  });

  it('ends its hashing in the middle of a piece when told to, and hashes again when asked again', () =>
    inFolder(async (dir) => {
      const path = join(dir, 'sparse');
      writeFileSync(path, '');
      truncateSync(path, 2 ** 36);
      const disk = createFileDisk({ ...DEFAULT_FILE_DISK_OPTIONS, timers: realTimers });
      disk.startHashing();
      const progress: number[] = [];
      const outcome = await new Promise<PieceHashesOutcome>((resolve) => {
        disk.hashPieces([{ path, length: 2 ** 36 }], 2 ** 29, '1', (hashed) => progress.push(hashed), resolve);
        disk.stopHashing();
      });
      assert.ok(!outcome.ok);
      assert.deepEqual([outcome.failure.code, progress], ['interrupted', []]);
      const again = await new Promise<PieceHashesOutcome>((resolve) => {
        disk.hashPieces([{ path, length: 10 }], 2 ** 14, '1', () => undefined, resolve);
      });
      assert.deepEqual(again, { ok: true, pieces: sha1(Buffer.alloc(10)), pieceRoots: null });
      await new Promise<void>((resolve) => disk.close(resolve));
    }));

  it('lets the process end while it is idle, though it was not closed', () =>
    inFolder(async (dir) => {
      const module = fileURLToPath(new URL('../../../support/disk/idle-disk.js', import.meta.url));
      const { status, stdout, stderr } = spawnSync(process.execPath, [module, dir], { timeout: HANGS_AFTER });
      assert.deepEqual([status, stdout.toString(), stderr.toString()], [0, 'committed checked read hashed\n', '']);
    }));
});
