import assert from 'node:assert/strict';
import { test } from 'node:test';
import { v2Torrent } from '../../support/v2-torrent.js';

const KIB = 1024;
const files = [
  { path: 'top/b', length: 100 * KIB + 1 },
  { path: 'top/a-b', length: 16 * KIB },
  { path: 'top/a/z', length: 70_000, executable: true },
  { path: 'top/empty' },
  { path: 'top/link', symlink: 'top/a/z' },
];

for (const version of ['2', 'hybrid'] as const) {
  test(`a sample torrent of version ${version} holds its files in the order of the tree, and their layers`, () => {
    const { metainfo, layers, fileBytes } = v2Torrent(files, 32 * KIB, version);
    const listed = metainfo.files.filter(({ padding }) => !padding);
    assert.equal(metainfo.version, version);
    assert.deepEqual(
      listed.map(({ path, length }) => [path.join('/'), length]),
      [
        ['top/a/z', 70_000],
        ['top/a-b', 16 * KIB],
        ['top/b', 100 * KIB + 1],
        ['top/empty', 0],
        ['top/link', 0],
      ],
    );
    assert.deepEqual(metainfo.missingLayers, []);
    assert.deepEqual(
      [...layers.values()].map(({ length }) => length / 32),
      [3, 4],
    );
    for (const [index, { length }] of metainfo.files.entries()) assert.equal(fileBytes(index).length, length);
  });
}

test('files whose names are numbers come in the order of the bytes of these names', () => {
  const named = ['10', '9', '1/2', '1/10', 'a'].map((name) => ({ path: `top/${name}`, length: 20 }));
  const { metainfo } = v2Torrent(named, 16 * KIB, '2');
  assert.deepEqual(
    metainfo.files.map(({ path }) => path.slice(1).join('/')),
    ['1/10', '1/2', '10', '9', 'a'],
  );
});
