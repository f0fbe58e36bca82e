/** Torrents with one folder's name in one command, by the program itself. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { InfoHash } from '../../src/metainfo/info-hash.js';
import { ownerIn, readJournal } from '../../src/resume/read-journal.js';
import { createTorrent } from '../../src/session/create-torrent.js';
import { BtgetProcess, LOOPBACK, runBtget } from '../support/btget-process.js';
import { seededRandom } from '../support/simulation/seeded-random.js';

const OFFLINE = [...LOOPBACK, '--no-dht', '--no-lsd', '--no-port-mapping'];
const PARTS = 40;
const PIECE_LENGTH = 16_384;
/** Of the torrents whose downloads are killed. */
const SLOW_LENGTH = 400_000;
const noise = (seed: number, length: number): Buffer => seededRandom(seed + 1).bytes(length);

describe('torrents of one folder in one command', () => {
  const root = mkdtempSync(join(tmpdir(), 'btget-shared-'));
  after(() => rmSync(root, { recursive: true }));
  let folders = 0;

  /** A torrent of `set/…`, by the path of its file; its content lies in a folder of its own. */
  async function torrentOf(name: string, files: Readonly<Record<string, Buffer>>): Promise<string> {
    for (const [path, bytes] of Object.entries(files)) {
      const file = join(root, `seed-${name}/set`, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, bytes);
    }
    const path = join(root, `${name}.torrent`);
    writeFileSync(path, await createTorrent(join(root, `seed-${name}/set`), { pieceLength: PIECE_LENGTH }));
    return path;
  }

  const readme = noise(1, 20_000);
  const shared = { 'readme.txt': readme };
  let set: string[] = [];
  let one = '';
  let two = '';
  let other = '';
  let slow: string[] = [];
  before(async () => {
    set = [];
    for (let index = 0; index < PARTS; index += 1)
      set.push(await torrentOf(`p${index}`, { [`${index}.bin`]: noise(index, 30_000) }));
    one = await torrentOf('one', { ...shared, 'a.bin': noise(101, 60_000) });
    two = await torrentOf('two', { ...shared, 'b.bin': noise(102, 60_000) });
    slow = [
      await torrentOf('k0', { 'k0.bin': noise(110, SLOW_LENGTH) }),
      await torrentOf('k1', { 'k1.bin': noise(111, SLOW_LENGTH) }),
    ];
    // It shares its first piece with the readme, and goes on otherwise.
    other = await torrentOf('other', {
      'readme.txt': Buffer.concat([readme.subarray(0, 16_384), noise(103, 3616)]),
    });
  });

  /** `--peer` options of a seed for each torrent. */
  async function peersOf(t: TestContext, names: readonly string[]): Promise<string[]> {
    const peers: string[] = [];
    for (const name of names) {
      const seed = new BtgetProcess(t, root, [
        'seed',
        join(root, `${name}.torrent`),
        '-d',
        `seed-${name}`,
        ...OFFLINE,
        '--json',
      ]);
      const port = (await seed.says(/"port":(\d+)/))[1];
      await seed.says(/"state":"seeding"/);
      peers.push('--peer', `127.0.0.1:${port}`);
    }
    return peers;
  }

  function emptyFolder(): string {
    folders += 1;
    return join(root, `into-${folders}`);
  }

  const events = (out: string) =>
    out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));

  it('are downloaded together when they share no file, forty of them', async (t) => {
    // One folder that holds the files of all.
    mkdirSync(join(root, 'all/set'), { recursive: true });
    for (let index = 0; index < PARTS; index += 1)
      writeFileSync(join(root, `all/set/${index}.bin`), noise(index, 30_000));
    const seed = new BtgetProcess(t, root, ['seed', ...set, '-d', 'all', ...OFFLINE, '--json']);
    const port = (await seed.says(/"port":(\d+)/))[1];
    await waitFor(() => seedingIn(seed.out).size === PARTS);
    const dir = emptyFolder();
    const { code, out, err } = await runBtget(t, root, [
      ...set,
      '-d',
      dir,
      ...OFFLINE,
      '--peer',
      `127.0.0.1:${port}`,
      '--json',
      '--timeout',
      '600',
    ]);
    assert.equal(code, 0, err);
    assert.equal(events(out).filter(({ type }) => type === 'done').length, PARTS);
    assert.deepEqual(
      events(out).filter(({ type }) => type === 'warning'),
      [],
    );
    assert.deepEqual(readdirSync(dir), ['set'], 'nothing is left beside it');
    for (let index = 0; index < PARTS; index += 1)
      assert.ok(readFileSync(join(dir, `set/${index}.bin`)).equals(noise(index, 30_000)));
    const verified = await runBtget(t, root, ['verify', ...set, '-d', dir]);
    assert.equal(verified.code, 0, verified.out);
  });

  it('take turns when they share a file, and the second adopts it, though the first goes on seeding', async (t) => {
    const peers = await peersOf(t, ['one', 'two']);
    for (const seeding of [false, true]) {
      const dir = emptyFolder();
      const options = ['-d', dir, ...OFFLINE, ...peers, '--json', '--timeout', '600', ...(seeding ? ['--seed'] : [])];
      const run = new BtgetProcess(t, root, [one, two, ...options]);
      if (seeding) {
        await run.says(/"type":"done"[\s\S]*"type":"done"/);
        run.process.kill('SIGINT');
      }
      const { code, out, err } = await run.ended;
      assert.equal(code, 0, err + out);
      const told = events(out);
      const waiting = told.filter(({ type }) => type === 'warning').map(({ code, message }) => `${code}: ${message}`);
      assert.deepEqual(waiting, [
        `waiting: waiting for set, which is at work on ${dir}/set/readme.txt too`,
        'resumed: its turn has come; going on',
      ]);
      const [, second] = told.filter(({ type }) => type === 'done');
      assert.ok(second.downloaded < 80_000, 'what the first has fetched is not fetched again');
      assert.deepEqual(readdirSync(join(dir, 'set')).sort(), ['a.bin', 'b.bin', 'readme.txt']);
    }
  });

  it('do not change what another of them has made whole: the second ends with 13', async (t) => {
    const peers = await peersOf(t, ['one', 'other']);
    for (const more of [[], ['--overwrite']]) {
      const dir = emptyFolder();
      const { code, err } = await runBtget(t, root, [
        one,
        other,
        '-d',
        dir,
        ...OFFLINE,
        ...peers,
        '--timeout',
        '600',
        ...more,
      ]);
      assert.equal(code, 13, err);
      assert.match(err, /readme\.txt is another torrent's of this run, and not the same here \(-o or -d saves one/);
      assert.ok(readFileSync(join(dir, 'set/readme.txt')).equals(readme));
    }
  });

  it('find their journals again when they were killed, in whichever order they come', async (t) => {
    const peers = await peersOf(t, ['k0', 'k1']);
    const [first, second] = slow as [string, string];
    for (const orders of [[[second, first]], [[second], [first]], [[first], [second]]]) {
      const dir = emptyFolder();
      const options = ['-d', dir, ...OFFLINE, ...peers, '--json', '--timeout', '600'];
      const killed = new BtgetProcess(t, root, [first, second, ...options, '--max-download', '100K']);
      await killed.says(/"state":"downloading"/);
      const speaksOfPieces = (name: string): boolean => runsIn(readFileSync(join(dir, name))) > 0;
      await waitFor(() => journalsIn(dir).filter(speaksOfPieces).length === 2 || killed.process.exitCode !== null);
      killed.process.kill('SIGKILL');
      await killed.ended;
      assert.ok(journalsIn(dir).includes('set.btget'));
      for (const sources of orders) {
        const { code, err, out } = await runBtget(t, root, [...sources, ...options]);
        assert.equal(code, 0, err + out);
        for (const done of events(out).filter(({ type }) => type === 'done'))
          assert.ok(done.downloaded < SLOW_LENGTH, `what was written down is not fetched again: ${done.downloaded}`);
      }
      assert.deepEqual(readdirSync(dir), ['set']);
    }
  });
});

function journalsIn(dir: string): string[] {
  try {
    return readdirSync(dir)
      .filter((name) => /^set(\.[0-9a-f]{8})?\.btget$/.test(name))
      .sort();
  } catch {
    return [];
  }
}

/** How many runs of pieces the journal of a slow torrent says are on the disk. */
function runsIn(journal: Buffer): number {
  const infoHash = ownerIn(journal);
  const owner = { pieceCount: Math.ceil(SLOW_LENGTH / PIECE_LENGTH), fileCount: 1 };
  const contents = infoHash === null ? null : readJournal(journal, { infoHash: infoHash as InfoHash, ...owner });
  return contents?.runs.length ?? 0;
}

/** The torrents that a seed serves, by info-hash. */
function seedingIn(out: string): ReadonlySet<string> {
  return new Set([...out.matchAll(/"infoHash":"([0-9a-f]+)"[^\n]*"state":"seeding"/g)].map((match) => match[1] ?? ''));
}

function waitFor(isThere: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (isThere()) resolve();
      else setImmediate(look);
    };
    look();
  });
}
