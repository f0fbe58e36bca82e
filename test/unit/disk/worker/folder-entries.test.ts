import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { FolderGone } from '../../../../src/disk/storage.js';
import { type FileOperations, systemFileOperations } from '../../../../src/disk/system/operations.js';
import { FileFlusher, type Flushed, MadeFolders } from '../../../../src/disk/worker/flusher.js';
import { FolderEntries } from '../../../../src/disk/worker/folder-entries.js';
import { systemError } from '../../../support/disk/disk-worker.js';
import { scratch } from '../../../support/disk/scratch.js';

interface Here {
  readonly above: string;
  readonly root: string;
  readonly entries: FolderEntries;
  /** The calls that change an entry, in their order. */
  readonly calls: string[];
  /** What is flushed, below the folder that holds the download folder. */
  flush(): Promise<string[]>;
}

function here(t: TestContext, given: Partial<FileOperations> = {}): Here {
  const above = scratch(t);
  const root = join(above, 'downloads');
  const calls: string[] = [];
  const flushed: string[] = [];
  const system = { ...systemFileOperations, ...given };
  const logged = (name: 'link' | 'rename') => (from: string, to: string) => {
    calls.push(name);
    system[name](from, to);
  };
  const operations: FileOperations = {
    ...system,
    link: logged('link'),
    rename: logged('rename'),
    unlink: (path) => {
      calls.push('unlink');
      system.unlink(path);
    },
    open: (path, access, follow) => {
      if (access === 'read') flushed.push(path.slice(above.length) || '/');
      return system.open(path, access, follow);
    },
  };
  const flusher = new FileFlusher(operations);
  const made = new MadeFolders(operations, flusher);
  const entries = new FolderEntries({ root, anchor: { id: null } }, made.operations, flusher, made);
  return {
    ...{ above, root, entries, calls },
    flush: async () => {
      const failure = await new Promise((resolve: Flushed) => entries.flush(resolve));
      assert.equal(failure, null);
      return flushed.splice(0).sort();
    },
  };
}

function put({ root, entries }: Here, path: string): void {
  entries.inNewFolders(path, () => writeFileSync(join(root, path), path));
}

describe('an entry of a folder', () => {
  it('is flushed with its folder, and so is each folder that was made for it', async (t) => {
    const disk = here(t);
    put(disk, 't/sub/film.part');
    assert.deepEqual(await disk.flush(), ['/', '/downloads', '/downloads/t', '/downloads/t/sub']);
    disk.entries.rename('t/sub/film.part', 't/sub/film', false);
    assert.deepEqual(await disk.flush(), ['/downloads/t/sub']);
    disk.entries.unlink('t/sub/film');
    disk.entries.makeLink('sub/film', 't/link');
    assert.deepEqual(await disk.flush(), ['/downloads/t', '/downloads/t/sub']);
    assert.deepEqual(await disk.flush(), []);
  });

  it('needs no flush where the file system flushes no folder, but any other failure counts, and so does that of a file', async (t) => {
    let code = 'EINVAL';
    const flush: FileOperations['flush'] = (_descriptor, answered) => answered(systemError(code, 'fdatasync'));
    const disk = here(t, { flush });
    put(disk, 't/film');
    await disk.flush();
    const flusher = new FileFlusher({ ...systemFileOperations, flush });
    const flushed = (path: string): Promise<string | undefined> =>
      new Promise((resolve) => flusher.flush(path, (failure) => resolve(failure?.code)));
    assert.equal(await flushed(join(disk.root, 't')), undefined);
    assert.equal(await flushed(join(disk.root, 't/film')), 'io');
    code = 'EIO';
    assert.equal(await flushed(join(disk.root, 't')), 'io');
  });

  it('that could not be changed has its folder flushed all the same', async (t) => {
    const unlink = (): never => {
      throw systemError('EIO', 'unlink');
    };
    const disk = here(t, { unlink });
    put(disk, 't/film');
    await disk.flush();
    assert.throws(() => disk.entries.unlink('t/film'), { code: 'io' });
    assert.deepEqual(await disk.flush(), ['/downloads/t']);
  });

  it('gets a free name as a second name before it loses the first, and replaces nothing unless told to', (t) => {
    const disk = here(t);
    for (const name of ['one', 'two', 'three']) put(disk, name);
    disk.entries.rename('one', 'free', false);
    assert.throws(() => disk.entries.rename('two', 'three', false), { code: 'foreign-file', message: /three exists/ });
    assert.deepEqual(readdirSync(disk.root).sort(), ['free', 'three', 'two']);
    disk.entries.rename('two', 'three', true);
    assert.deepEqual(disk.calls, ['link', 'unlink', 'link', 'rename']);
    assert.equal(readFileSync(join(disk.root, 'three'), 'utf8'), 'two');
  });

  it('gets no second name in a sticky folder, where we may be unable to remove it', (t) => {
    const disk = here(t);
    for (const name of ['t/one', 't/two']) put(disk, name);
    chmodSync(join(disk.root, 't'), 0o1777);
    disk.entries.rename('t/one', 't/free', false);
    assert.throws(() => disk.entries.rename('t/two', 't/free', false), { code: 'foreign-file' });
    assert.deepEqual(disk.calls, ['rename']);
    assert.deepEqual(readdirSync(join(disk.root, 't')).sort(), ['free', 'two']);
  });

  it('changes only in the folder that was made at first, not in another one at its path', (t) => {
    const disk = here(t);
    put(disk, 'film');
    renameSync(disk.root, join(disk.above, 'away'));
    mkdirSync(disk.root);
    writeFileSync(join(disk.root, 'film'), 'theirs');
    for (const change of [
      () => put(disk, 'other'),
      () => disk.entries.unlink('film'),
      () => disk.entries.rename('film', 'free', false),
      () => disk.entries.makeLink('film', 'link'),
    ])
      assert.throws(change, FolderGone);
    assert.deepEqual(readdirSync(disk.root), ['film']);
  });
});
