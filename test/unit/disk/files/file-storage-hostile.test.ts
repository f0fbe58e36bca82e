import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { DoneOutcome, SurveyOutcome } from '../../../../src/disk/storage.js';
import { readsOf } from '../../../support/disk/block-reads.js';
import { ask } from '../../../support/disk/file-disk.js';
import { assertFailed, DONE, FILM, TREE, withStorage } from '../../../support/disk/storage-case.js';
import { sampleTorrent } from '../../../support/sample-torrent.js';

describe('a planted name', () => {
  it('of a folder that is a link out of the download folder is not followed when it came after the survey', () =>
    withStorage(TREE, async ({ dir, at, commit, check, read, finish }) => {
      const outside = join(dir, '..', 'outside');
      mkdirSync(outside);
      mkdirSync(dir);
      symlinkSync(outside, at('t'));
      for (const outcome of [await commit(0), await read(0), await finish(0), await finish(3)]) {
        assertFailed(outcome, 'cannot-open', /\/t: it is a link that leaves/);
      }
      assert.deepEqual(await check(0), { ok: true, matches: false });
      writeFileSync(join(outside, 'one'), TREE.fileBytes(0));
      assertFailed(await check(0), 'cannot-open', /\/t: it is a link that leaves/);
      assert.deepEqual(readdirSync(outside), ['one']);
    }));

  it('of a file that is a link out of the download folder is not followed when it came after the survey', () =>
    withStorage(FILM, async ({ dir, at, commit, check, read, survey, demote, finish }) => {
      const outside = join(dir, '..', 'outside');
      writeFileSync(outside, FILM.content);
      mkdirSync(dir);
      symlinkSync(outside, at('film.part'));
      for (const outcome of [await survey(), await commit(0), await check(0), await read(0), await finish(0)]) {
        assertFailed(outcome, 'cannot-open', /film\.part: it is a symbolic link/);
      }
      renameSync(at('film.part'), at('film'));
      for (const outcome of [await check(0), await read(0), await finish(0), await demote(0)]) {
        assertFailed(outcome, 'cannot-open', /film: it is a symbolic link/);
      }
      assert.deepEqual(readFileSync(outside), FILM.content);
    }));

  it('that is a link within the download folder is followed: it is the user’s own choice', () =>
    withStorage(TREE, async ({ dir, at, commitAll, finish, bytes, torrent }) => {
      mkdirSync(join(dir, 'elsewhere'), { recursive: true });
      symlinkSync('elsewhere', at('t'));
      await commitAll();
      assert.deepEqual(await finish(1), DONE);
      assert.deepEqual(bytes('elsewhere/sub/two'), torrent.fileBytes(1));
    }));

  it('that is a pipe fails at once', () =>
    withStorage(FILM, async ({ dir, at, commit, check, read, survey, finish }) => {
      mkdirSync(dir);
      execFileSync('mkfifo', [at('film.part')]);
      for (const outcome of [await survey(), await commit(0), await check(0), await read(0), await finish(0)]) {
        assertFailed(outcome, 'cannot-open', /film\.part: it is a device, pipe or socket/);
      }
    }));

  it('that is a folder fails, even when the user wants to overwrite', () =>
    withStorage(
      FILM,
      async ({ at, commitAll, survey, finish }) => {
        mkdirSync(at('film'), { recursive: true });
        assertFailed(await survey(), 'cannot-open', /film: it is a folder/);
        await commitAll();
        assertFailed(await finish(0), 'cannot-open', /cannot rename .*film: .*\(E[A-Z]+\)/);
        assert.ok(existsSync(at('film.part')));
      },
      { overwrite: true },
    ));

  it('that is a link or a pipe is replaced, not followed, when the user wants to overwrite', () =>
    withStorage(
      FILM,
      async ({ dir, at, survey, commitAll, finish, bytes, torrent }) => {
        const outside = join(dir, '..', 'outside');
        writeFileSync(outside, 'theirs');
        mkdirSync(dir);
        symlinkSync(outside, at('film'));
        assert.deepEqual(await survey(), { ok: true, files: [{ found: 'absent', length: 0, bothNames: false }] });
        await commitAll();
        assert.deepEqual(await finish(0), DONE);
        assert.ok(lstatSync(at('film')).isFile());
        assert.deepEqual(bytes('film'), torrent.content);
        assert.equal(readFileSync(outside).toString(), 'theirs');
      },
      { overwrite: true },
    ));

  it('that is a file where a folder must be fails', () =>
    withStorage(TREE, async ({ put, commit, survey, read, finish, bytes }) => {
      put('t', 'a file');
      for (const outcome of [await survey(), await commit(0), await read(0), await finish(0), await finish(2)]) {
        assertFailed(outcome, 'cannot-open', /\/t: it is not a folder/);
      }
      assert.equal(bytes('t').toString(), 'a file');
    }));

  it('that is too long for the system fails', () =>
    withStorage(sampleTorrent([{ path: 'n'.repeat(254), length: 10 }], 1024), async ({ commit }) => {
      assertFailed(await commit(0), 'cannot-open', /\(ENAMETOOLONG\)/);
    }));
});

