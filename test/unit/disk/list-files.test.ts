import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { listFiles, listTogether, mustBeUnchanged } from '../../../src/disk/list-files.js';

const ALL = { torrent: null, exclude: [] };
const root = mkdtempSync(join(tmpdir(), 'btget-list-'));
after(() => rmSync(root, { recursive: true }));

function folder(name: string, files: readonly string[]): string {
  const dir = join(root, name);
  mkdirSync(dir);
  for (const file of files) {
    mkdirSync(dirname(join(dir, file)), { recursive: true });
    writeFileSync(join(dir, file), file);
  }
  return dir;
}

test('a folder is listed by the bytes of its names, hidden files and all, without the torrent itself', async () => {
  const dir = folder('sorted', ['b', 'a/z', 'a.txt', 'B', '.hidden', 'ü', 'a/.git/x', 'out.torrent', '漢']);
  const listing = await listFiles(dir, { torrent: join(dir, 'out.torrent'), exclude: [] });
  assert.deepEqual(
    listing.files.map((file) => file.path.join('/')),
    ['.hidden', 'B', 'a/.git/x', 'a/z', 'a.txt', 'b', 'ü', '漢'],
  );
  assert.deepEqual([listing.name, listing.isFolder, listing.leftOut], ['sorted', true, []]);
  const link = join(root, 'way');
  symlinkSync(dir, link);
  const other = await listFiles(link, { torrent: join(dir, 'out.torrent'), exclude: [] });
  assert.deepEqual(pathsOf(other), pathsOf(listing));
});

test('a single file is listed under its name', async () => {
  const dir = folder('single', ['tool']);
  chmodSync(join(dir, 'tool'), 0o755);
  const path = join(dir, 'tool');
  const { dev, ino, mtimeMs } = statSync(path);
  assert.deepEqual(await listFiles(path, ALL), {
    name: 'tool',
    isFolder: false,
    files: [{ path: ['tool'], from: path, length: 4, executable: true, id: `${dev}:${ino}`, changedAt: mtimeMs }],
    leftOut: [],
    unused: [],
  });
});

test('an empty path is wrong usage, not the current folder', async () => {
  const refused = { code: 'usage', message: 'a path is empty' };
  await assert.rejects(listFiles('', ALL), refused);
  await assert.rejects(listTogether([join(root, 'single'), ''], 'pack', ALL), refused);
});

test('a listed file is unchanged until it gets another length, time or inode, or is gone', async () => {
  const dir = folder(
    'changing',
    Array.from({ length: 70 }, (_, at) => `f${at}`),
  );
  symlinkSync('f69', join(dir, 'link'));
  const { files } = await listFiles(dir, ALL);
  chmodSync(join(dir, 'f0'), 0o600);
  await mustBeUnchanged(files);
  writeFileSync(join(dir, 'f69'), 'another');
  await assert.rejects(mustBeUnchanged(files.filter(({ path }) => path[0] !== 'f69')), {
    code: 'io',
    message: `${join(dir, 'link')} changed while it was read`,
  });
  await assert.rejects(mustBeUnchanged(files), { code: 'io', message: /\/(f69|link) changed while it was read$/ });
});

test('links are followed; something that is no file is left out, with the reason', async () => {
  const dir = folder('links', ['sub/x']);
  symlinkSync('sub', join(dir, 'twin'));
  symlinkSync('sub/x', join(dir, 'y'));
  symlinkSync('nowhere', join(dir, 'broken'));
  assert.equal(spawnSync('mkfifo', [join(dir, 'pipe')]).status, 0);
  const listing = await listFiles(dir, ALL);
  assert.deepEqual(
    listing.files.map((file) => file.path.join('/')),
    ['sub/x', 'twin/x', 'y'],
  );
  assert.deepEqual([...listing.leftOut].sort(), [
    `${join(dir, 'broken')} leads nowhere`,
    `${join(dir, 'pipe')} is neither a file nor a folder`,
  ]);
});

test('a folder that holds a link to itself, one without files, and one that is missing are refused', async () => {
  const loop = folder('loop', ['x']);
  symlinkSync('.', join(loop, 'again'));
  await assert.rejects(listFiles(loop, ALL), { code: 'cannot-open', message: /link to a folder that holds it/ });
  await assert.rejects(listFiles(folder('bare', []), ALL), { code: 'source-not-found', message: /holds no file/ });
  await assert.rejects(listFiles(join(root, 'missing'), ALL), { code: 'source-not-found' });
});

const pathsOf = ({ files }: { readonly files: readonly { readonly path: readonly string[] }[] }): string[] =>
  files.map(({ path }) => path.join('/'));
const without = (...exclude: readonly string[]) => ({ torrent: null, exclude });

