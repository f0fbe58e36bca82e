import assert from 'node:assert/strict';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { CandidateSearch } from '../../../../src/disk/storage.js';
import { systemFileOperations } from '../../../../src/disk/system/operations.js';
import { findCandidates } from '../../../../src/disk/worker/find-candidates.js';
import { systemError } from '../../../support/disk/disk-worker.js';
import { scratch } from '../../../support/disk/scratch.js';

function put(dir: string, path: string, length = 5): void {
  mkdirSync(join(dir, path, '..'), { recursive: true });
  writeFileSync(join(dir, path), Buffer.alloc(length));
}

function search(dir: string, limits: Partial<CandidateSearch> = {}, operations = systemFileOperations) {
  return findCandidates(operations, {
    folders: [{ path: dir, depth: 0 }],
    lengths: new Float64Array([5]),
    ...{ maxDepth: 9, pauseAfter: 1000, maxNames: 1000 },
    ...limits,
  });
}

function names(found: ReturnType<typeof search>): string[] {
  return found.found.map(({ path }) => basename(path)).sort();
}

test('files of the right length are found, and no parts, journals, links or other things', (t) => {
  const dir = scratch(t);
  for (const name of ['a', 'deep/er/b', 'c.part', 'C.PART', 'd.btget', 'd.btget.lock', '.d.0123abcd.btget-border'])
    put(dir, name);
  put(dir, 'longer', 6);
  symlinkSync(join(dir, 'a'), join(dir, 'link'));
  symlinkSync('/', join(dir, 'root'));
  const found = search(dir);
  assert.deepEqual(names(found), ['a', 'b']);
  assert.deepEqual([found.rest, found.isCut, found.unreadable], [[], false, []]);
});

test('a name that is no UTF-8 keeps its bytes', (t) => {
  const dir = scratch(t);
  writeFileSync(Buffer.concat([Buffer.from(`${dir}/`), Buffer.from([0x66, 0xff])]), Buffer.alloc(5));
  const [candidate] = search(dir).found;
  assert.equal(systemFileOperations.lookUp(candidate?.path ?? '')?.id, candidate?.id);
});

test('no folder below the bound is entered, and no more names of one folder are seen than asked for', (t) => {
  const dir = scratch(t);
  for (const name of ['one', '1/two', '1/2/three']) put(dir, name);
  const shallow = search(dir, { maxDepth: 1 });
  assert.deepEqual([names(shallow), shallow.isCut], [['one', 'two'], true]);
  for (let index = 0; index < 50; index += 1) put(dir, `many/${index}`);
  const few = search(join(dir, 'many'), { maxNames: 20 });
  assert.deepEqual([few.found.length, few.isCut], [20, true]);
});

test('a search pauses, and the rest of it finds the rest', (t) => {
  const dir = scratch(t);
  for (let folder = 0; folder < 30; folder += 1) put(dir, `${folder}/file`);
  let { found, rest } = search(dir, { pauseAfter: 40 });
  assert.ok(rest.length > 0 && found.length < 30);
  const all = [...found];
  for (let request = 0; rest.length > 0; request += 1) {
    assert.ok(request < 30);
    ({ found, rest } = search(dir, { folders: rest, pauseAfter: 10 }));
    all.push(...found);
  }
  assert.equal(new Set(all.map(({ path }) => path)).size, 30);
});

test('what goes away or may not be looked at is passed over; only a named folder is told of', (t: TestContext) => {
  const dir = scratch(t);
  for (const name of ['gone/x', 'kept/y', 'closed']) put(dir, name);
  const operations = {
    ...systemFileOperations,
    lookUp: (path: string) => {
      if (path.endsWith('/closed')) throw systemError('EACCES', 'lstat');
      const facts = systemFileOperations.lookUp(path);
      if (path.endsWith('/gone')) rmSync(path, { recursive: true });
      return facts;
    },
  };
  const found = search(dir, {}, operations);
  assert.deepEqual([names(found), found.unreadable], [['y'], []]);
  const folders = ['none', 'closed'].map((name) => ({ path: join(dir, name), depth: 0 }));
  const none = search(dir, { folders });
  assert.equal(none.unreadable.length, 2);
  assert.match(none.unreadable.join(), /closed is not a folder.*none: no such file or directory/s);
});
