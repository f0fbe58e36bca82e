import assert from 'node:assert/strict';
import {
  existsSync,
  linkSync,
  lstatSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { describe, it } from 'node:test';
import type { DoneOutcome, PassOverOutcome, SurveyOutcome } from '../../../../src/disk/storage.js';
import { ask } from '../../../support/disk/file-disk.js';
import { assertFailed, DONE, FILM, TREE, withStorage } from '../../../support/disk/storage-case.js';
import { sampleTorrent } from '../../../support/sample-torrent.js';

describe("a stranger's file under the part name", () => {
  it('that came after the survey is not written to: the download ends', () =>
    withStorage(FILM, async ({ put, survey, commit, bytes }) => {
      assert.deepEqual(await survey(), { ok: true, files: [{ found: 'absent', length: 0, bothNames: false }] });
      put('film.part', 'mine');
      assertFailed(await commit(0), 'foreign-file', /film\.part exists and is not this torrent's/);
      assertFailed(await commit(1), 'foreign-file', /film\.part exists/);
      assert.equal(bytes('film.part').toString(), 'mine');
    }));

  it('that came after the survey gives way when the user says so, and keeps its bytes under its other name', () =>
    withStorage(
      FILM,
      async ({ put, at, survey, commitAll, finish, bytes, torrent }) => {
        await survey();
        put('film.part', 'mine');
        linkSync(at('film.part'), at('other'));
        await commitAll();
        assert.deepEqual(await finish(0), DONE);
        assert.deepEqual(bytes('film'), torrent.content);
        assert.equal(bytes('other').toString(), 'mine');
      },
      { overwrite: true },
    ));

  it('that was not adopted gets no final name, though it has the length of the file', () =>
    withStorage(FILM, async ({ put, at, finish, bytes }) => {
      const theirs = Buffer.alloc(5100, 7);
      put('film.part', theirs);
      assertFailed(await finish(0), 'foreign-file', /film\.part exists and is not this torrent's/);
      assert.ok(!existsSync(at('film')));
      assert.deepEqual(bytes('film.part'), theirs);
    }));

  it('that holds nothing is ours', () =>
    withStorage(FILM, async ({ put, survey, commitAll, finish, bytes, torrent }) => {
      await survey();
      put('film.part', '');
      await commitAll();
      assert.deepEqual(await finish(0), DONE);
      assert.deepEqual(bytes('film'), torrent.content);
    }));

  it('that takes the place of a whole part gets no final name', () =>
    withStorage(FILM, async ({ storage, put, at, finish, bytes, torrent }) => {
      put('film.part', torrent.content);
      const survey = await ask<SurveyOutcome>((answered) => storage.survey(answered));
      const identity = (survey.ok && survey.files[0]?.identity) || assert.fail();
      const whole = { file: 0, identity, isWritten: false };
      assert.deepEqual(await ask<DoneOutcome>((answered) => storage.adoptFiles([whole], answered)), DONE);
      const theirs = Buffer.alloc(5100, 7);
      put('theirs', theirs);
      renameSync(at('theirs'), at('film.part'));
      assertFailed(await finish(0), 'io', /film\.part: somebody has replaced it/);
      assert.ok(!existsSync(at('film')));
      assert.deepEqual(bytes('film.part'), theirs);
    }));

  it('that takes the place of a part between survey and adoption is not adopted', () =>
    withStorage(FILM, async ({ storage, put, at, bytes, torrent }) => {
      put('film.part', torrent.bytesOf(0));
      const survey = await ask<SurveyOutcome>((answered) => storage.survey(answered));
      const identity = (survey.ok && survey.files[0]?.identity) || assert.fail();
      put('theirs', Buffer.alloc(5100, 7));
      renameSync(at('theirs'), at('film.part'));
      const part = { file: 0, identity, isWritten: true };
      const adopted = await ask<DoneOutcome>((answered) => storage.adoptFiles([part], answered));
      assertFailed(adopted, 'io', /film\.part: somebody has replaced it/);
      assert.deepEqual(bytes('film.part'), Buffer.alloc(5100, 7));
    }));

  it('that has got the inode of a part is not adopted, nor is a part that was cut', () =>
    withStorage(FILM, async ({ storage, put, at, torrent }) => {
      put('film.part', torrent.bytesOf(0));
      const survey = await ask<SurveyOutcome>((answered) => storage.survey(answered));
      const identity = (survey.ok && survey.files[0]?.identity) || assert.fail();
      const adopt = (bornAt: bigint): Promise<DoneOutcome> =>
        ask((answered) =>
          storage.adoptFiles([{ file: 0, identity: { ...identity, bornAt }, isWritten: true }], answered),
        );
      assertFailed(await adopt(identity.bornAt - 1n), 'io', /film\.part: somebody has replaced it/);
      truncateSync(at('film.part'), 1000);
      assertFailed(await adopt(identity.bornAt), 'io', /film\.part: somebody has cut it/);
    }));
});

describe('a file that lies under both of its names', () => {
  it('is the one under its final name while its part is passed over, whatever has the next part name', () =>
    withStorage(FILM, async ({ storage, put, at, survey, check, read, torrent }) => {
      put('film', torrent.content);
      put('film.part', 'theirs');
      put('film.1.part', 'theirs too');
      await survey();
      assert.deepEqual(await check(0), { ok: true, matches: false });
      const passed = await ask<PassOverOutcome>((answered) => storage.passOverParts([0], answered));
      assert.ok(passed.ok);
      assert.deepEqual(
        passed.files.map(({ found, length }) => [found, length]),
        [['final', 5100]],
      );
      assert.deepEqual(await check(0), { ok: true, matches: true });
      assert.deepEqual(await read(0), DONE);
      storage.useParts([0]);
      assert.deepEqual(await check(0), { ok: true, matches: false });
      assert.deepEqual(readdirSync(at('')).sort(), ['film', 'film.1.part', 'film.part']);
    }));

  it('loses only its part when that is removed, and nothing when there is none', () =>
    withStorage(FILM, async ({ storage, put, at, bytes }) => {
      put('film', 'mine');
      put('film.part', 'ours');
      const remove = (): Promise<DoneOutcome> => ask((answered) => storage.removePart(0, answered));
      assert.deepEqual(await remove(), DONE);
      assert.deepEqual(readdirSync(at('')), ['film']);
      assert.deepEqual(await remove(), DONE);
      assert.equal(bytes('film').toString(), 'mine');
    }));

  it('that lost its final name gets it back, unless another file has that name', () =>
    withStorage(FILM, async ({ storage, put, at, survey, demote, bytes, torrent }) => {
      const restore = (): Promise<DoneOutcome> => ask((answered) => storage.restoreFile(0, answered));
      put('film', torrent.bytesOf(0));
      await survey();
      assert.deepEqual(await demote(0), DONE);
      assert.deepEqual(readdirSync(at('')), ['film.part']);
      put('film', 'theirs');
      assertFailed(await restore(), 'foreign-file', /film exists/);
      assert.equal(bytes('film').toString(), 'theirs');
      rmSync(at('film'));
      assert.deepEqual(await restore(), DONE);
      assert.deepEqual(readdirSync(at('')), ['film']);
      assert.deepEqual(bytes('film'), torrent.bytesOf(0));
    }));
});

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

  it('keeps the mode that its owner gave it when it is whole', () =>
    withStorage(TREE, async ({ put, at, survey, finish, torrent }) => {
      put('t/sub/two', torrent.fileBytes(1));
      await survey();
      const { mode } = statSync(at('t/sub/two'));
      assert.deepEqual(await finish(1), DONE);
      assert.equal(statSync(at('t/sub/two')).mode, mode);
    }));

  it('may be the part itself, after a crash between the two steps of renaming', () =>
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

  it('under the part name does not keep a whole file from being taken back', () =>
    withStorage(FILM, async ({ put, demote, bytes }) => {
      put('film', 'one');
      put('film.part', 'two');
      assertFailed(await demote(0), 'io', /film\.part is beside it/);
      assert.deepEqual([bytes('film').toString(), bytes('film.part').toString()], ['one', 'two']);
    }));
});
