import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeFolderAndParents, makeFolderAndParentsLater } from '../../../src/disk/file-folders.js';

function folder(t: TestContext): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'btget-folders-')));
  t.after(() => rmSync(root, { recursive: true }));
  return root;
}

const WAYS = {
  'at once': async (path: string) => makeFolderAndParents(path),
  later: (path: string) => makeFolderAndParentsLater(path, 0o700),
} as const;

for (const [way, make] of Object.entries(WAYS)) {
  test(`folders are made one in the other, ${way}, and the first new one is told`, async (t) => {
    const root = folder(t);
    assert.equal(await make(join(root, 'a/b/c')), join(root, 'a'));
    assert.equal(await make(join(root, 'a/b/d')), join(root, 'a/b/d'));
    assert.equal(await make(join(root, 'a/b/d')), undefined);
    assert.deepEqual(readdirSync(join(root, 'a/b')), ['c', 'd']);
    if (way === 'later') assert.equal(statSync(join(root, 'a/b')).mode & 0o777, 0o700);
  });

  test(`a link to a folder is as good as a folder, ${way}`, async (t) => {
    const root = folder(t);
    mkdirSync(join(root, 'real'));
    symlinkSync('real', join(root, 'link'));
    assert.equal(await make(join(root, 'link/a')), join(root, 'link/a'));
    assert.deepEqual(readdirSync(join(root, 'real')), ['a']);
  });

  test(`what is in the way ends it with the system's word, ${way}`, async (t) => {
    const root = folder(t);
    writeFileSync(join(root, 'file'), '');
    symlinkSync('nowhere', join(root, 'dangling'));
    symlinkSync('loop', join(root, 'loop'));
    const rows: readonly [path: string, code: RegExp][] = [
      ['file', /^EEXIST$/],
      ['file/a', /^EEXIST$|^ENOTDIR$/],
      ['file/a/b/c', /^EEXIST$|^ENOTDIR$/],
      ['dangling', /^EEXIST$/],
      ['dangling/a/b', /^EEXIST$|^ENOENT$/],
      ['loop/a', /^ELOOP$/],
      [`${'n'.repeat(300)}/a`, /^ENAMETOOLONG$/],
    ];
    for (const [path, code] of rows)
      await assert.rejects(make(join(root, path)), (error: NodeJS.ErrnoException) => {
        assert.match(error.code ?? '', code, path);
        return true;
      });
    assert.deepEqual(readdirSync(root).sort(), ['dangling', 'file', 'loop'], 'nothing was made beside it');
  });
}