test('what a glob excludes is left out by its name or its path, and a folder is not even looked into', async () => {
  const dir = folder('some', ['a.log', 'a.txt', 'sub/b.log', 'sub/c', 'sub/deep/c', 'some/x']);
  assert.deepEqual(pathsOf(await listFiles(dir, without('*.{log,tmp}', 'deep'))), ['a.txt', 'some/x', 'sub/c']);
  assert.deepEqual(pathsOf(await listFiles(dir, without('sub/*'))), ['a.log', 'a.txt', 'some/x']);
  // The name of the folder itself is not below it.
  assert.deepEqual(pathsOf(await listFiles(dir, without('some', 'sub', '*.log'))), ['a.txt']);
  const closed = join(dir, 'sub', 'deep');
  symlinkSync('..', join(closed, 'loop'));
  await assert.rejects(listFiles(dir, ALL), { code: 'cannot-open' });
  assert.equal(pathsOf(await listFiles(dir, without('deep'))).length, 5);
});

test('to exclude everything is wrong usage, and so is a glob that is too long', async () => {
  const dir = folder('none', ['a', 'b/c']);
  const refused = { code: 'usage', message: `--exclude leaves no file of ${dir}` };
  await assert.rejects(listFiles(dir, without('*')), refused);
  await assert.rejects(listFiles(join(dir, 'a'), without('a')), { code: 'usage' });
  await assert.rejects(listFiles(dir, without('a'.repeat(5000))), { code: 'usage', message: /^--exclude: / });
});

test('a path to exclude may begin with the folder, by any name that it has, or with a dot', async () => {
  const dir = folder('top', ['c2/key', 'c2/x', 'c2/in/key']);
  const from = join(dir, 'c2');
  const cwd = process.cwd();
  process.chdir(dir);
  try {
    for (const given of ['c2', './c2/', '../top/c2', from])
      for (const pattern of ['./key', 'c2/key', './c2/key', 'new/k*', `${given}/key`, `${from}/key`])
        assert.deepEqual(
          pathsOf(await listFiles(given, without(pattern), 'new')),
          ['in/key', 'x'],
          `${given} without ${pattern}`,
        );
    await assert.rejects(listFiles('c2/key', without('c2/key')), { message: '--exclude leaves no file of c2/key' });
    for (const pattern of ['pack/c2/in', './c2/in', 'in', '../top/c2/in', `${from}/in`])
      assert.deepEqual(
        pathsOf(await listTogether(['../top/c2', 'c2/x'], 'pack', without(pattern))),
        ['c2/key', 'c2/x', 'x'],
        pattern,
      );
  } finally {
    process.chdir(cwd);
  }
});

test('a path that means nothing is wrong usage and a glob is told, but not what others exclude, or the .torrent', async () => {
  const dir = folder('unused', ['a', 'cache/x', 'cache/in/y', 'cache/sock/z']);
  for (const pattern of ['b', '*.log', 'unused', 'a/*'])
    assert.deepEqual((await listFiles(dir, without('cache', pattern))).unused, [pattern]);
  for (const pattern of ['a/x', '/a', './'])
    await assert.rejects(listFiles(dir, without('cache', pattern)), {
      code: 'usage',
      message: `--exclude: no file of ${dir} matches ${pattern}`,
    });
  for (const pattern of ['cache/x', 'y', 'unused/cache/in/y', 'in', `${dir}/cache/sock`])
    assert.deepEqual(
      await listFiles(dir, without('cache', pattern)).then((listing) => [pathsOf(listing), listing.unused]),
      [['a'], []],
    );
  const parts = ['a', 'cache'].map((part) => join(dir, part));
  assert.deepEqual(pathsOf(await listTogether(parts, 'pack', without('cache', 'pack/cache/in/y'))), ['a']);
  await assert.rejects(listTogether(parts, 'pack', without('cache', 'y/y')), { code: 'usage' });
  const torrent = join(dir, 'new.torrent');
  assert.equal(pathsOf(await listFiles(dir, { torrent, exclude: ['*.torrent'] })).length, 4);
});

test('several files and folders are listed as the content of one folder, sorted whatever their order', async () => {
  const dir = folder('parts', ['b/x', 'b/y.log', 'c', 'd/a', 'e/c']);
  const parts = ['c', 'b', 'd/a'].map((part) => join(dir, part));
  const listing = await listTogether(parts, 'pack', without('*.log'));
  assert.deepEqual([listing.name, listing.isFolder, pathsOf(listing)], ['pack', true, ['a', 'b/x', 'c']]);
  assert.deepEqual(await listTogether(parts.toReversed(), 'pack', without('*.log')), listing);
  assert.deepEqual(pathsOf(await listTogether(parts, 'pack', without('b'))), ['a', 'c']);
  await assert.rejects(listTogether([...parts, join(dir, 'e/c')], 'pack', ALL), {
    code: 'usage',
    message: `${join(dir, 'c')} and ${join(dir, 'e/c')} would both be pack/c`,
  });
  await assert.rejects(listTogether([join(dir, 'c'), '/'], 'pack', ALL), { code: 'usage' });
});
