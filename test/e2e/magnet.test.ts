import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { createTorrent } from '../../src/session/create-torrent.js';
import { BtgetProcess, LOOPBACK, runBtget } from '../support/btget-process.js';
import { HANGS_AFTER } from '../support/hang.js';
import { writeNoise } from '../support/noise.js';

const MIB = 1 << 20;
const dir = mkdtempSync(join(tmpdir(), 'btget-magnet-'));
after(() => rmSync(dir, { recursive: true }));
writeNoise(join(dir, 'seed'), { 'data/one.bin': 8 * MIB + 5, 'data/two.bin': MIB, 'data/three.txt': 77 });
const PIECE = 256 * 1024;

const torrent = join(dir, 'data.torrent');
let hash = '';

before(async () => {
  writeFileSync(torrent, await createTorrent(join(dir, 'seed', 'data'), { pieceLength: PIECE }));
  hash = parseMetainfo(readFileSync(torrent)).infoHash.toString('hex');
});

/** A seed that runs until the test ends, and the link to it. */
async function startSeed(test: TestContext, ...more: readonly string[]): Promise<string> {
  const seed = new BtgetProcess(test, dir, ['seed', torrent, '-d', join(dir, 'seed'), ...LOOPBACK, ...more]);
  const [, peer = ''] = await seed.says(/listening on (\S+)\n[\s\S]*seeding/);
  return `magnet:?xt=urn:btih:${hash}&x.pe=${peer}`;
}

const eventsOf = (out: string): Record<string, unknown>[] =>
  out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('magnet links on the command line', { concurrency: 2, timeout: HANGS_AFTER }, () => {
  it('download what a peer of the link has, and leave nothing but that', async (t) => {
    const link = await startSeed(t);
    const { code, out } = await runBtget(t, dir, [link, '-d', 'whole', ...LOOPBACK, '--json', '-q']);
    assert.equal(code, 0, out);
    const events = eventsOf(out);
    const about = events.filter((event) => event['infoHash'] !== undefined);
    assert.ok(about.every((event) => event['infoHash'] === hash));
    const [added] = events.filter((event) => event['type'] === 'added');
    assert.deepEqual([added?.['name'], added?.['files'], added?.['have']], ['data', 3, 0]);
    const states = events.filter((event) => event['type'] === 'progress').map((event) => event['state']);
    assert.equal(states[0], 'metadata');
    assert.deepEqual(readdirSync(join(dir, 'whole')), ['data']);
    for (const name of ['one.bin', 'two.bin', 'three.txt'])
      assert.deepEqual(readFileSync(join(dir, 'whole/data', name)), readFileSync(join(dir, 'seed/data', name)));
  });

  it('select files by so=, unless --select does', async (t) => {
    const link = await startSeed(t);
    assert.equal((await runBtget(t, dir, [`${link}&so=1-2`, '-d', 'some', ...LOOPBACK])).code, 0);
    const named = (folder: string): string[] => readdirSync(join(dir, folder, 'data')).sort();
    assert.deepEqual(named('some'), ['three.txt', 'two.bin']);
    assert.equal((await runBtget(t, dir, [`${link}&so=1-2`, '--select', '1', '-d', 'first', ...LOOPBACK])).code, 0);
    assert.deepEqual(named('first'), ['one.bin']);
  });

  it('know their files after a restart without any peer', async (t) => {
    const link = await startSeed(t, '--max-upload', '3M');
    const first = new BtgetProcess(t, dir, [link, '-d', 'half', ...LOOPBACK, '--json', '-q']);
    await first.says(/"have":[1-9]\d{6}/);
    first.process.kill('SIGINT');
    assert.equal((await first.ended).code, 7);
    assert.ok(readdirSync(join(dir, 'half')).includes(`.${hash}.btget`));
    const again = await runBtget(t, dir, [hash, '-d', 'half', ...LOOPBACK, '--stop-timeout', '5', '--json', '-q']);
    assert.equal(again.code, 2);
    const added = eventsOf(again.out).find((event) => event['type'] === 'progress' && event['state'] !== 'metadata');
    assert.equal(added?.['wanted'], 9 * MIB + 82);
    const summary = eventsOf(again.out).at(-1) as { torrents: { have: number }[] };
    assert.ok((summary.torrents[0]?.have ?? 0) >= PIECE, again.out);
  });

  it('seed what is there, once a peer has given the metadata', async (t) => {
    const link = await startSeed(t);
    const seed = new BtgetProcess(t, dir, ['seed', link, '-d', join(dir, 'seed'), ...LOOPBACK]);
    await seed.says(/data: seeding /);
    seed.process.kill('SIGINT');
    assert.equal((await seed.ended).code, 0);
  });

  it('and a .torrent of the same torrent are one torrent given twice', async (t) => {
    const link = await startSeed(t);
    const { code, err } = await runBtget(t, dir, [link, torrent, '-d', 'twice', ...LOOPBACK]);
    assert.equal(code, 0);
    assert.match(err, /data\.torrent is the same torrent as magnet:/);
  });

  it('are interrupted with 7 while there is no metadata', async (t) => {
    for (const command of ['download', 'seed']) {
      const waiting = new BtgetProcess(t, dir, [command, hash, '-d', 'none', ...LOOPBACK, '--json']);
      await waiting.says(/"listening"/);
      waiting.process.kill('SIGINT');
      const { code, out } = await waiting.ended;
      assert.equal(code, 7, `${command}: ${out}`);
    }
    assert.equal(existsSync(join(dir, 'none')), false);
  });

  it('are shown, and saved as a .torrent that never replaces another', async (t) => {
    const link = await startSeed(t);
    const shown = await runBtget(t, dir, ['show', '--json', link, '-o', 'saved.torrent', ...LOOPBACK]);
    assert.equal(shown.code, 0, shown.err);
    const { infoHash, name, files, magnet } = JSON.parse(shown.out);
    assert.deepEqual([infoHash, name, files.length], [hash, 'data', 3]);
    assert.ok(magnet.startsWith(`magnet:?xt=urn:btih:${hash}&dn=data&`), magnet);
    const saved = parseMetainfo(readFileSync(join(dir, 'saved.torrent')));
    assert.deepEqual(saved.info, parseMetainfo(readFileSync(torrent)).info);
    writeFileSync(join(dir, 'there.torrent'), 'something else');
    const refused = await runBtget(t, dir, ['show', link, '-o', 'there.torrent', ...LOOPBACK]);
    assert.deepEqual([refused.code, readFileSync(join(dir, 'there.torrent'), 'utf8')], [13, 'something else']);
  });

  it('are not shown when nobody has them, and --timeout ends the wait', async (t) => {
    const { code, out } = await runBtget(t, dir, ['show', '--json', hash, '--timeout', '1', ...LOOPBACK]);
    assert.equal(code, 2);
    assert.equal(JSON.parse(out).error.code, 'gave-up');
  });
});
