import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, test } from 'node:test';
import type { Metainfo } from '../../../../src/metainfo/metainfo.js';
import { parseMetainfo } from '../../../../src/metainfo/parse-metainfo.js';
import { type LocalFindings, LocalLayers } from '../../../../src/torrent/existing/local-layers.js';
import { DEFAULT_TORRENT_OPTIONS } from '../../../../src/torrent/torrent-options.js';
import { type DiskFolder, diskFolder } from '../../../support/disk/file-disk.js';
import { type V2SampleTorrent, v2Torrent } from '../../../support/v2-torrent.js';

const FILES = [
  { path: 'top/a', length: 5 * 32_768 + 1 },
  { path: 'top/b', length: 32_768 },
  { path: 'top/c', length: 7 * 32_768 },
  { path: 'top/d', length: 0 },
  { path: 'top/e', length: 2 * 32_768 },
];

function withoutLayers(sample: V2SampleTorrent): Metainfo {
  const begin = sample.torrent.indexOf('12:piece layers');
  return parseMetainfo(Buffer.concat([sample.torrent.subarray(0, begin), Buffer.from('e')]));
}

function write(folder: DiskFolder, sample: V2SampleTorrent, change: (path: string, bytes: Buffer) => Buffer | null) {
  for (const [index, { path, padding }] of sample.metainfo.files.entries()) {
    const name = path.join('/');
    const bytes = padding ? null : change(name, Buffer.from(sample.fileBytes(index)));
    if (bytes === null) continue;
    mkdirSync(dirname(folder.at(name)), { recursive: true });
    writeFileSync(folder.at(name), bytes);
  }
}

function find(
  folder: DiskFolder,
  metainfo: Metainfo,
  files = metainfo.missingLayers,
): Promise<LocalFindings & { local: LocalLayers }> {
  return new Promise((resolve) => {
    const options = { ...DEFAULT_TORRENT_OPTIONS, dir: folder.dir };
    const open: ConstructorParameters<typeof LocalLayers>[0] = (given) => folder.disk.openStorage(given);
    const local = new LocalLayers(open, metainfo, files, options, (found) => resolve({ ...found, local }));
  });
}

describe('piece layers of the files that are there', () => {
  for (const version of ['2', 'hybrid'] as const) {
    const sample = v2Torrent(FILES, 32_768, version);

    test(`are made of whole files, version ${version}`, async () => {
      const folder = diskFolder();
      write(folder, sample, (_path, bytes) => bytes);
      const { layers, local } = await find(folder, withoutLayers(sample));
      assert.deepEqual(layers, sample.layers);
      const length = 5 * 32_768 + 1 + 7 * 32_768 + 2 * 32_768;
      assert.deepEqual(local.progress, { checked: length, length });
      await folder.end();
    });

    test(`are made of a whole file beside a part of its name, version ${version}`, async () => {
      const folder = diskFolder();
      write(folder, sample, (_path, bytes) => bytes);
      writeFileSync(folder.at('top/a.part'), 'begun');
      mkdirSync(folder.at('top/c.part'));
      assert.deepEqual((await find(folder, withoutLayers(sample))).layers, sample.layers);
      assert.ok(existsSync(folder.at('top/a.part')));
      await folder.end();
    });

    test(`are not made of files that are missing, short or wrong, version ${version}`, async () => {
      const folder = diskFolder();
      write(folder, sample, (path, bytes) => {
        if (path === 'top/a') bytes[5 * 32_768] = (bytes[5 * 32_768] ?? 0) ^ 1;
        return path === 'top/c' ? bytes.subarray(1) : path === 'top/e' ? null : bytes;
      });
      const before = readdirSync(folder.dir, { recursive: true }).sort();
      const { layers, present } = await find(folder, withoutLayers(sample));
      assert.deepEqual(layers, new Map());
      const names = sample.metainfo.files.flatMap(({ path }, index) => (present.has(index) ? path.slice(1) : []));
      assert.deepEqual(names, ['a', 'b', 'c'], 'these have bytes all the same');
      assert.deepEqual(readdirSync(folder.dir, { recursive: true }).sort(), before, 'nothing is written');
      await folder.end();
    });
  }

  test('are made of the files that are asked for, and of no others', async () => {
    const folder = diskFolder();
    const sample = v2Torrent(FILES, 32_768, '2');
    write(folder, sample, (_path, bytes) => bytes);
    const asked = sample.metainfo.files.findIndex(({ path }) => path.at(-1) === 'c');
    const { layers, local } = await find(folder, withoutLayers(sample), [asked]);
    assert.deepEqual(layers, new Map([[asked, sample.layers.get(asked)]]));
    assert.equal(local.progress.length, 7 * 32_768);
    await folder.end();
  });

  test('are none where no folder is', async () => {
    const folder = diskFolder();
    const sample = v2Torrent(FILES, 32_768, '2');
    assert.deepEqual((await find(folder, withoutLayers(sample))).layers, new Map());
    await folder.end();
  });
});
