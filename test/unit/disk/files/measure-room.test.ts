/** On which file systems the files of a torrent lie. The numbers of devices are made up: a test cannot mount anything. */
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { FilePlaces } from '../../../../src/disk/files/places.js';
import { measureRoom } from '../../../../src/disk/files/survey.js';
import type { StoragePlace, Told, Work } from '../../../../src/disk/protocol.js';
import type { DiskRoom } from '../../../../src/disk/storage.js';
import { type FileOperations, systemFileOperations } from '../../../../src/disk/system/operations.js';
import { hereWorker } from '../../../support/disk/disk-worker.js';
import { scratch } from '../../../support/disk/scratch.js';
import { sampleTorrent } from '../../../support/sample-torrent.js';

const { metainfo, layout } = sampleTorrent(
  [
    { path: 't/one', length: 1000 },
    { path: 't/sub/two', length: 1000 },
    { path: 't/sub/deep/three', length: 1000 },
    { path: 't/else/four', length: 1000 },
    { path: 't/link', symlink: 't/one' },
  ],
  1024,
);

interface Mount {
  readonly at: string;
  readonly device: string;
  readonly free: number;
}

/** The system with these file systems in it; a path is on the one that is mounted nearest above it. */
function mounted(mounts: readonly Mount[]): Partial<FileOperations> {
  const mountOf = (path: string): Mount => {
    const found = mounts.filter(({ at }) => path === at || path.startsWith(`${at}/`));
    return found.sort((one, other) => other.at.length - one.at.length)[0] ?? { at: '/', device: '1', free: 1 };
  };
  return {
    lookUp: (path) => {
      const facts = systemFileOperations.lookUp(path);
      return facts === undefined ? undefined : { ...facts, id: `${mountOf(path).device}:7` };
    },
    free: (path) => mountOf(systemFileOperations.realPath(path)).free,
  };
}

async function measure(root: string, mounts: readonly Mount[]): Promise<DiskRoom> {
  const worker = hereWorker(mounted(mounts.map((mount) => ({ ...mount, at: join(root, mount.at) }))));
  const place: StoragePlace & { anchor: { id: null } } = {
    ...{ id: 1, root, partNames: true, overwrite: false },
    anchor: { id: null },
  };
  const places = new FilePlaces(metainfo, layout, place, null, null);
  const ask = <K extends keyof Work>(
    kind: K,
    request: Work[K]['request'],
    answered: (told: Told<Work[K]['answer']>) => void,
  ): void => {
    void worker.ask(kind, request).then(answered);
  };
  const room = await new Promise<DiskRoom>((resolve) =>
    measureRoom({ files: metainfo.files, place, places, ask }, resolve),
  );
  await worker.ask('end', {});
  return room;
}

function folder(t: TestContext, ...folders: readonly string[]): string {
  const root = join(scratch(t), 'downloads');
  for (const each of folders) mkdirSync(join(root, each), { recursive: true });
  return root;
}

const ROOT = { at: '.', device: '2', free: 200 };

describe('the room for a torrent', () => {
  it('is that of one file system, also where the download folder is not there yet', async (t) => {
    const one = { fileSystemOf: [0, 0, 0, 0, 0], fileSystems: [{ folder: '', free: 200 }] };
    for (const root of [folder(t, 't/sub'), join(folder(t, 'above'), 'not/yet')]) {
      const { allocated, ...room } = await measure(root, [
        { ...ROOT, at: '..' },
        { ...ROOT, at: '../..' },
      ]);
      assert.deepEqual(room, one);
      assert.deepEqual(allocated, [0, 0, 0, 0, 0]);
    }
  });

  it('is told by the folder with which a file system begins, for files in folders that are not there yet too', async (t) => {
    const root = folder(t, 't/sub');
    const { fileSystemOf, fileSystems } = await measure(root, [ROOT, { at: 't/sub', device: '3', free: 300 }]);
    assert.deepEqual(fileSystemOf, [0, 1, 1, 0, 0]);
    assert.deepEqual(fileSystems, [
      { folder: '', free: 200 },
      { folder: 't/sub', free: 300 },
    ]);
  });

  it('counts a file system once that is met at two folders, or again below another one', async (t) => {
    const root = folder(t, 't/sub/deep', 't/else');
    const mounts = [ROOT, { at: 't/sub', device: '3', free: 300 }, { ...ROOT, at: 't/sub/deep' }];
    const met = await measure(root, [...mounts, { at: 't/else', device: '3', free: 300 }]);
    assert.deepEqual(met.fileSystemOf, [0, 1, 0, 1, 0]);
    assert.deepEqual(met.fileSystems, [
      { folder: '', free: 200 },
      { folder: 't/sub', free: 300 },
    ]);
  });

  it('is that behind a link to a folder', { skip: process.platform === 'win32' }, async (t) => {
    const root = folder(t, 't', 'store');
    symlinkSync('../store', join(root, 't/sub'));
    writeFileSync(join(root, 'store/two'), Buffer.alloc(1000, 1));
    const { fileSystemOf, fileSystems } = await measure(root, [ROOT, { at: 'store', device: '3', free: 300 }]);
    assert.deepEqual(fileSystemOf, [0, 1, 1, 0, 0]);
    assert.deepEqual(fileSystems[1], { folder: 't/sub', free: 300 });
  });
});
