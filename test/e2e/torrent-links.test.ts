/** The program and a torrent that holds symbolic links (BEP 47). No peer is asked: the content is there. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type Ended, LOOPBACK, runBtget } from '../support/btget-process.js';
import { scratch } from '../support/disk/scratch.js';
import { HANGS_AFTER } from '../support/hang.js';
import { pieceHashes } from '../support/pieces.js';
import { file, folder } from '../support/torrent-bytes.js';

const CONTENT = Buffer.alloc(40_000, 'c');

interface Case {
  readonly at: (path: string) => string;
  readonly run: (...args: readonly string[]) => Promise<Ended>;
  readonly download: (...args: readonly string[]) => Promise<Ended>;
}

/** `into/t` holds all of `t.torrent` but its link `t/sub/link`, and its empty file. */
function place(t: TestContext): Case {
  const cwd = scratch(t);
  const at = (path: string): string => join(cwd, path);
  const link = { attr: 'l', 'symlink path': ['one'] };
  const files = [file(['one'], CONTENT.length), file(['empty'], 0), file(['sub', 'link'], 0, link)];
  const pieces = pieceHashes(CONTENT, 16384);
  writeFileSync(at('t.torrent'), folder(files, { name: 't', 'piece length': 16384, pieces }));
  mkdirSync(at('into/t/sub'), { recursive: true });
  writeFileSync(at('into/t/one'), CONTENT);
  const run: Case['run'] = (...args) => runBtget(t, cwd, args);
  return { at, run, download: (...args) => run('t.torrent', '-d', 'into', ...LOOPBACK, '--no-dht', ...args) };
}

describe('a link that a torrent holds', { skip: process.platform === 'win32', timeout: HANGS_AFTER }, () => {
  it('is made by a download', async (t) => {
    const { at, download } = place(t);
    const { code, err } = await download();
    assert.equal(code, 0, err);
    assert.equal(readlinkSync(at('into/t/sub/link')), '../one');
  });

  for (const [what, put] of [
    ['a file', (path: string) => writeFileSync(path, 'mine')],
    ['another link', (path: string) => symlinkSync('elsewhere', path)],
  ] as const)
    it(`ends the download with 13 before anything is made when ${what} has its place; --overwrite replaces that`, async (t) => {
      const { at, download } = place(t);
      put(at('into/t/sub/link'));
      // No peer has the missing piece, so a download that began would not end.
      rmSync(at('into/t/one'));
      const refused = await download();
      assert.equal(refused.code, 13, refused.err);
      assert.match(refused.err, /into\/t\/sub\/link exists and is not this torrent's \(--overwrite replaces it/);
      assert.deepEqual([readdirSync(at('into')), readdirSync(at('into/t'))], [['t'], ['sub']]);
      writeFileSync(at('into/t/one'), CONTENT);
      const chosen = await download('--exclude', 't/sub/link');
      assert.equal(chosen.code, 0, chosen.err);
      const replaced = await download('--overwrite');
      assert.equal(replaced.code, 0, replaced.err);
      assert.equal(readlinkSync(at('into/t/sub/link')), '../one');
    });

  it('ends the download with 16 when a folder has its place, with --overwrite too, and before anything is made', async (t) => {
    const { at, download } = place(t);
    mkdirSync(at('into/t/sub/link'));
    for (const options of [[], ['--overwrite']]) {
      const { code, err } = await download(...options);
      assert.equal(code, 16, err);
      assert.match(err, /into\/t\/sub\/link: it is a folder, not a symbolic link \(-o or -d saves elsewhere\)/);
      assert.deepEqual([readdirSync(at('into')), readdirSync(at('into/t'))], [['t'], ['one', 'sub']]);
    }
  });

  it('in a folder behind a link of the user stays when it is right, and ends the download with 16 when it is missing', async (t) => {
    const { at, download } = place(t);
    rmSync(at('into/t/sub'), { recursive: true });
    mkdirSync(at('store'));
    symlinkSync(at('store'), at('into/t/sub'));
    const missing = await download();
    assert.equal(missing.code, 16, missing.err);
    assert.match(missing.err, /into\/t\/sub\/link is missing, and lies behind a link that leaves into/);
    assert.ok(!existsSync(at('into/t/empty')));
    symlinkSync('../one', at('store/link'));
    const { code, err } = await download();
    assert.equal(code, 0, err);
    assert.deepEqual(readdirSync(at('store')), ['link']);
  });
});
