/** Files that have other names elsewhere, and a download folder that is moved away with its disk. */
import assert from 'node:assert/strict';
import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { borderName } from '../../../../src/disk/names.js';
import type { DoneOutcome, SurveyOutcome, SyncOutcome } from '../../../../src/disk/storage.js';
import { ask } from '../../../support/disk/file-disk.js';
import { assertFailed, DONE, FILM, type StorageCase, TREE, withStorage } from '../../../support/disk/storage-case.js';
import { sampleTorrent } from '../../../support/sample-torrent.js';

/** Makes a file of another user, for which `path` below the download folder is a second name. */
function plant({ dir, at }: StorageCase, path: string, bytes: Buffer | string): string {
  const victim = join(dir, '..', 'victim');
  mkdirSync(join(at(path), '..'), { recursive: true });
  writeFileSync(victim, bytes);
  linkSync(victim, at(path));
  return victim;
}

const SHARED = /film(\.part)? has names elsewhere \(hard links\), and nothing is written through them/;

describe('a file that has other names elsewhere', () => {
  for (const [what, bytes] of [
    ['that holds nothing', Buffer.alloc(0)],
    ['of zeros', Buffer.alloc(5100)],
    ['of which a part is right', Buffer.concat([FILM.content.subarray(0, 2048), Buffer.alloc(3052, 7)])],
  ] as const) {
    it(`${what}, and was there at the start, is not written to: the download ends`, () =>
      withStorage(FILM, async (disk) => {
        const victim = plant(disk, 'film.part', bytes);
        assertFailed(await disk.adopt(0), 'foreign-file', SHARED);
        assert.deepEqual(readFileSync(victim), bytes);
        assert.equal(statSync(victim).nlink, 2);
      }));

    it(`${what} is replaced by a copy when the user says so`, () =>
      withStorage(
        FILM,
        async (disk) => {
          const victim = plant(disk, 'film.part', bytes);
          assert.deepEqual(await disk.adopt(0), DONE);
          assert.deepEqual(disk.bytes('film.part'), bytes);
          await disk.commitAll();
          assert.ok((await disk.read(0)).ok);
          assert.deepEqual(await disk.finish(0), DONE);
          assert.deepEqual(disk.bytes('film'), FILM.content);
          assert.deepEqual(readFileSync(victim), bytes);
        },
        { overwrite: true },
      ));
  }

  it('is written to when it has only its own two names, as a crash leaves them, and not with a third', async () => {
    for (const hasThird of [false, true])
      await withStorage(FILM, async (disk) => {
        disk.put('film.part', FILM.bytesOf(0));
        linkSync(disk.at('film.part'), disk.at('film'));
        if (hasThird) linkSync(disk.at('film.part'), join(disk.dir, '..', 'victim'));
        const adopted = await disk.adopt(0);
        if (hasThird) assertFailed(adopted, 'foreign-file', SHARED);
        else assert.deepEqual(adopted, DONE);
      });
  });

  it('that came after the survey is not written to', () =>
    withStorage(FILM, async (disk) => {
      await disk.survey();
      const victim = plant(disk, 'film.part', '');
      assertFailed(await disk.commit(0), 'foreign-file', SHARED);
      assert.equal(readFileSync(victim).length, 0);
    }));

  for (const bytes of ['', 'theirs'])
    it(`that came after the survey is replaced when the user says so (${bytes.length} bytes)`, async () => {
      for (const partNames of [true, false])
        await withStorage(
          FILM,
          async (disk) => {
            await disk.survey();
            const victim = plant(disk, partNames ? 'film.part' : 'film', bytes);
            await disk.commitAll();
            assert.deepEqual(await disk.finish(0), DONE);
            assert.equal(readFileSync(victim, 'utf8'), bytes);
            assert.deepEqual(disk.bytes('film'), FILM.content);
          },
          { overwrite: true, partNames },
        );
    });

  it('that came under the final name is not written to without part names: our copy grows beside it', () =>
    withStorage(
      FILM,
      async (disk) => {
        await disk.survey();
        const victim = plant(disk, 'film', '');
        await disk.commitAll();
        assertFailed(await disk.finish(0), 'foreign-file', /film exists and is not this torrent's/);
        assert.equal(readFileSync(victim).length, 0);
        assert.deepEqual(disk.bytes('film.part'), FILM.content);
      },
      { partNames: false },
    ));

  it('that has the name of our border file is replaced by a copy', () => {
    const torrent = sampleTorrent(
      [
        { path: 't/a', length: 1500 },
        { path: 't/b', length: 1500 },
      ],
      1000,
    );
    return withStorage(
      torrent,
      async (disk) => {
        await disk.survey();
        const border = borderName('t', torrent.metainfo.infoHash);
        const victim = plant(disk, border, 'theirs');
        assert.ok((await disk.commit(1)).ok);
        assert.equal(readFileSync(victim, 'utf8'), 'theirs');
        assert.equal(statSync(disk.at(border)).nlink, 1);
        assert.ok((await disk.read(1)).ok);
      },
      { selected: new Set([0]) },
    );
  });

  it('keeps its mode', () =>
    withStorage(TREE, async (disk) => {
      const victim = plant(disk, 't/sub/two', TREE.fileBytes(1));
      const { mode } = statSync(victim);
      await disk.survey();
      assert.deepEqual(await disk.finish(1), DONE);
      assert.equal(statSync(victim).mode, mode);
    }));

  it('keeps its mode when it is a whole part of ours', () =>
    withStorage(TREE, async (disk) => {
      const { storage } = disk;
      const victim = plant(disk, 't/sub/two.part', TREE.fileBytes(1));
      const { mode } = statSync(victim);
      const survey = await ask<SurveyOutcome>((answered) => storage.survey(answered));
      const identity = (survey.ok && survey.files[1]?.identity) || assert.fail();
      const whole = { file: 1, identity, isWritten: false };
      assert.deepEqual(await ask<DoneOutcome>((answered) => storage.adoptFiles([whole], answered)), DONE);
      assert.deepEqual(await disk.finish(1), DONE);
      assert.equal(statSync(disk.at('t/sub/two')).ino, statSync(victim).ino);
      assert.equal(statSync(victim).mode, mode);
    }));

  it('is hashed and read', () =>
    withStorage(FILM, async (disk) => {
      plant(disk, 'film', FILM.content);
      await disk.survey();
      assert.deepEqual(await disk.check(0), { ok: true, matches: true });
      assert.deepEqual(await disk.read(0), DONE);
      assert.deepEqual(await disk.finish(0), DONE);
      assert.equal(statSync(disk.at('film')).nlink, 2);
    }));
});

describe('a download folder that was moved away', () => {
  const GONE = /downloads is not the folder that it was at the start: is its disk unmounted\?/;

  /** Runs `action` on a download that has a piece in `t/one` and whose folder was moved away; `back` brings it back. */
  function withLost(action: (disk: StorageCase, back: () => void) => Promise<void>): Promise<void> {
    return withStorage(TREE, async (disk) => {
      mkdirSync(disk.dir);
      await disk.survey();
      assert.ok((await disk.commit(0)).ok);
      renameSync(disk.dir, `${disk.dir}.away`);
      await action(disk, () => {
        rmSync(disk.dir, { recursive: true, force: true });
        renameSync(`${disk.dir}.away`, disk.dir);
      });
    });
  }

  for (const what of ['nothing', 'another folder'] as const)
    it(`gets nothing made in its place, and the download goes on when it is back: ${what} has its path`, () =>
      withLost(async (disk, back) => {
        if (what !== 'nothing') mkdirSync(disk.dir);
        // The first file is open. The second one would have to be made, with the folder above it.
        assertFailed(await disk.commit(0), 'io', GONE);
        assertFailed(await disk.commit(2), 'io', GONE);
        assertFailed(await disk.finish(0), 'io', GONE);
        assertFailed(await disk.survey(), 'io', GONE);
        assertFailed(await ask<SyncOutcome>((answered) => disk.storage.sync([], answered)), 'io', GONE);
        assert.ok(what === 'nothing' ? !existsSync(disk.dir) : !existsSync(disk.at('t')));
        back();
        await disk.commitAll();
        assert.deepEqual(await disk.finish(0), DONE);
        assert.deepEqual(disk.bytes('t/one'), TREE.fileBytes(0));
      }));

  it('gets no file finished in the folder that has its place', () =>
    withStorage(TREE, async (disk) => {
      disk.put('t/sub/two', TREE.fileBytes(1));
      await disk.survey();
      renameSync(disk.dir, `${disk.dir}.away`);
      disk.put('t/sub/two', TREE.fileBytes(1));
      assertFailed(await disk.finish(1), 'io', GONE);
    }));

  it('lets files be read that are open, and no others', () =>
    withLost(async (disk, back) => {
      back();
      assert.deepEqual(await disk.read(0), DONE);
      renameSync(disk.dir, `${disk.dir}.away`);
      mkdirSync(disk.at('t'), { recursive: true });
      writeFileSync(disk.at('t/one.part'), Buffer.alloc(1500, 's'));
      assert.deepEqual(await disk.read(0), DONE);
      const { storage } = disk;
      assert.deepEqual(await ask<DoneOutcome>((answered) => storage.useParts([0]) ?? answered(DONE)), DONE);
      assertFailed(await disk.read(0), 'io', GONE);
    }));

  it('gets no journal made in its place', () =>
    withLost(async (disk, back) => {
      const { journal } = disk.disk.openTarget({ dir: disk.dir, name: 't', head: Buffer.from('o') });
      assertFailed(await ask<DoneOutcome>((answered) => journal.replace(Buffer.from('one'), answered)), 'io', GONE);
      assert.ok(!existsSync(disk.dir));
      back();
      assert.deepEqual(await ask<DoneOutcome>((answered) => journal.replace(Buffer.from('one'), answered)), DONE);
      renameSync(disk.dir, `${disk.dir}.away`);
      const append = (): Promise<DoneOutcome> => ask((answered) => journal.append(Buffer.from('two'), true, answered));
      assertFailed(await append(), 'io', GONE);
      mkdirSync(disk.dir);
      assertFailed(await append(), 'io', GONE);
      back();
      assert.deepEqual(disk.bytes('t.btget'), Buffer.from('one'));
    }));
});
