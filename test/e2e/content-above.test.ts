import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { createTorrent } from '../../src/session/create-torrent.js';
import { BtgetProcess, LOOPBACK, runBtget } from '../support/btget-process.js';
import { HANGS_AFTER } from '../support/hang.js';

const dir = mkdtempSync(join(tmpdir(), 'btget-above-'));
after(() => rmSync(dir, { recursive: true }));
const FILES: Readonly<Record<string, string>> = { 'one.txt': 'one', 'two.txt': 'number two', 'below/three.txt': '3' };

function put(folder: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(join(dir, folder, 'below'), { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(dir, folder, name), content);
}

before(async () => {
  put('data', FILES);
  writeFileSync(join(dir, 'data.torrent'), await createTorrent(join(dir, 'data'), {}));
  writeFileSync(join(dir, 'one.torrent'), await createTorrent(join(dir, 'data/one.txt'), {}));
});

const GIVE_UP = ['--stop-timeout', '1', ...LOOPBACK];
/** For what ends by itself. */
const LIMIT = ['--stop-timeout', '20', ...LOOPBACK];

async function startSeed(test: TestContext, ...more: readonly string[]): Promise<string> {
  const seed = new BtgetProcess(test, dir, ['seed', 'data.torrent', ...LOOPBACK, ...more]);
  const [, peer = ''] = await seed.says(/listening on (\S+)\n[\s\S]*seeding/);
  return peer;
}

describe("the torrent's own folder as the place for it", { concurrency: 2, timeout: HANGS_AFTER }, () => {
  it('is said to be it by download, seed and verify, and nothing is made in it', async (t) => {
    for (const [cwd, given, shown, place] of [
      ['data', [], 'this folder', '-d ..'],
      ['data', ['-d', '.'], 'this folder', '-d ..'],
      ['.', ['-d', 'data'], 'data', '-d data/..'],
      ['.', ['-d', 'data/'], 'data/', '-d data/..'],
    ] as const) {
      const source = join(dir, 'data.torrent');
      const run = (command: string) =>
        runBtget(t, join(dir, cwd), [
          command,
          source,
          ...given,
          '--bind',
          '127.0.0.1',
          ...(command === 'verify' ? [] : LOOPBACK),
        ]);
      const path = shown === 'this folder' ? 'data' : 'data/data';
      const lie = `btget: data: the files lie in ${shown} itself, not in ${path}`;
      const more = '-o NAME fetches them once more';
      const again = await run('download');
      assert.deepEqual(again, { code: 13, out: '', err: `${lie} (${place} takes them as they are; ${more})\n` });
      const seeded = await run('seed');
      assert.equal(seeded.code, 32);
      assert.ok(seeded.err.endsWith(`${lie} (${place} takes them as they are)\n`), seeded.err);
      const { code, err } = await run('verify');
      const found = `in ${shown} itself (${place} finds it)`;
      assert.deepEqual([code, err], [32, `btget: data: nothing of it is at ${path}, but ${found}\n`]);
      assert.deepEqual(readdirSync(join(dir, 'data')).sort(), ['below', 'one.txt', 'two.txt']);
      assert.equal((await runBtget(t, join(dir, cwd), ['verify', source, ...place.split(' ')])).code, 0);
    }
  });

  it('is known by most of its files when it has another name, and the hint says by which', async (t) => {
    put('other', { 'one.txt': FILES['one.txt'] ?? '', 'two.txt': FILES['two.txt'] ?? '' });
    const { code, err } = await runBtget(t, dir, ['data.torrent', '-d', 'other', ...LIMIT]);
    assert.equal(code, 13);
    assert.match(err, /\(-d other\/\.\. -o other takes them as they are; -o NAME fetches them once more\)\n$/);
    assert.deepEqual(readdirSync(join(dir, 'other')).sort(), ['below', 'one.txt', 'two.txt']);
  });

  it('is named as a shell takes it, whatever is in its name', async (t) => {
    put("Ann's data", { 'one.txt': FILES['one.txt'] ?? '', 'two.txt': FILES['two.txt'] ?? '' });
    const { err } = await runBtget(t, dir, ['data.torrent', '-d', "Ann's data", ...GIVE_UP]);
    const [, place = ''] = /\((-d .*) takes them as they are/.exec(err) ?? [];
    const words = execFileSync('sh', ['-c', `printf '%s\\n' ${place}`], { encoding: 'utf8' });
    assert.equal(words, "-d\nAnn's data/..\n-o\nAnn's data\n");
  });

  it('is known by one file that grows', async (t) => {
    put('growing/data', { 'two.txt.part': 'numb' });
    assert.equal((await runBtget(t, dir, ['data.torrent', '-d', 'growing/data', ...LIMIT])).code, 13);
  });

  it('is told of a link too, once its metadata is here', async (t) => {
    const peer = await startSeed(t);
    const shown = await runBtget(t, dir, ['show', '--json', 'data.torrent']);
    const link = `magnet:?xt=urn:btih:${JSON.parse(shown.out).infoHash}&x.pe=${peer}`;
    put('linked/data', FILES);
    const { code, err } = await runBtget(t, dir, [link, '-d', 'linked/data', ...LIMIT]);
    assert.equal(code, 13, err);
    assert.match(err, /the files lie in linked\/data itself/);
    assert.deepEqual(readdirSync(join(dir, 'linked/data')).sort(), ['below', 'one.txt', 'two.txt']);
  });

  it('is none where a file or two look alike, where -o names the folder, or where the torrent has none', async (t) => {
    put('alike', { 'two.txt': 'number two', 'one.txt': 'longer than one' });
    put('data2/data', { 'one.txt': 'longer', 'readme.txt': 'x' });
    put('copy/data', FILES);
    for (const more of [
      ['data.torrent', '-d', 'alike'],
      ['data.torrent', '-d', 'data2/data'],
      ['data.torrent', '-d', 'copy/data', '-o', 'twin'],
      ['one.torrent', '-d', 'copy/data/below'],
    ]) {
      const { code, err } = await runBtget(t, dir, [...more, ...GIVE_UP]);
      assert.equal(code, 2, `${more}: ${err}`);
    }
    const peer = await startSeed(t);
    const again = ['data.torrent', '-d', 'copy/data', '-o', 'twin', '--peer', peer, ...LOOPBACK];
    assert.equal((await runBtget(t, dir, again)).code, 0);
    assert.ok(existsSync(join(dir, 'copy/data/twin/one.txt')));
  });
});

it('a private torrent without a tracker is made with a warning', async (t) => {
  const make = (...more: readonly string[]) => runBtget(t, dir, ['create', 'data', '-o', '-', '--private', ...more]);
  const warning = /^warning: a private torrent without a tracker finds no peers \(--tracker names one\)\n/;
  assert.match((await make()).err, warning);
  assert.doesNotMatch((await make('--tracker', 'http://t.example/announce')).err, /warning/);
  assert.equal((await make('-q')).err, '');
});
