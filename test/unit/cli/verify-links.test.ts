/** `verify` of a torrent that holds links (BEP 47). */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { main } from '../../../src/cli/main.js';
import { nodeIo } from '../../../src/cli/node-io.js';
import { scratch } from '../../support/disk/scratch.js';
import { pieceHashes } from '../../support/pieces.js';
import { file, folder } from '../../support/torrent-bytes.js';
import { FakeIo } from './support/fake-io.js';

const CONTENT = Buffer.alloc(20_000, 'c');
const { timers } = nodeIo();

/** A torrent of a file and two links to it, and its content. */
function place(t: TestContext) {
  const dir = scratch(t);
  const at = (path: string): string => join(dir, path);
  const link = { attr: 'l', 'symlink path': ['one'] };
  const files = [file(['one'], CONTENT.length), file(['beside'], 0, link), file(['sub', 'below'], 0, link)];
  const pieces = pieceHashes(CONTENT, 16384);
  writeFileSync(at('t.torrent'), folder(files, { name: 't', 'piece length': 16384, pieces }));
  mkdirSync(at('t/sub'), { recursive: true });
  writeFileSync(at('t/one'), CONTENT);
  symlinkSync('one', at('t/beside'));
  symlinkSync('../one', at('t/sub/below'));
  const verify = async (...rest: readonly string[]) => {
    const io = new FakeIo();
    const code = await main(['verify', at('t.torrent'), '-d', dir, ...rest], Object.assign(io, { timers }));
    return { code, out: io.stdout.text };
  };
  return { at, verify };
}

describe('a link that a torrent holds', { skip: process.platform === 'win32' }, () => {
  it('is a file among the others when it leads where the torrent says', async (t) => {
    const { verify } = place(t);
    const { code, out } = await verify();
    assert.equal(code, 0, out);
    assert.match(out, /^t: 3 of 3 files ok/m);
  });

  it('is missing when it is not there, and nothing is whole then', async (t) => {
    const { at, verify } = place(t);
    rmSync(at('t/sub'), { recursive: true });
    const { code, out } = await verify();
    assert.equal(code, 32);
    assert.match(out, /^missing +0 B {2}t\/sub\/below\nt: 2 of 3 files ok/m);
  });

  for (const [what, reason, put] of [
    ['a file', 'it is a file, not a symbolic link', (path: string) => writeFileSync(path, CONTENT)],
    ['a folder', 'it is a folder, not a symbolic link', (path: string) => mkdirSync(path)],
    ['another link', 'it is a symbolic link that leads elsewhere', (path: string) => symlinkSync('sub', path)],
    ['a link in a circle', 'it is a symbolic link that leads elsewhere', (path: string) => symlinkSync('beside', path)],
  ] as const)
    it(`is wrong when ${what} has its place, in text and in JSON, and only where it is selected`, async (t) => {
      const { at, verify } = place(t);
      rmSync(at('t/beside'));
      put(at('t/beside'));
      const { code, out } = await verify();
      assert.equal(code, 32);
      assert.match(out, new RegExp(`^wrong-link +0 B {2}t/beside \\(${reason}\\)\nt: 2 of 3 files ok`, 'm'));
      const chosen = await verify('--select', 't/beside', '--json');
      assert.equal(chosen.code, 32);
      const told = JSON.parse(chosen.out);
      const entry = { path: 't/beside', length: 0, have: 0, badRanges: [], ok: false, state: 'wrong-link', reason };
      assert.deepEqual([told.ok, told.files], [false, [entry]]);
      assert.equal((await verify('--exclude', 't/beside')).code, 0);
    });

  it('is right though its target is missing', async (t) => {
    const { at, verify } = place(t);
    rmSync(at('t/one'));
    assert.equal((await verify('--select', 't/beside')).code, 0);
    assert.equal((await verify()).code, 32);
  });

  it('is found in a folder behind a link of the user', async (t) => {
    const { at, verify } = place(t);
    mkdirSync(at('store'));
    symlinkSync('../one', at('store/below'));
    rmSync(at('t/sub'), { recursive: true });
    symlinkSync(at('store'), at('t/sub'));
    assert.equal((await verify()).code, 0);
  });
});
