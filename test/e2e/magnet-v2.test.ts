import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { BtgetProcess, LOOPBACK, runBtget } from '../support/btget-process.js';
import { HANGS_AFTER } from '../support/hang.js';
import { type V2SampleTorrent, v2Torrent } from '../support/v2-torrent.js';

const dir = mkdtempSync(join(tmpdir(), 'btget-magnet-v2-'));
after(() => rmSync(dir, { recursive: true }));

const MIB = 1 << 20;
const FILES = [
  { path: 'data/one.bin', length: 9 * MIB + 5 },
  { path: 'data/sub/two.bin', length: MIB },
  { path: 'data/three.txt', length: 77 },
  { path: 'data/empty', length: 0 },
];

/** A torrent of this version with its content below `NAME/`, and its .torrent with and without layers. */
class Kind {
  readonly name: string;
  readonly sample: V2SampleTorrent;

  constructor(version: '2' | 'hybrid') {
    this.name = version;
    this.sample = v2Torrent(FILES, 256 * 1024, version);
    for (const [index, { path, padding }] of this.sample.metainfo.files.entries()) {
      if (padding) continue;
      const at = join(dir, version, ...path);
      mkdirSync(dirname(at), { recursive: true });
      writeFileSync(at, this.sample.fileBytes(index));
    }
    writeFileSync(join(dir, `${version}.torrent`), this.sample.torrent);
    const bare = this.sample.torrent.subarray(0, this.sample.torrent.indexOf('12:piece layers'));
    writeFileSync(join(dir, `${version}-bare.torrent`), Buffer.concat([bare, Buffer.from('e')]));
  }

  get v1(): string {
    return this.sample.metainfo.infoHashV1?.toString('hex') ?? '';
  }

  get v2(): string {
    return this.sample.metainfo.infoHashV2?.toString('hex') ?? '';
  }

  /** A seed that runs until the test ends; where it listens. */
  async seed(test: TestContext, torrent = `${this.name}.torrent`, ...more: readonly string[]): Promise<string> {
    const seed = new BtgetProcess(test, dir, ['seed', torrent, '-d', join(dir, this.name), ...LOOPBACK, ...more]);
    const [, peer = ''] = await seed.says(/listening on (\S+)\n[\s\S]*seeding/);
    return peer;
  }

  /** That a download has put everything into `folder`, and nothing else. */
  check(folder: string): void {
    assert.deepEqual(readdirSync(join(dir, folder)), ['data']);
    for (const [index, { path, padding }] of this.sample.metainfo.files.entries()) {
      if (!padding) assert.deepEqual(readFileSync(join(dir, folder, ...path)), this.sample.fileBytes(index));
    }
  }
}

