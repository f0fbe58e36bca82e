import assert from 'node:assert/strict';
import { existsSync, linkSync, lstatSync, readlinkSync, rmSync } from 'node:fs';
import { describe, it } from 'node:test';
import { sampleTorrent } from '../../support/sample-torrent.js';
import { assertFailed, DONE, FILM, TREE, withStorage } from '../../support/storage-case.js';

describe("a stranger's file under the final name", () => {
  it('is never touched, and the part stays', () =>
    withStorage(FILM, async ({ put, at, survey, commitAll, finish, bytes, torrent }) => {
      put('film', 'mine');
      await commitAll();
      assert.deepEqual(await survey(), {
        ok: true,
        files: [{ found: 'part', length: 5100, bothNames: false, hasFinalBeside: true }],
      });
      assertFailed(await finish(0), 'foreign-file', /film exists and is not this torrent's/);
      assert.equal(bytes('film').toString(), 'mine');
      assert.deepEqual(bytes('film.part'), torrent.content);
      rmSync(at('film'));
      assert.deepEqual(await finish(0), DONE);
    }));

  it('of the same length but other bytes is not touched either', () =>
    withStorage(FILM, async ({ put, commitAll, finish, bytes, torrent }) => {
      const other = Buffer.from(torrent.content);
      other[5099] = (other[5099] as number) ^ 1;
      put('film', other);
      await commitAll();
      assertFailed(await finish(0), 'foreign-file', /film exists/);
      assert.deepEqual(bytes('film'), other);
    }));

  it('is taken for the file when its bytes are the same', () =>
    withStorage(FILM, async ({ put, at, commitAll, finish, read, bytes, torrent }) => {
      await commitAll();
      await read(0);
      put('film', torrent.content);
      const before = lstatSync(at('film')).ino;
      assert.deepEqual(await finish(0), DONE);
      assert.equal(lstatSync(at('film')).ino, before);
      assert.ok(!existsSync(at('film.part')));
      assert.deepEqual(bytes('film'), torrent.content);
      assert.ok((await read(0)).ok);
    }));

  it('is the part itself after a crash between the two steps of renaming', () =>
    withStorage(FILM, async ({ at, commitAll, finish, bytes, torrent }) => {
      await commitAll();
      linkSync(at('film.part'), at('film'));
      assert.deepEqual(await finish(0), DONE);
      assert.ok(!existsSync(at('film.part')));
      assert.deepEqual(bytes('film'), torrent.content);
    }));

  it('is replaced when the user says so', () =>
    withStorage(
      FILM,
      async ({ put, commitAll, finish, bytes, torrent }) => {
        put('film', 'theirs');
        await commitAll();
        assert.equal(bytes('film').toString(), 'theirs');
        assert.deepEqual(await finish(0), DONE);
        assert.deepEqual(bytes('film'), torrent.content);
      },
      { overwrite: true },
    ));

  it('is not written into without part names: our own copy grows beside it', () =>
    withStorage(
      FILM,
      async ({ put, commitAll, finish, bytes }) => {
        put('film', Buffer.alloc(1500, 1));
        await commitAll();
        assert.deepEqual(bytes('film'), Buffer.alloc(1500, 1));
        assertFailed(await finish(0), 'foreign-file', /film exists/);
        assert.deepEqual(bytes('film'), Buffer.alloc(1500, 1));
      },
      { partNames: false },
    ));

  it('is written into without part names when it was found to be ours', () =>
    withStorage(
      FILM,
      async ({ put, commitAll, demote, finish, bytes, torrent }) => {
        put('film', torrent.content.subarray(0, 1500));
        assert.deepEqual(await demote(0), DONE);
        await commitAll();
        assert.deepEqual(await finish(0), DONE);
        assert.deepEqual(bytes('film'), torrent.content);
      },
      { partNames: false },
    ));

  it('is written into without part names when the user says so', () =>
    withStorage(
      FILM,
      async ({ put, commitAll, finish, bytes, torrent }) => {
        put('film', Buffer.alloc(9000, 1));
        await commitAll();
        assert.deepEqual(await finish(0), DONE);
        assert.deepEqual(bytes('film'), torrent.content);
      },
      { partNames: false, overwrite: true },
    ));

  it('is not emptied for an empty file', () =>
    withStorage(sampleTorrent([{ path: 'film' }], 1024), async ({ put, finish, bytes }) => {
      put('film', 'mine');
      assertFailed(await finish(0), 'foreign-file', /film exists/);
      assert.equal(bytes('film').toString(), 'mine');
    }));

  it('gives way to an empty file when the user says so', () =>
    withStorage(
      sampleTorrent([{ path: 'film' }], 1024),
      async ({ put, finish, bytes }) => {
        put('film', 'mine');
        assert.deepEqual(await finish(0), DONE);
        assert.equal(bytes('film').length, 0);
      },
      { overwrite: true },
    ));

  it('does not give way to a link, unless the user says so', async () => {
    await withStorage(TREE, async ({ put, finish, bytes }) => {
      put('t/deep/er/link', 'mine');
      assertFailed(await finish(3), 'foreign-file', /link exists/);
      assert.equal(bytes('t/deep/er/link').toString(), 'mine');
    });
    await withStorage(
      TREE,
      async ({ put, at, finish }) => {
        put('t/deep/er/link', 'mine');
        assert.deepEqual(await finish(3), DONE);
        assert.equal(readlinkSync(at('t/deep/er/link')), '../../sub/two');
      },
      { overwrite: true },
    );
  });

  it('that has both names, as a crash leaves it, keeps its part name and its bytes when it is taken back', () =>
    withStorage(FILM, async ({ put, at, survey, demote, commitAll, finish, bytes, torrent }) => {
      put('film.part', torrent.content.subarray(0, 1500));
      linkSync(at('film.part'), at('film'));
      assert.deepEqual(await survey(), { ok: true, files: [{ found: 'part', length: 1500, bothNames: true }] });
      assert.deepEqual(await demote(0), DONE);
      assert.ok(!existsSync(at('film')));
      assert.deepEqual(bytes('film.part'), torrent.content.subarray(0, 1500));
      await commitAll();
      assert.deepEqual(await finish(0), DONE);
      assert.deepEqual(bytes('film'), torrent.content);
      assert.ok(!existsSync(at('film.part')));
    }));

  it('under the part name is in nobody’s way when a whole file is taken back', () =>
    withStorage(FILM, async ({ put, demote, bytes }) => {
      put('film', 'one');
      put('film.part', 'two');
      assertFailed(await demote(0), 'io', /film\.part is beside it/);
      assert.deepEqual([bytes('film').toString(), bytes('film.part').toString()], ['one', 'two']);
    }));
});
