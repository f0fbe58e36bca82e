import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noRoom, roomNeeded } from '../../../../src/torrent/existing/disk-preparation.js';
import { sampleTorrent } from '../../../support/sample-torrent.js';

const { metainfo, layout } = sampleTorrent(
  [
    { path: 't/a', length: 150 },
    { path: 't/b', length: 130 },
    { path: 't/c', length: 170 },
  ],
  100,
);

const needed = (files: number[], verified: number[], allocated: number[]): number =>
  roomNeeded(metainfo, layout, { files: new Set(files) }, (piece) => verified.includes(piece), allocated);

test('only wanted files need room', () => {
  assert.equal(needed([0, 1, 2], [], []), 450);
  assert.equal(needed([1], [], []), 130);
});

test('verified bytes need no room, even when the file system says that they take up little', () => {
  assert.equal(needed([0, 1], [0, 1], [0, 0, 0]), 80);
});

test('room that a file has already is not needed again, and room beyond its length does not count for others', () => {
  assert.equal(needed([0, 1], [], [100, 0, 0]), 50 + 130);
  assert.equal(needed([0, 1], [], [4096, 0, 0]), 130);
});

test('a disk that has enough room, or does not tell, stops no download', () => {
  assert.equal(noRoom(100, { free: 100 }, '.'), null);
  assert.equal(noRoom(Number.MAX_SAFE_INTEGER, { free: null }, '.'), null);
  const failure = noRoom(3 << 20, { free: 1 << 19 }, 'out');
  assert.equal(failure?.code, 'disk-full');
  assert.equal(failure?.message, 'no room in out: 3.0 MiB are needed, 0.5 MiB are free');
});
