import assert from 'node:assert/strict';
import { test } from 'node:test';
import { neededLayers } from '../../../../src/torrent/existing/needed-layers.js';

const V2 = { version: '2', missingLayers: [0, 2, 4] } as const;
const HYBRID = { ...V2, version: 'hybrid' } as const;
const files = (...indices: readonly number[]): ReadonlySet<number> => new Set(indices);

test('a download needs the layers of its wanted files, whatever is on the disk', () => {
  for (const torrent of [V2, HYBRID])
    for (const present of [null, files(), files(0, 1)]) {
      assert.deepEqual(neededLayers(torrent, files(0, 1, 3, 4), 'download', present), [0, 4]);
      assert.deepEqual(neededLayers(torrent, files(1, 3), 'download', present), []);
    }
});

test('a seed needs no layer before it has looked at the disk, and none of files that are not there', () => {
  for (const torrent of [V2, HYBRID])
    for (const present of [null, files(), files(1), files(2)])
      assert.deepEqual(neededLayers(torrent, files(0, 1, 3, 4), 'seed', present), []);
});

test('a seed of version 2 needs the layers of files that are there when it can serve nothing without them', () => {
  assert.deepEqual(neededLayers(V2, files(0, 1, 2), 'seed', files(0)), [0]);
  assert.deepEqual(neededLayers(V2, files(0, 1, 2), 'seed', files(0, 3)), [0]);
  assert.deepEqual(neededLayers(V2, files(0, 1, 2), 'seed', files(0, 1)), []);
});

test('a seed of a hybrid needs the layers of all wanted files that are there: version 1 may prove them', () => {
  assert.deepEqual(neededLayers(HYBRID, files(0, 1, 2), 'seed', files(0, 1, 4)), [0]);
});
