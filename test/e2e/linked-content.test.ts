import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { BtgetProcess, type Ended, LOOPBACK, runBtget } from '../support/btget-process.js';
import { HANGS_AFTER } from '../support/hang.js';

const X = Buffer.alloc(40_000, 'x');
const Y = Buffer.alloc(40_000, 'y');
const WRONG = Buffer.alloc(40_000, 'w');

interface Case {
  readonly at: (path: string) => string;
  readonly run: (...args: readonly string[]) => Promise<Ended>;
  readonly download: (...args: readonly string[]) => Promise<Ended>;
}

/** `lib` holds `x` and `sub/y`; its torrent is `lib.torrent`, and a seed of it runs. `into/lib` and `store` are empty folders. */
async function withSeed(test: TestContext): Promise<Case> {
  const cwd = mkdtempSync(join(tmpdir(), 'btget-linked-'));
  test.after(() => rmSync(cwd, { recursive: true, force: true }));
  const at = (path: string): string => join(cwd, path);
  mkdirSync(at('lib/sub'), { recursive: true });
  mkdirSync(at('into/lib'), { recursive: true });
  mkdirSync(at('store'));
  writeFileSync(at('lib/x'), X);
  writeFileSync(at('lib/sub/y'), Y);
  const run: Case['run'] = (...args) => runBtget(test, cwd, args);
  const created = await run('create', 'lib', '--piece-length', '16384');
  assert.equal(created.code, 0, created.err);
  const seed = new BtgetProcess(test, cwd, ['seed', 'lib.torrent', ...LOOPBACK, '--no-dht']);
  await seed.says(/: seeding /);
  const [peer] = await seed.says(/127\.0\.0\.1:\d+/);
  const options = ['-d', 'into', ...LOOPBACK, '--no-dht', '--peer', peer, '--timeout', '600'];
  return { at, run, download: (...args) => run('lib.torrent', ...options, ...args) };
}

