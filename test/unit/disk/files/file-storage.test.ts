import assert from 'node:assert/strict';
import { existsSync, lstatSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { Timers } from '../../../../src/base/clock.js';
import { FaultDomain } from '../../../../src/net/fault-domain.js';
import { diskFolder } from '../../../support/disk/file-disk.js';
import { assertFailed, DONE, FILM, TREE, withStorage } from '../../../support/disk/storage-case.js';
import { realTimers } from '../../../support/real-timers.js';
import { sampleTorrent } from '../../../support/sample-torrent.js';

describe('files of a torrent', () => {
  it('grow under their part names, and get their final names when they are finished', () =>
    withStorage(TREE, async ({ dir, commitAll, finish, bytes, torrent }) => {
      await commitAll();
      assert.deepEqual(readdirSync(dir, { recursive: true }).sort(), ['t', 't/one.part', 't/sub', 't/sub/two.part']);
      for (const file of [0, 1, 2, 3]) assert.deepEqual(await finish(file), DONE);
      assert.deepEqual(readdirSync(dir, { recursive: true }).sort(), [
        't',
        't/deep',
        't/deep/er',
        't/deep/er/link',
        't/empty',
        't/one',
        't/sub',
        't/sub/two',
      ]);
      assert.deepEqual(bytes('t/one'), torrent.fileBytes(0));
      assert.deepEqual(bytes('t/sub/two'), torrent.fileBytes(1));
      assert.equal(bytes('t/empty').length, 0);
    }));

  it('that are executable may be executed by every user that may read them; links are relative', () =>
    withStorage(TREE, async ({ at, commitAll, finish }) => {
      await commitAll();
      for (const file of [0, 1, 3]) await finish(file);
      const umask = process.umask();
      assert.equal(statSync(at('t/one')).mode & 0o777, 0o666 & ~umask);
      const readable = 0o666 & ~umask;
      assert.equal(statSync(at('t/sub/two')).mode & 0o777, readable | ((readable & 0o444) >> 2));
      assert.equal(readlinkSync(at('t/deep/er/link')), '../../sub/two');
      assert.equal(statSync(at('t/deep/er/link')).size, 3000);
    }));

  it('are saved under another name when there is an output name', () =>
    withStorage(
      TREE,
      async ({ at, commitAll, finish }) => {
        await commitAll();
        for (const file of [0, 1, 2, 3]) assert.deepEqual(await finish(file), DONE);
        assert.ok(existsSync(at('mine/deep/er/link')) && !existsSync(at('t')));
      },
      { output: 'mine' },
    ));

  it('are all absent where their folder is, and else are looked at one by one, when they are very many', () => {
    const many = Array.from({ length: 1200 }, (_, index) => ({ path: `t/${index}`, length: 10 }));
    return withStorage(sampleTorrent(many, 1024), async ({ put, survey }) => {
      const found = async (): Promise<readonly number[]> => {
        const outcome = await survey();
        assert.ok(outcome.ok);
        assert.equal(outcome.files.length, many.length);
        return outcome.files.flatMap((file, index) => (file.found === 'absent' ? [] : [index]));
      };
      assert.deepEqual(await found(), []);
      put('t/1150', Buffer.alloc(10));
      assert.deepEqual(await found(), [1150]);
    });
  });

  it('grow under their final names without part names', () =>
    withStorage(
      FILM,
      async ({ dir, commitAll, finish }) => {
        await commitAll();
        assert.deepEqual(readdirSync(dir), ['film']);
        assert.deepEqual(await finish(0), DONE);
        assert.deepEqual(readdirSync(dir), ['film']);
      },
      { partNames: false },
    ));

  it('are sparse while pieces are missing', () =>
    withStorage(sampleTorrent([{ path: 'film', length: 3_000_000 }], 16384), async ({ at, commit, torrent }) => {
      await commit(torrent.layout.pieceCount - 1);
      const { size, blocks } = statSync(at('film.part'));
      assert.equal(size, 3_000_000);
      assert.ok(blocks * 512 < 100_000);
    }));

  it('are finished again without harm', () =>
    withStorage(TREE, async ({ commitAll, finish, bytes, torrent }) => {
      await commitAll();
      for (const file of [0, 1, 2, 3, 0, 1, 2, 3]) assert.deepEqual(await finish(file), DONE);
      assert.deepEqual(bytes('t/sub/two'), torrent.fileBytes(1));
    }));

  it('go on from the part of an earlier run', () =>
    withStorage(FILM, async ({ put, at, survey, check, adopt, commit, finish, bytes, torrent }) => {
      put('film.part', Buffer.concat([torrent.bytesOf(0), Buffer.alloc(1024), torrent.bytesOf(2)]));
      assert.deepEqual(await survey(), { ok: true, files: [{ found: 'part', length: 3072, bothNames: false }] });
      assert.deepEqual(
        [await check(0), await check(1), await check(2), await check(3)].map(
          (outcome) => outcome.ok && outcome.matches,
        ),
        [true, false, true, false],
      );
      assert.deepEqual(await adopt(0), DONE);
      for (const piece of [1, 3, 4]) await commit(piece);
      assert.deepEqual(await finish(0), DONE);
      assert.deepEqual(bytes('film'), torrent.content);
      assert.ok(!existsSync(at('film.part')));
    }));

  it('found incomplete under their final names get the part name back, and keep their bytes', () =>
    withStorage(FILM, async ({ put, at, survey, check, demote, commit, finish, bytes, torrent }) => {
      put('film', torrent.content.subarray(0, 2048));
      assert.deepEqual(await survey(), { ok: true, files: [{ found: 'final', length: 2048, bothNames: false }] });
      assert.deepEqual(await check(1), { ok: true, matches: true });
      assert.deepEqual(await demote(0), DONE);
      assert.ok(!existsSync(at('film')));
      for (const piece of [2, 3, 4]) await commit(piece);
      assert.deepEqual(await finish(0), DONE);
      assert.deepEqual(bytes('film'), torrent.content);
    }));

  it('found whole stay as they are, even when they are read-only', () =>
    withStorage(FILM, async ({ put, at, finish, torrent, bytes }) => {
      put('film', torrent.content);
      const before = lstatSync(at('film'));
      assert.deepEqual(await finish(0), DONE);
      assert.deepEqual([lstatSync(at('film')).ino, lstatSync(at('film')).mtimeMs], [before.ino, before.mtimeMs]);
      assert.deepEqual(bytes('film'), torrent.content);
    }));

  it('that are too long are cut when they are finished, and not before', () =>
    withStorage(FILM, async ({ put, at, survey, adopt, commit, commitAll, finish, bytes, torrent }) => {
      put('film.part', Buffer.alloc(9000, 1));
      assert.deepEqual(await survey(), { ok: true, files: [{ found: 'part', length: 9000, bothNames: false }] });
      assert.deepEqual(await adopt(0), DONE);
      await commit(4);
      assert.equal(statSync(at('film.part')).size, 9000);
      await commitAll();
      assert.deepEqual(await finish(0), DONE);
      assert.deepEqual(bytes('film'), torrent.content);
    }));

  it('are not finished while they are too short', () =>
    withStorage(FILM, async ({ at, commit, finish }) => {
      await commit(0);
      assertFailed(await finish(0), 'io', /film\.part: it has 1024 of 5100 bytes/);
      assert.ok(!existsSync(at('film')));
    }));

  it('are not finished when nothing of them is there', () =>
    withStorage(FILM, async ({ finish, demote }) => {
      assertFailed(await finish(0), 'io', /film: it is not there/);
      assertFailed(await demote(0), 'io', /film: it is not there/);
    }));
});

describe('a storage that is closed', () => {
  it('does not go on with a survey or a measurement, and answers only its close', async () => {
    const folder = diskFolder();
    const storage = folder.open(TREE);
    const answers: string[] = [];
    storage.survey(() => answers.push('survey'));
    storage.measureRoom(() => answers.push('room'));
    await new Promise<void>((resolve) => storage.close(resolve));
    await folder.end();
    assert.deepEqual(answers, []);
  });
});

describe('a storage that was given a context', () => {
  it('answers in tasks of that context, and only its close after the context has ended', async () => {
    const folder = diskFolder();
    const failures: unknown[] = [];
    const context = new FaultDomain(realTimers, (error) => failures.push(error));
    const timers: Timers = { now: () => realTimers.now(), addTask: (task, delay) => context.addTask(task, delay) };
    const { metainfo, layout } = FILM;
    const storage = folder.disk.openStorage({
      ...{ timers, metainfo, layout, dir: folder.dir, output: null },
      ...{ partNames: true, overwrite: false, selected: null },
    });
    const bug = new Error('a bug');
    await new Promise<void>((resolve) =>
      storage.survey(() => {
        resolve();
        throw bug;
      }),
    );
    let answers = 0;
    storage.sync([], () => {
      answers += 1;
    });
    context.end();
    await new Promise<void>((resolve) => storage.close(resolve));
    assert.deepEqual([failures, answers], [[bug], 0]);
    await folder.end();
  });
});
