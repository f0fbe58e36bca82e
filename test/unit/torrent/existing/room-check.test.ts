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

const disk = (folder: string, free: number | null = null) => ({ folder, free });

const neededOn = (fileSystemOf: number[], files: number[], verified: number[], allocated: number[]) =>
  roomNeeded(metainfo, layout, { files: new Set(files) }, (piece) => verified.includes(piece), {
    allocated,
    fileSystemOf,
    fileSystems: [disk(''), disk('t/b'), disk('t/c')],
  });

const needed = (files: number[], verified: number[], allocated: number[]) =>
  neededOn([], files, verified, allocated)[0];

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
  assert.equal(noRoom([100], { fileSystems: [disk('', 100)] }, '.'), null);
  assert.equal(noRoom([Number.MAX_SAFE_INTEGER], { fileSystems: [disk('')] }, '.'), null);
  const failure = noRoom([3 << 20], { fileSystems: [disk('', 1 << 19)] }, 'out');
  assert.equal(failure?.code, 'disk-full');
  assert.equal(failure?.message, 'no room in out: 3.0 MiB are needed, 0.5 MiB are free');
});

test('what is needed and what is free never look alike', () => {
  const said = (length: number, free: number): string | undefined =>
    noRoom([length], { fileSystems: [disk('', free)] }, '.')?.message.replace('no room in .: ', '');
  assert.equal(said(5000, 0), '4.9 KiB are needed, 0.0 KiB are free');
  assert.equal(said((3 << 20) + 9000, 3 << 20), '3080.8 KiB are needed, 3072.0 KiB are free');
  assert.equal(said((3 << 20) + 1, 3 << 20), '3,145,729 B are needed, 3,145,728 B are free');
  assert.equal(said(7, 0), '7 B are needed, 0 B are free');
});

test('each file needs room on the file system on which it lies or will lie', () => {
  assert.deepEqual(neededOn([0, 1, 2], [0, 1, 2], [], []), [150, 130, 170]);
  assert.deepEqual(neededOn([1, 0, 1], [0, 1, 2], [], [0, 100, 70]), [30, 150 + 100, 0]);
});

test('the file system that is too small is the one that is named, and another one with more room is no help', () => {
  const fileSystems = [disk('', 1 << 30), disk('t/sub', 1 << 20)];
  assert.equal(noRoom([1 << 20, 1 << 20], { fileSystems }, 'out'), null);
  const message = 'no room in out/t/sub: 2.0 MiB are needed, 1.0 MiB are free';
  assert.equal(noRoom([1 << 20, 2 << 20], { fileSystems }, 'out')?.message, message);
  const small = { fileSystems: [disk('', 0), disk('t', 1 << 30)] };
  assert.equal(noRoom([0, 1 << 20], small, 'out'), null, 'nothing is needed of the first');
});