describe('a file that another program changes', () => {
  it('is not written to any more after it was deleted', () =>
    withStorage(FILM, async ({ at, commit, finish, torrent }) => {
      await commit(3);
      rmSync(at('film.part'));
      assertFailed(await commit(0), 'io', /film\.part: somebody has removed it/);
      writeFileSync(at('film.part'), torrent.content);
      assertFailed(await finish(0), 'io', /film\.part: somebody has removed it/);
    }));

  it('is not finished after it was replaced', () =>
    withStorage(FILM, async ({ at, commit, finish, torrent }) => {
      await commit(3);
      writeFileSync(at('other'), torrent.content);
      renameSync(at('other'), at('film.part'));
      assertFailed(await finish(0), 'io', /film\.part: somebody has replaced it/);
    }));

  it('is not finished after it was cut', () =>
    withStorage(FILM, async ({ at, commitAll, finish }) => {
      await commitAll();
      truncateSync(at('film.part'), 2000);
      assertFailed(await finish(0), 'io', /film\.part: somebody has cut it short/);
    }));

  it('is read as far as it goes, and a read beyond that fails', () =>
    withStorage(FILM, async ({ at, commitAll, finish, read, check }) => {
      await commitAll();
      await finish(0);
      assert.ok((await read(1)).ok);
      truncateSync(at('film'), 1500);
      assertFailed(await read(1), 'io', /film(\.part)?: it ends at byte 1500/);
      assert.deepEqual(await check(1), { ok: true, matches: false });
      assert.deepEqual(await check(0), { ok: true, matches: true });
      appendFileSync(at('film'), FILM.content.subarray(1500));
      assert.ok((await read(1)).ok);
    }));

  it('is not taken for right when another file took its name, though it was open', () =>
    withStorage(FILM, async ({ at, commitAll, finish, check }) => {
      await commitAll();
      await finish(0);
      assert.deepEqual(await check(0), { ok: true, matches: true });
      writeFileSync(at('other'), Buffer.alloc(5100));
      renameSync(at('other'), at('film'));
      assert.deepEqual(await check(0), { ok: true, matches: false });
    }));

  it('is not taken for right when it was deleted, though it was open', () =>
    withStorage(FILM, async ({ at, commitAll, finish, check }) => {
      await commitAll();
      await finish(0);
      assert.deepEqual(await check(0), { ok: true, matches: true });
      rmSync(at('film'));
      assert.deepEqual(await check(0), { ok: true, matches: false });
    }));
});

describe('many files', () => {
  it('share a bounded number of descriptors', () => {
    const torrent = sampleTorrent(
      Array.from({ length: 300 }, (_, index) => ({ path: `t/${index}`, length: 100 })),
      1000,
    );
    return withStorage(torrent, async ({ commitAll, storage, check, finish }) => {
      await commitAll();
      const spans = Array.from({ length: torrent.layout.pieceCount }, (_, piece) => ({
        piece: torrent.piece(piece),
        begin: 0,
        length: 1000,
      }));
      const reads = readsOf(spans);
      assert.deepEqual(await ask<DoneOutcome>((answered) => storage.readBlocks(reads, answered)), DONE);
      assert.deepEqual(Buffer.concat(reads.map(({ into }) => into)), torrent.content);
      for (let piece = 0; piece < torrent.layout.pieceCount; piece += 1) {
        assert.deepEqual(await check(piece), { ok: true, matches: true });
      }
      assert.ok(readdirSync('/proc/self/fd').length < 64 * 4 + 60);
      await Promise.all(torrent.metainfo.files.map((_, file) => finish(file)));
      const found = await ask<SurveyOutcome>((answered) => storage.survey(answered));
      assert.ok(found.ok && found.files.every((file) => file.found === 'final'));
    });
  });
});