const V2 = new Kind('2');
const HYBRID = new Kind('hybrid');
const eventsOf = (out: string): Record<string, unknown>[] =>
  out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('torrents of version 2 on the command line', { concurrency: 2, timeout: HANGS_AFTER }, () => {
  for (const [what, kind, link] of [
    ['version 2 by urn:btmh', V2, `magnet:?xt=urn:btmh:1220${V2.v2}`],
    ['version 2 by 64 digits', V2, V2.v2],
    ['version 2 by the first 40 of them', V2, V2.v2.slice(0, 40)],
    ['a hybrid by its v1 hash', HYBRID, HYBRID.v1],
    ['a hybrid by its v2 hash', HYBRID, HYBRID.v2],
    ['a hybrid by the first 40 digits of it', HYBRID, HYBRID.v2.slice(0, 40)],
    ['a hybrid by both', HYBRID, `magnet:?xt=urn:btih:${HYBRID.v1}&xt=urn:btmh:1220${HYBRID.v2}`],
    ['version 2 by a .torrent without layers', V2, '2-bare.torrent'],
    ['a hybrid by a .torrent without layers', HYBRID, 'hybrid-bare.torrent'],
  ] as const) {
    it(`download ${what}`, async (t) => {
      const peer = await kind.seed(t);
      const folder = what.replaceAll(' ', '-').replaceAll(':', '');
      const { code, out } = await runBtget(t, dir, [link, '--peer', peer, '-d', folder, ...LOOPBACK, '--json', '-q']);
      assert.equal(code, 0, out);
      kind.check(folder);
      const events = eventsOf(out);
      assert.deepEqual(
        events.filter(({ type }) => type === 'warning'),
        [],
      );
      const added = events.find(({ type }) => type === 'added');
      const main = kind === V2 ? V2.v2.slice(0, 40) : HYBRID.v1;
      assert.deepEqual([added?.['infoHash'], added?.['infoHashV2']], [main, kind.v2]);
    });
  }

  for (const kind of [V2, HYBRID]) {
    it(`seed version ${kind.name} from a .torrent without layers, and give the layers to others`, async (t) => {
      const peer = await kind.seed(t, `${kind.name}-bare.torrent`);
      const folder = `from-bare-${kind.name}`;
      const args = [kind.v2, '--peer', peer, '-d', folder, ...LOOPBACK, '--json', '-q'];
      const { code, out } = await runBtget(t, dir, args);
      assert.equal(code, 0, out);
      kind.check(folder);
    });

    it(`seed a part of version ${kind.name} without layers, of which others get what they select`, async (t) => {
      const part = `part-${kind.name}`;
      cpSync(join(dir, kind.name), join(dir, part), { recursive: true });
      rmSync(join(dir, part, 'data/one.bin'));
      const bare = `${kind.name}-bare.torrent`;
      const seed = new BtgetProcess(t, dir, ['seed', bare, '-d', part, ...LOOPBACK]);
      const [, peer = ''] = await seed.says(/listening on (\S+)\n[\s\S]*missing: one\.bin\n/);
      for (const [source, file, number] of [
        [bare, 'three.txt', 1],
        [bare, 'two.bin', 2],
        [kind.v2, 'two.bin', 3],
      ] as const) {
        const folder = `${part}-${number}`;
        const args = [source, '--select', file, '--peer', peer, '-d', folder, ...LOOPBACK];
        const { code, err } = await runBtget(t, dir, args);
        assert.equal(code, 0, err);
      }
      const { code, err } = await runBtget(t, dir, ['cat', '-q', bare, 'two.bin', '--peer', peer, ...LOOPBACK]);
      assert.equal(code, 0, err);
      seed.process.kill('SIGINT');
      const end = await seed.ended;
      assert.match(end.err, /^PART /m);
    });

    it(`show a link of version ${kind.name}, and save a .torrent with its layers`, async (t) => {
      const peer = await kind.seed(t);
      const saved = `saved-${kind.name}.torrent`;
      const args = ['show', '--json', kind.v2, '-o', saved, '--peer', peer, ...LOOPBACK];
      const { code, out, err } = await runBtget(t, dir, args);
      assert.equal(code, 0, err);
      const { version, infoHashV2, files } = JSON.parse(out);
      assert.deepEqual([version, infoHashV2, files.length], [kind.name, kind.v2, kind.sample.metainfo.files.length]);
      assert.deepEqual(parseMetainfo(readFileSync(join(dir, saved))), { ...kind.sample.metainfo, trackers: [] });
    });

    it(`know the files and layers of version ${kind.name} after a restart without any peer`, async (t) => {
      const peer = await kind.seed(t, `${kind.name}.torrent`, '--max-upload', '3M');
      const folder = `half-${kind.name}`;
      const link = [kind.v2, '-d', folder, ...LOOPBACK, '--json', '-q'];
      const first = new BtgetProcess(t, dir, [...link, '--peer', peer]);
      await first.says(/"have":[1-9]\d{6}/);
      first.process.kill('SIGINT');
      assert.equal((await first.ended).code, 7);
      assert.ok(readdirSync(join(dir, folder)).includes(`.${kind.v2.slice(0, 40)}.btget`));
      cpSync(join(dir, folder), join(dir, `${folder}-copy`), { recursive: true });
      const again = await runBtget(t, dir, [...link, '--stop-timeout', '5']);
      assert.equal(again.code, 2, again.out);
      const summary = eventsOf(again.out).at(-1) as { torrents: { have: number; wanted: number }[] };
      assert.equal(summary.torrents[0]?.wanted, 10 * MIB + 82);
      assert.ok((summary.torrents[0]?.have ?? 0) >= 256 * 1024, again.out);
      // The same is known to one that comes back with the .torrent, with or without its layers.
      const bare = [`${kind.name}-bare.torrent`, '-d', folder, ...LOOPBACK, '--peer', await kind.seed(t)];
      assert.equal((await runBtget(t, dir, bare)).code, 0);
      kind.check(folder);
    });
  }

  it('say that nobody gives the hashes of version 2, and end as links do that get no metadata', async (t) => {
    const waiting = ['2-bare.torrent', '-d', 'waiting', ...LOOPBACK, '--timeout', '1', '--json'];
    const { code, out } = await runBtget(t, dir, waiting);
    assert.equal(code, 2, out);
    assert.ok(!eventsOf(out).some(({ type }) => type === 'added'));
  });
});
