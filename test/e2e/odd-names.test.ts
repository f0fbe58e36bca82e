import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { nameBytes } from '../../src/base/raw-name.js';
import { BTGET, BtgetProcess, LOOPBACK, runBtget } from '../support/btget-process.js';
import { HANGS_AFTER } from '../support/hang.js';

/** Names that the path policy changes, all but the last few. */
const ODD: readonly string[] = [
  'back\\slash',
  'new\nline',
  'tab\there',
  'zero\u200bwidth',
  'left\u200eright',
  'Icon\r',
  'x'.repeat(255),
  'é'.repeat(127),
  `${'y'.repeat(240)}.mkv`,
  `${'y'.repeat(241)}.mkv`,
  'README',
  'readme',
  'straße',
  'STRASSE',
  'e\u0301',
  '\u00e9',
  'plainname',
  'plain\u200ename',
  '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}.png',
  'می\u200cخواهم',
  'dot.',
  'blank ',
  'CON',
  '-rf',
  '\u202e',
  '...',
  '__proto__',
];
const NOT_UTF8 = Buffer.from('caf\xe9\xff.txt', 'latin1');

const inFolder = (dir: string, name: string | Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${dir}/`), typeof name === 'string' ? Buffer.from(name) : name]);

/** What a folder holds, by the bytes of its names in hex. */
function listing(dir: string): readonly string[] {
  return readdirSync(dir, { encoding: 'buffer' })
    .map((name) => `${name.toString('hex')} ${readFileSync(inFolder(dir, name)).toString()}`)
    .sort();
}

function workFolder(test: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'btget-odd-'));
  test.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

async function assertRuns(test: TestContext, cwd: string, ...args: readonly string[]): Promise<string> {
  const { code, out, err } = await runBtget(test, cwd, args);
  assert.equal(code, 0, `${args.join(' ')}: ${err}${out}`);
  return out;
}

/** Where a seed of `torrent`, in `dir`, listens. */
async function seedOf(test: TestContext, cwd: string, torrent: string, dir: string): Promise<string> {
  const seed = new BtgetProcess(test, cwd, ['seed', torrent, '-d', dir, ...LOOPBACK, '--no-dht']);
  await seed.says(/: seeding /);
  return (await seed.says(/127\.0\.0\.1:\d+/))[0];
}

describe('content with odd names', { skip: process.platform !== 'linux', timeout: HANGS_AFTER }, () => {
  it('is made a torrent, verified, seeded, downloaded, and found again', async (t) => {
    const cwd = workFolder(t);
    mkdirSync(join(cwd, 'd'));
    for (const [at, name] of ODD.entries()) writeFileSync(join(cwd, 'd', name), `bytes of ${at}`);
    writeFileSync(inFolder(join(cwd, 'd'), NOT_UTF8), 'bytes of a name that is not UTF-8');
    const before = listing(join(cwd, 'd'));
    await assertRuns(t, cwd, 'create', 'd');
    await assertRuns(t, cwd, 'verify', 'd.torrent');
    // Who downloads into the very folder has everything.
    await assertRuns(t, cwd, 'd.torrent', ...LOOPBACK, '--no-dht', '--timeout', '600');
    assert.deepEqual(listing(join(cwd, 'd')), before);
    const peer = await seedOf(t, cwd, 'd.torrent', '.');
    await assertRuns(t, cwd, 'd.torrent', '-d', 'new', ...LOOPBACK, '--no-dht', '--peer', peer, '--timeout', '600');
    assert.equal(readdirSync(join(cwd, 'new/d')).length, before.length);
    for (const name of readdirSync(join(cwd, 'new/d'))) assert.doesNotMatch(name, /[\\\p{Cc}\u200b\u200e\u202e]/u);
    await assertRuns(t, cwd, 'verify', 'd.torrent', '-d', 'new');
  });

  it('lies in odd folders, and may be one odd file', async (t) => {
    const cwd = workFolder(t);
    const top = 'top\\folder\u200b';
    mkdirSync(join(cwd, top, 'sub\tfolder/deep\u200e'), { recursive: true });
    mkdirSync(inFolder(join(cwd, top), Buffer.from('caf\xe9', 'latin1')));
    for (const path of ['plain', 'sub\tfolder/one', 'sub\tfolder/deep\u200e/t\\wo'])
      writeFileSync(join(cwd, top, path), path);
    writeFileSync(Buffer.concat([inFolder(join(cwd, top), Buffer.from('caf\xe9/', 'latin1')), NOT_UTF8]), 'bytes');
    await assertRuns(t, cwd, 'create', top, '-o', 'a.torrent');
    await assertRuns(t, cwd, 'verify', 'a.torrent');
    const peer = await seedOf(t, cwd, 'a.torrent', '.');
    await assertRuns(t, cwd, 'a.torrent', '-d', 'new', ...LOOPBACK, '--no-dht', '--peer', peer, '--timeout', '600');
    await assertRuns(t, cwd, 'verify', 'a.torrent', '-d', 'new');
    for (const [at, name] of ['bare\\file', 'z'.repeat(255), 'new\nline', 'a\u200e'].entries()) {
      writeFileSync(join(cwd, name), `bytes of ${at}`);
      await assertRuns(t, cwd, 'create', name, '-o', `${at}.torrent`);
      await assertRuns(t, cwd, 'verify', `${at}.torrent`);
    }
  });

  it('is named to scripts as it is on the disk, byte for byte', async (t) => {
    const cwd = workFolder(t);
    mkdirSync(join(cwd, 'top\\folder'));
    const odd = Buffer.concat([Buffer.from('top\\folder/'), NOT_UTF8]);
    writeFileSync(inFolder(cwd, odd), 'bytes');
    writeFileSync(join(cwd, 'top\\folder/new\nline'), 'lines');
    await assertRuns(t, cwd, 'create', 'top\\folder', '-o', 'a.torrent');
    const hook = join(cwd, 'hook.sh');
    writeFileSync(hook, '#!/bin/sh\nprintf %s "$BTGET_PATH" > told\n', { mode: 0o755 });
    const options = ['--print0', '--on-complete', hook, ...LOOPBACK, '--no-dht'];
    const printed = execFileSync(process.execPath, [BTGET, 'a.torrent', ...options], {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: HANGS_AFTER,
    });
    const paths = [odd, Buffer.from('top\\folder/new\nline')].map((path) => path.toString('latin1'));
    assert.deepEqual(printed.toString('latin1').split('\0').sort(), ['', ...paths].sort());
    assert.equal(readFileSync(join(cwd, 'told'), 'utf8'), 'top\\folder');
    const json = await assertRuns(t, cwd, 'a.torrent', '--json', ...LOOPBACK, '--no-dht');
    const done = json.split('\n').find((line) => line.includes('"type":"done"')) ?? '{}';
    const told = (JSON.parse(done).paths as string[]).map((path) => nameBytes(path).toString('latin1'));
    assert.deepEqual(told.sort(), paths.sort());
  });

  it('is completed under the names that it has, and nothing of it is downloaded twice', async (t) => {
    const cwd = workFolder(t);
    const long = 'w'.repeat(255);
    const bytes = Buffer.alloc(100_000, 'ab');
    mkdirSync(join(cwd, 'd'));
    for (const name of ['back\\slash', long, 'plain']) writeFileSync(join(cwd, 'd', name), bytes);
    await assertRuns(t, cwd, 'create', 'd', '--piece-length', '16384');
    const peer = await seedOf(t, cwd, 'd.torrent', '.');
    mkdirSync(join(cwd, 'new/d'), { recursive: true });
    writeFileSync(join(cwd, 'new/d/back\\slash'), bytes);
    truncateSync(join(cwd, 'new/d/back\\slash'), 70_000);
    writeFileSync(join(cwd, 'new/d', long), bytes.subarray(0, 70_000));
    const args = ['d.torrent', '-d', 'new', ...LOOPBACK, '--no-dht', '--peer', peer, '--timeout', '600', '--json'];
    const out = await assertRuns(t, cwd, ...args);
    const done = out.split('\n').find((line) => line.includes('"type":"done"')) ?? '{}';
    assert.ok(JSON.parse(done).downloaded < 200_000, done);
    assert.deepEqual(readdirSync(join(cwd, 'new/d')).sort(), ['back\\slash', 'plain', long]);
    for (const name of readdirSync(join(cwd, 'new/d'))) assert.deepEqual(readFileSync(join(cwd, 'new/d', name)), bytes);
    // What grows under the exact name is gone on with after a stop.
    renameSync(join(cwd, 'new/d/back\\slash'), join(cwd, 'new/d/back\\slash.part'));
    truncateSync(join(cwd, 'new/d/back\\slash.part'), 70_000);
    await assertRuns(t, cwd, ...args);
    assert.deepEqual(readdirSync(join(cwd, 'new/d')).sort(), ['back\\slash', 'plain', long]);
  });
});
