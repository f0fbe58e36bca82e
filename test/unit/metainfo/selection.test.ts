import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BtgetError } from '../../../src/base/failure.js';
import type { Metainfo } from '../../../src/metainfo/metainfo.js';
import { type SelectionRequest, selectFiles } from '../../../src/metainfo/selection.js';

const file = (path: string, padding = false) => ({ path: path.split('/'), padding });
const metainfo = {
  name: 'T',
  files: [
    file('T/readme.txt'),
    file('T/video/one.mkv'),
    file('.pad/17', true),
    file('T/video/two.mkv'),
    file('T/video/extra/[x].mkv'),
    file('T/9'),
  ],
} as unknown as Metainfo;

const selected = (request: Partial<SelectionRequest>) => [
  ...selectFiles(metainfo, { select: [], exclude: [], ranges: null, ...request }),
];
const refusal = (request: Partial<SelectionRequest>) => {
  try {
    selected(request);
  } catch (error) {
    if (error instanceof BtgetError && error.code === 'usage') return error.message;
    throw error;
  }
  return assert.fail('not refused');
};

test('without a selection every file is wanted, but never a pad file', () => {
  assert.deepEqual(selected({}), [0, 1, 3, 4, 5]);
});

test('numbers are those that show prints: from 1, without pad files', () => {
  assert.deepEqual(selected({ select: ['1,3-4'] }), [0, 3, 4]);
  assert.deepEqual(selected({ select: ['2'], exclude: ['5'] }), [1]);
});

test('globs without a slash match names of files and folders anywhere, those with a slash match paths', () => {
  assert.deepEqual(selected({ select: ['*.mkv'] }), [1, 3, 4]);
  assert.deepEqual(selected({ select: ['video'] }), [1, 3, 4]);
  assert.deepEqual(selected({ select: ['video/*.mkv'] }), [1, 3]);
  assert.deepEqual(selected({ select: ['T/video/*.mkv'] }), [1, 3]);
  assert.deepEqual(selected({ select: ['video/**/*.mkv'] }), [1, 3, 4]);
  assert.deepEqual(selected({ select: ['video/'], exclude: ['extra'] }), [1, 3]);
  assert.deepEqual(selected({ select: ['\\[x].mkv', '[!a-zT]'] }), [4, 5]);
  assert.deepEqual(selected({ exclude: ['?ne.mkv', 'readme.*'] }), [3, 4, 5]);
});

test('the ranges of a magnet link count only when nothing else is selected', () => {
  const ranges = [{ first: 2, last: 3 }];
  assert.deepEqual(selected({ ranges }), [3]);
  assert.deepEqual(selected({ ranges, select: ['1'] }), [0]);
});

test('a selection that matches nothing is refused, and the message names it', () => {
  assert.equal(refusal({ select: ['6'] }), '--select: there is no file 6: the torrent has 5');
  assert.equal(refusal({ exclude: ['0'] }), '--exclude: there is no file 0: the torrent has 5');
  assert.equal(refusal({ select: ['3-2'] }), '--select: the range 3-2 ends before it begins');
  assert.equal(refusal({ select: ['*.avi'] }), '--select: no file of T matches *.avi');
  assert.equal(refusal({ exclude: ['*'] }), 'no file of T is selected');
  assert.equal(refusal({ ranges: [{ first: 2, last: 2 }] }), 'no file of T is selected');
});