describe('content behind links', { skip: process.platform === 'win32', timeout: HANGS_AFTER }, () => {
  it('is verified and seeded', async (t) => {
    const { at, run, download } = await withSeed(t);
    mkdirSync(at('store/sub'));
    writeFileSync(at('store/x'), X);
    writeFileSync(at('store/sub/y'), Y);
    mkdirSync(at('linked/lib'), { recursive: true });
    symlinkSync(at('store/x'), at('linked/lib/x'));
    symlinkSync('../../store/sub', at('linked/lib/sub'));
    const verified = await run('verify', 'lib.torrent', '-d', 'linked');
    assert.equal(verified.code, 0, verified.err + verified.out);
    const seed = new BtgetProcess(t, at('.'), ['seed', 'lib.torrent', '-d', 'linked', ...LOOPBACK, '--no-dht']);
    await seed.says(/: seeding /);
    const [peer] = await seed.says(/127\.0\.0\.1:\d+/);
    const fromIt = ['-d', 'other', ...LOOPBACK, '--no-dht', '--peer', peer, '--timeout', '600'];
    const downloaded = await run('lib.torrent', ...fromIt);
    assert.equal(downloaded.code, 0, downloaded.err);
    assert.deepEqual(readFileSync(at('other/lib/sub/y')), Y);
    assert.equal((await download()).code, 0);
  });

  it('is adopted when it is whole, and stays where it is', async (t) => {
    const { at, download } = await withSeed(t);
    writeFileSync(at('store/x'), X);
    mkdirSync(at('store/sub'));
    writeFileSync(at('store/sub/y'), Y);
    symlinkSync(at('store/x'), at('into/lib/x'));
    symlinkSync(at('store/sub'), at('into/lib/sub'));
    const { code, err, out } = await download('--json');
    assert.equal(code, 0, err);
    assert.match(out, /"type":"done".*"downloaded":0/);
    assert.ok(lstatSync(at('into/lib/x')).isSymbolicLink() && lstatSync(at('into/lib/sub')).isSymbolicLink());
    assert.deepEqual(readdirSync(at('store/sub')), ['y']);
  });

  it('is adopted with its empty files, be the link to one of them or to a folder', async (t) => {
    const { at, run } = await withSeed(t);
    writeFileSync(at('lib/empty'), '');
    const created = await run('create', 'lib', '-o', 'full.torrent');
    assert.equal(created.code, 0, created.err);
    mkdirSync(at('all'));
    symlinkSync(at('lib'), at('all/lib'));
    mkdirSync(at('one/lib/sub'), { recursive: true });
    writeFileSync(at('one/lib/x'), X);
    writeFileSync(at('one/lib/sub/y'), Y);
    symlinkSync(at('lib/empty'), at('one/lib/empty'));
    for (const dir of ['all', 'one']) {
      const { code, err } = await run('full.torrent', '-d', dir, ...LOOPBACK, '--no-dht');
      assert.equal(code, 0, err);
    }
    assert.ok(lstatSync(at('all/lib')).isSymbolicLink());
    assert.ok(lstatSync(at('one/lib/empty')).isSymbolicLink());
  });

  it('is whole beside a file that is missing: that one is downloaded', async (t) => {
    const { at, download } = await withSeed(t);
    writeFileSync(at('store/x'), X);
    symlinkSync(at('store/x'), at('into/lib/x'));
    const { code, err } = await download();
    assert.equal(code, 0, err);
    assert.ok(lstatSync(at('into/lib/x')).isSymbolicLink());
    assert.deepEqual(readFileSync(at('into/lib/sub/y')), Y);
    assert.deepEqual(readdirSync(at('into/lib')).sort(), ['sub', 'x']);
  });

  const half = Buffer.concat([X.subarray(0, 20_000), WRONG.subarray(20_000)]);
  for (const [what, there] of Object.entries({ 'not whole': half, 'wrong in every piece': WRONG }))
    it(`is never written when it is ${what}: the download ends with 13`, async (t) => {
      const { at, download } = await withSeed(t);
      writeFileSync(at('store/x'), there);
      symlinkSync(at('store/x'), at('into/lib/x'));
      const { code, err } = await download();
      assert.equal(code, 13, err);
      assert.match(err, /into\/lib\/x (is a link to a file that is not whole|exists and shares nothing)/);
      assert.deepEqual(readFileSync(at('store/x')), there);
      assert.deepEqual(readdirSync(at('into/lib')), ['x']);
      const replaced = await download('--overwrite');
      assert.equal(replaced.code, 0, replaced.err);
      assert.ok(lstatSync(at('into/lib/x')).isFile());
      assert.deepEqual(readFileSync(at('store/x')), there);
    });

  it('in a folder behind a link is never written: missing is 16, not whole is 13', async (t) => {
    const { at, download } = await withSeed(t);
    mkdirSync(at('store/sub'));
    symlinkSync(at('store/sub'), at('into/lib/sub'));
    const missing = await download();
    assert.equal(missing.code, 16, missing.err);
    assert.match(missing.err, /into\/lib\/sub\/y is missing, and lies behind a link that leaves into/);
    assert.deepEqual(readdirSync(at('store/sub')), []);
    const begun = Buffer.concat([Y.subarray(0, 30_000), WRONG.subarray(30_000)]);
    writeFileSync(at('store/sub/y'), begun);
    writeFileSync(at('into/lib/x'), X);
    const half = await download();
    assert.equal(half.code, 13, half.err);
    assert.deepEqual(readFileSync(at('store/sub/y')), begun);
  });

  it('that is not there is missing to verify, and in the way of a download: dangling links and circles', async (t) => {
    const { at, run, download } = await withSeed(t);
    for (const target of ['nowhere', 'x']) {
      symlinkSync(target, at('into/lib/x'));
      const verified = await run('verify', 'lib.torrent', '-d', 'into');
      assert.equal(verified.code, 32, verified.err);
      assert.match(verified.out, /missing .*lib\/x/);
      const { code, err } = await download();
      assert.equal(code, 13, err);
      assert.match(err, /into\/lib\/x is a link that leads nowhere/);
      assert.ok(!existsSync(at('into/lib/nowhere')));
      unlinkSync(at('into/lib/x'));
    }
    symlinkSync('sub', at('into/lib/sub'));
    assert.equal((await run('verify', 'lib.torrent', '-d', 'into')).code, 32);
    assert.equal((await download()).code, 16);
  });

  it('that is no file is refused, and nobody waits for it: folders, pipes, devices', async (t) => {
    const { at, run, download } = await withSeed(t);
    execFileSync('mkfifo', [at('store/pipe')]);
    for (const [target, what] of [
      [at('store/pipe'), /device, pipe or socket/],
      ['/dev/zero', /device, pipe or socket/],
      [at('store'), /is a folder/],
    ] as const) {
      symlinkSync(target, at('into/lib/x'));
      const verified = await run('verify', 'lib.torrent', '-d', 'into');
      const downloaded = await download();
      assert.deepEqual([verified.code, downloaded.code], [32, 16], `${verified.out}${verified.err}${downloaded.err}`);
      for (const said of [verified.out, downloaded.err]) {
        assert.match(said, what);
      }
      unlinkSync(at('into/lib/x'));
    }
  });
});
