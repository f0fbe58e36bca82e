import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filePath } from '../../../src/torrent/torrent-options.js';
import { makeMetainfo } from '../cli/support/fake-session.js';

test('the path of a file in messages is as people would write it', () => {
  const [file] = makeMetainfo('top').files;
  const named = (dir: string, outputName: string | null): string =>
    filePath({ ...file!, path: ['top', 'sub', 'x'] }, { dir, outputName });
  assert.deepEqual(
    [named('.', null), named('out', null), named('/', 'other'), named('a/b/', null)],
    ['top/sub/x', 'out/top/sub/x', '/other/sub/x', 'a/b/top/sub/x'],
  );
});
