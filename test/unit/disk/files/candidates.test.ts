import assert from 'node:assert/strict';
import { chmodSync, openSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Candidate, CandidateHashOutcome, CandidatesOutcome, CopyOutcome } from '../../../../src/disk/storage.js';
import { systemFileOperations } from '../../../../src/disk/system/operations.js';
import { ask } from '../../../support/disk/file-disk.js';
import { scratch } from '../../../support/disk/scratch.js';
import { type StorageCase, withStorage } from '../../../support/disk/storage-case.js';
import { v2Torrent } from '../../../support/v2-torrent.js';

const KIB = 1024;
const TORRENT = v2Torrent(
  [
    { path: 't/a', length: 70 * KIB },
    { path: 't/b', length: 10 },
  ],
  32 * KIB,
  'hybrid',
);
const A = TORRENT.fileBytes(0);

/** Puts the bytes beside the download folder, and finds them there. */
async function candidateOf({ dir, storage, survey }: StorageCase, bytes: Buffer): Promise<Candidate> {
  await survey();
  writeFileSync(join(dir, '..', 'other'), bytes);
  const search = {
    folders: [{ path: join(dir, '..'), depth: 0 }],
    lengths: new Float64Array([bytes.length]),
    ...{ maxDepth: 2, pauseAfter: 100, maxNames: 100 },
  };
  const outcome = await ask<CandidatesOutcome>((answered) => storage.findCandidates(search, answered));
  assert.ok(outcome.ok);
  const [candidate] = outcome.found;
  assert.ok(candidate !== undefined);
  return candidate;
}

function hash({ storage, torrent }: StorageCase, piece: number, candidate: Candidate): Promise<CandidateHashOutcome> {
  return ask((answered) => storage.hashCandidate(torrent.piece(piece), candidate, answered));
}

function copy({ storage }: StorageCase, begin: number, length: number, candidate: Candidate): Promise<CopyOutcome> {
  return ask((answered) => storage.copyCandidate({ file: 0, begin, length }, candidate, begin === 0, answered));
}

describe('a candidate', () => {
  it('has the roots of the pieces that it holds', () =>
    withStorage(TORRENT, async (disk) => {
      const candidate = await candidateOf(disk, A);
      for (const piece of [0, 1, 2]) {
        const outcome = await hash(disk, piece, candidate);
        assert.deepEqual(outcome.ok && outcome.hash, TORRENT.layout.proofOf(TORRENT.piece(piece)).root);
      }
    }));

  it('is copied run by run, and what was copied is right where it lies', () =>
    withStorage(TORRENT, async (disk) => {
      const candidate = await candidateOf(disk, A);
      assert.deepEqual(await copy(disk, 0, 40 * KIB, candidate), { ok: true, copied: 40 * KIB, isShared: false });
      assert.deepEqual(await disk.check(0), { ok: true, matches: true });
      const rest = await copy(disk, 40 * KIB, 30 * KIB, candidate);
      assert.deepEqual(rest, { ok: true, copied: 30 * KIB, isShared: false });
      assert.deepEqual(disk.bytes('t/a.part'), A);
      assert.deepEqual(await disk.finish(0), { ok: true });
    }));

  it('that another file has replaced is neither hashed nor copied', () =>
    withStorage(TORRENT, async (disk) => {
      const candidate = await candidateOf(disk, A);
      writeFileSync(`${candidate.path}.new`, A);
      renameSync(`${candidate.path}.new`, candidate.path);
      assert.deepEqual(await hash(disk, 0, candidate), { ok: true, hash: null });
      assert.deepEqual(await copy(disk, 0, 10, candidate), { ok: true, copied: 0, isShared: false });
    }));

  it('that is gone, or shorter, gives what it has and no failure', () =>
    withStorage(TORRENT, async (disk) => {
      const candidate = await candidateOf(disk, A);
      writeFileSync(candidate.path, A.subarray(0, 33 * KIB));
      assert.deepEqual(await hash(disk, 1, candidate), { ok: true, hash: null });
      assert.deepEqual(await copy(disk, 0, 40 * KIB, candidate), { ok: true, copied: 33 * KIB, isShared: false });
      rmSync(candidate.path);
      assert.deepEqual(await hash(disk, 0, candidate), { ok: true, hash: null });
      assert.deepEqual(await copy(disk, 0, 10, candidate), { ok: true, copied: 0, isShared: false });
    }));

  it('that is the file itself is not copied', () =>
    withStorage(TORRENT, async (disk) => {
      const candidate = await candidateOf(disk, A);
      await copy(disk, 0, 40 * KIB, candidate);
      const { dev, ino } = statSync(disk.at('t/a.part'));
      const itself = { path: disk.at('t/a.part'), id: `${dev}:${ino}`, length: A.length };
      assert.deepEqual(await copy(disk, 0, 10, itself), { ok: true, copied: 0, isShared: false });
      assert.deepEqual(disk.bytes('t/a.part'), A.subarray(0, 40 * KIB));
    }));

  it('is not copied into a stranger’s file that has come to the part name', () =>
    withStorage(TORRENT, async (disk) => {
      const candidate = await candidateOf(disk, A);
      disk.put('t/a.part', 'a letter');
      const outcome = await copy(disk, 0, 10, candidate);
      assert.equal(outcome.ok ? null : outcome.failure.code, 'foreign-file');
      assert.equal(disk.bytes('t/a.part').toString(), 'a letter');
    }));
});

describe('to share bytes on the disk', () => {
  it('is refused when the mode of the file would let others write, and leaves the mode as it is', (test) => {
    const dir = scratch(test);
    const at = (name: string): string => join(dir, name);
    for (const [mode, made] of [
      [0o666, 0o600],
      [0o4755, 0o755],
      [0o755, 0o640],
    ] as const) {
      writeFileSync(at('from'), 'bytes');
      chmodSync(at('from'), mode);
      writeFileSync(at('to'), 'kept');
      chmodSync(at('to'), made);
      const isShared = systemFileOperations.share(openSync(at('from'), 'r'), openSync(at('to'), 'r+'));
      const { size, mode: now } = statSync(at('to'));
      assert.equal(now & 0o7777, made);
      if (mode !== 0o755) assert.deepEqual([isShared, size], [false, 4]);
      else assert.equal(size, isShared ? 5 : 0);
    }
  });
});
