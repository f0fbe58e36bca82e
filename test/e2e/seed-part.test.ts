import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { FIXTURES, LOOPBACK, runBtget } from '../support/btget-process.js';
import { scratch } from '../support/disk/scratch.js';
import { HANGS_AFTER } from '../support/hang.js';
import { pieceHashes } from '../support/pieces.js';
import { file, folder } from '../support/torrent-bytes.js';

it('names a file that a seed lacks though its only piece is shared, and ends with PART and 0', {
  timeout: HANGS_AFTER,
}, async (t) => {
  const cwd = scratch(t);
  mkdirSync(join(cwd, 'box'));
  for (const name of ['a', 'b', 'c']) writeFileSync(join(cwd, 'box', name), Buffer.alloc(40_000, name));
  writeFileSync(join(cwd, 'box', 'd'), 'd');
  assert.equal((await runBtget(t, cwd, ['create', 'box', '--piece-length', '16384'])).code, 0);
  for (const name of ['b', 'd']) rmSync(join(cwd, 'box', name));
  const { code, err } = await runBtget(t, cwd, ['seed', 'box.torrent', ...LOOPBACK, '--no-dht', '--seed-time', '0.1']);
  assert.match(err, /^box: seeding \d+% of 117 KiB; missing: b, d$/m);
  assert.match(err, /^PART \d+% of 117 KiB {2}box$/m);
  assert.equal(code, 0);
});

/** A torrent of a file, an empty file and a link, and its content, which is then changed. */
function withLink(t: TestContext, change: (at: (path: string) => string) => void): string {
  const cwd = scratch(t);
  const at = (path: string): string => join(cwd, 'box', path);
  const content = Buffer.alloc(40_000, 'c');
  const link = { attr: 'l', 'symlink path': ['one'] };
  const files = [file(['one'], content.length), file(['empty'], 0), file(['link'], 0, link)];
  const pieces = pieceHashes(content, 16384);
  writeFileSync(join(cwd, 'box.torrent'), folder(files, { name: 'box', 'piece length': 16384, pieces }));
  mkdirSync(at('.'));
  writeFileSync(at('one'), content);
  writeFileSync(at('empty'), '');
  symlinkSync('one', at('link'));
  change(at);
  return cwd;
}

const SEED = ['seed', 'box.torrent', ...LOOPBACK, '--no-dht', '--seed-time', '0.1'];

for (const [what, names, change] of [
  ['an empty file', ['empty'], (at) => rmSync(at('empty'))],
  ['a link', ['link'], (at) => rmSync(at('link'))],
  ['a link, in whose place is a file,', ['link'], (at) => rmSync(at('link')) ?? writeFileSync(at('link'), 'x')],
] as const satisfies readonly (readonly [string, readonly string[], (at: (path: string) => string) => void])[])
  it(`names ${what} that a seed lacks though it has every byte, in text and in JSON, and ends with PART and 0`, {
    timeout: HANGS_AFTER,
    skip: process.platform === 'win32',
  }, async (t) => {
    const cwd = withLink(t, change);
    const { code, err } = await runBtget(t, cwd, SEED);
    assert.match(err, new RegExp(`^box: seeding 39\\.1 KiB; missing: ${names}$`, 'm'));
    assert.match(err, /^PART 39\.1 KiB, 1 file missing {2}box$/m);
    const told = await runBtget(t, cwd, [...SEED, '--json']);
    const events = told.out.split('\n').flatMap((line) => (line === '' ? [] : JSON.parse(line)));
    const seeding = events.filter(({ type }) => type === 'seeding');
    assert.deepEqual(
      seeding.map(({ missing }) => missing),
      [{ count: 1, first: names }],
    );
    assert.deepEqual([code, told.code], [0, 0]);
  });

it('warns of a file that is longer than the torrent says, and seeds it', {
  timeout: HANGS_AFTER,
  skip: process.platform === 'win32',
}, async (t) => {
  const cwd = withLink(t, (at) => {
    for (const name of ['one', 'empty']) appendFileSync(at(name), 'more');
  });
  const { code, err } = await runBtget(t, cwd, SEED);
  assert.match(err, /^box: box\/one is longer than the torrent says, and so is 1 more$/m);
  assert.match(err, /^OK {3}39\.1 KiB {2}box$/m);
  assert.equal(code, 0);
});

it('seeds nothing when all that is wanted has no bytes and none of it is there', {
  timeout: HANGS_AFTER,
}, async (t) => {
  const cwd = scratch(t);
  // No torrent is of empty files alone, but all bytes of one may be padding.
  const pad = file(['.pad', '5'], 16384, { attr: 'p' });
  const pieces = pieceHashes(Buffer.alloc(16384), 16384);
  const padded = folder([file(['a'], 0), file(['b'], 0), pad], { name: 'box', 'piece length': 16384, pieces });
  writeFileSync(join(cwd, 'box.torrent'), padded);
  const some = ['seed', join(FIXTURES, 'empty-file.torrent'), '--select', 'empty.txt', ...SEED.slice(2)];
  for (const args of [SEED, some]) {
    const { code, err } = await runBtget(t, cwd, args);
    assert.match(err, /nothing of it is at /);
    assert.equal(code, 32);
  }
  mkdirSync(join(cwd, 'box'));
  mkdirSync(join(cwd, 'empty-file'));
  for (const path of ['box/a', 'empty-file/empty.txt']) writeFileSync(join(cwd, path), '');
  const part = await runBtget(t, cwd, SEED);
  assert.match(part.err, /^PART 0 B, 1 file missing {2}box$/m);
  const all = await runBtget(t, cwd, some);
  assert.match(all.err, /^OK {3}0 B {2}empty-file$/m);
  assert.deepEqual([part.code, all.code], [0, 0]);
});
