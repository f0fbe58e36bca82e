import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changedNames } from '../../../src/metainfo/changed-names.js';
import { createMetainfo } from '../../../src/metainfo/create-metainfo.js';
import { parseMetainfo } from '../../../src/metainfo/parse-metainfo.js';

function changed(name: string, paths: readonly string[]): string[] {
  const bytes = createMetainfo({
    metaVersion: '1',
    name,
    content: paths.map((path) => ({ path: path.split('/'), length: 1, executable: false })),
    pieceLength: 16_384,
    pieces: Buffer.alloc(20),
    pieceRoots: null,
    trackers: [],
    webSeeds: [],
    private: false,
    source: null,
    comment: null,
    createdBy: null,
    createdAt: null,
  });
  return changedNames(parseMetainfo(bytes)).map(({ from, to }) => `${from.join('/')} -> ${to.join('/')}`);
}

test('names that every machine takes do not change', () => {
  assert.deepEqual(changed('t', ['a', 'b/.c', '漢', 'नमस्\u200dते']), []);
});

test('each name that changes is told once, the folder instead of all that is in it', () => {
  assert.deepEqual(changed('t', ['a\\b', 'c\nd/x', 'c\nd/y', 'e']), ['t/a\\b -> t/ab', 't/c\nd -> t/cd']);
  assert.deepEqual(changed('t\u200b', ['a', 'b']), ['t\u200b -> t']);
  assert.deepEqual(changed('t', ['\udcff']), ['t/\udcff -> t/_']);
});

test('names that differ only in case change too', () => {
  assert.deepEqual(changed('t', ['README', 'readme']), ['t/readme -> t/readme.1']);
});
