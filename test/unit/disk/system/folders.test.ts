import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, realpathSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeFolderAndParents } from '../../../../src/disk/system/folders.js';
import { scratch } from '../../../support/disk/scratch.js';

function folder(t: TestContext): string {
  return realpathSync(scratch(t));
}

test('a folder is made with the folders above it, and the first new one is returned', (t) => {
  const root = folder(t);
  assert.equal(makeFolderAndParents(join(root, 'a/b/c')), join(root, 'a'));
  assert.equal(makeFolderAndParents(join(root, 'a/b/d')), join(root, 'a/b/d'));
  assert.equal(makeFolderAndParents(join(root, 'a/b/d')), undefined);
  assert.deepEqual(readdirSync(join(root, 'a/b')), ['c', 'd']);
  makeFolderAndParents(join(root, 'p/q'), 0o700);
  for (const path of ['p', 'p/q']) assert.equal(statSync(join(root, path)).mode & 0o777, 0o700, path);
});

test('a link to a folder is as good as a folder', (t) => {
  const root = folder(t);
  mkdirSync(join(root, 'real'));
  symlinkSync('real', join(root, 'link'));
  assert.equal(makeFolderAndParents(join(root, 'link/a')), join(root, 'link/a'));
  assert.deepEqual(readdirSync(join(root, 'real')), ['a']);
});

test("something in the way ends it with the system's error", (t) => {
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
    [`new/below/${'n'.repeat(300)}`, /^ENAMETOOLONG$/],
  ];
  for (const [path, code] of rows)
    assert.throws(
      () => makeFolderAndParents(join(root, path)),
      (error: NodeJS.ErrnoException) => {
        assert.match(error.code ?? '', code, path);
        return true;
      },
    );
  assert.deepEqual(readdirSync(root).sort(), ['dangling', 'file', 'loop'], 'nothing was made beside it');
});
