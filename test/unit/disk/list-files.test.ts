import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { listFiles } from '../../../src/disk/list-files.js';

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
  const listing = await listFiles(dir, join(dir, 'out.torrent'));
  assert.deepEqual(
    listing.files.map((file) => file.path.join('/')),
    ['.hidden', 'B', 'a/.git/x', 'a/z', 'a.txt', 'b', 'ü', '漢'],
  );
  assert.deepEqual([listing.name, listing.isFolder, listing.leftOut], ['sorted', true, []]);
});

test('a single file is listed under its name', async () => {
  const dir = folder('single', ['tool']);
  chmodSync(join(dir, 'tool'), 0o755);
  const path = join(dir, 'tool');
  assert.deepEqual(await listFiles(path, null), {
    name: 'tool',
    isFolder: false,
    files: [{ path: ['tool'], from: path, length: 4, executable: true }],
    leftOut: [],
  });
});

test('links are followed; something that is no file is left out, with the reason', async () => {
  const dir = folder('links', ['sub/x']);
  symlinkSync('sub', join(dir, 'twin'));
  symlinkSync('sub/x', join(dir, 'y'));
  symlinkSync('nowhere', join(dir, 'broken'));
  assert.equal(spawnSync('mkfifo', [join(dir, 'pipe')]).status, 0);
  const listing = await listFiles(dir, null);
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
  await assert.rejects(listFiles(loop, null), { code: 'cannot-open', message: /link to a folder that holds it/ });
  await assert.rejects(listFiles(folder('bare', []), null), { code: 'source-not-found', message: /holds no file/ });
  await assert.rejects(listFiles(join(root, 'missing'), null), { code: 'source-not-found' });
});
