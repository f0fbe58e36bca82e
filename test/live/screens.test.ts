/**
 * The progress display in a real terminal, as whole screens. What changes from run to run is masked: each cell of a row
 * by a word of the same width, and what stands above the rows where it is not the display's.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createTorrent } from '../../src/index.js';
import { scratch } from '../support/disk/scratch.js';
import { writeNoise } from '../support/noise.js';
import { btget, HOSTS, isInstalled, ROOT, startTracker } from './support.js';
import { BTGET_COMMAND, Terminal, type TerminalSize } from './terminal.js';

const OPTIONS = {
  timeout: 300_000,
  skip: isInstalled('tmux', '-V') ? false : 'tmux is not installed (Debian package tmux)',
};
const MiB = 1 << 20;
const KiB = 1024;
const SIZES: readonly TerminalSize[] = [
  { columns: 80, rows: 24 },
  { columns: 200, rows: 50 },
  { columns: 30, rows: 6 },
];
/** All peers are in the network namespace, and nobody is looked for. */
const ALONE = ['--no-dht', '--no-lsd', '--no-pex', '--no-port-mapping', '--no-config'];

/** `BTGET_WRITE_SCREENS=1` writes the screens anew, for a look at the difference. */
const WRITES = process.env['BTGET_WRITE_SCREENS'] === '1';

/**
 * Content below `DIR/seed`, a .torrent of each in `DIR`, and scripts for the shell of the terminal, so that what is typed
 * is the same in each run.
 */
class Stage {
  readonly dir: string;
  readonly #test: TestContext;

  constructor(t: TestContext) {
    this.#test = t;
    this.dir = scratch(t);
  }

  /** `files`: the length of each in bytes, by its path; a torrent is made of each file or top folder. */
  async make(files: Readonly<Record<string, number>>, trackers: readonly string[][] = []): Promise<void> {
    writeNoise(join(this.dir, 'seed'), files);
    const options = { pieceLength: 16 * KiB, trackers };
    for (const name of new Set(Object.keys(files).map((path) => path.split('/')[0] ?? '')))
      writeFileSync(this.#torrent(name), await createTorrent(join(this.dir, 'seed', name), options));
  }

  /** Seeds these torrents, with `rate` for all together; resolves to the seed's address. */
  async seed(names: readonly string[], rate: string): Promise<string> {
    const options = ['--bind', HOSTS.rival, '--max-upload', rate, '--upload-slots', '50', ...ALONE];
    const torrents = names.map((name) => this.#torrent(name));
    const seed = btget(this.#test, 'seed', ...torrents, '-d', join(this.dir, 'seed'), ...options);
    return seed.until((output) => {
      const ready = (output.match(/: seeding /g) ?? []).length === names.length;
      return ready ? /listening on (\S+)/.exec(output)?.[1] : null;
    });
  }

  /** A script of one command of btget: `sh NAME` runs it. Torrents are given by name. */
  script(name: string, command: 'download' | 'seed', torrents: readonly string[], ...options: string[]): void {
    const dir = command === 'seed' ? 'seed' : 'leech';
    const sources = torrents.map((torrent) => `'${this.#torrent(torrent)}'`);
    const all = [...sources, '-d', dir, '--bind', HOSTS.btget, ...ALONE, ...options];
    writeFileSync(join(this.dir, name), `exec ${BTGET_COMMAND} ${command} ${all.join(' ')}\n`);
  }

  /** A new terminal in which `sh NAME` runs. What was downloaded before is gone. */
  async play(name: string, size: TerminalSize): Promise<Terminal> {
    rmSync(join(this.dir, 'leech'), { recursive: true, force: true });
    const place = join(this.dir, `terminal-${size.columns}`);
    mkdirSync(place);
    const terminal = new Terminal(this.#test, place, ['LC_ALL=C.UTF-8'], size);
    // The new prompt says that the screen is clear. What is typed sooner is echoed before that.
    terminal.enter(`cd ${this.dir}; PS1='> '; clear`);
    await terminal.until(() => (terminal.rows().join() === '>' ? true : null));
    terminal.enter(`sh ${name}`);
    return terminal;
  }

  #torrent(name: string): string {
    return join(this.dir, `${name}.torrent`);
  }
}

/** `word` in the columns that the text has which it replaces. */
const as =
  (word: string) =>
  (text: string): string =>
    word.padStart(text.length);

/** A row without what changes while a torrent comes or goes. The other cells stay as they are. */
function masked(row: string): string {
  return row
    .replace(/(?<=^(ERR {2}|PART |\S+: seeding ))\d+%/, 'n%')
    .replace(/(?<=^OK .* {2})[\d.]+ [KMG]?i?B\/s(?= {2})/, 'rate')
    .replace(/(?<=\[)[#-]+(?=\])/, (bar) => '='.repeat(bar.length))
    .replace(/(?<= ) *\d+%(?= )|(?<= ) *\d+%$/, as('n%'))
    .replace(/(?<= {2}) *[\d.]+ [KMG]?i?B of (?=[\d.]+ [KMG]iB)/, as('n of '))
    .replace(/(?<= {2}) *(down |up )?[\d.]+ [KMG]?i?B\/s/g, (text, way: string | undefined) =>
      as(`${way ?? ''}n/s`)(text),
    )
    .replace(/(?<= {2}) *\d+[smhd](\d\d[smh])?(?=$| left| {2})/, as('time'))
    .replace(/(?<=ratio )\d\.\d\d/, 'n.nn')
    .replace(/(?<=: done, [\d.]+ [KM]iB in )\d+s/, 'time')
    .replace(/(?<=listening on [\d.]+:)\d+/, 'port');
}

/**
 * Rows without why something has stalled, which other tests look at: what stands above the display becomes one row. It
 * may have left the terminal at its top in part.
 */
function withoutReasons(rows: readonly string[]): string[] {
  const isAbove = (row: string): boolean => !/\d%/.test(row) && !/^and \d+ more$/.test(row);
  return rows.flatMap((row, index) => {
    if (!isAbove(row)) return masked(row);
    return index > 0 && isAbove(rows[index - 1] ?? '') ? [] : '(why)';
  });
}

/** Waits until the terminal shows what the file of that name holds. Fails with the difference when it does not. */
async function shows(
  terminal: Terminal,
  name: string,
  mask: (rows: readonly string[]) => string[] = (rows) => rows.map(masked),
) {
  const path = join(ROOT, 'test', 'live', 'screens', `${name}.txt`);
  const expected = existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n') : [];
  const until = Date.now() + (WRITES ? 15_000 : 45_000);
  let seen: string[] = [];
  do {
    await new Promise((resolve) => setTimeout(resolve, 50));
    seen = mask(terminal.rows());
  } while (JSON.stringify(seen) !== JSON.stringify(expected) && Date.now() < until);
  if (WRITES) writeFileSync(path, `${seen.join('\n')}\n`);
  else assert.deepEqual(seen, expected, name);
}

const nameOf = (what: string, { columns, rows }: TerminalSize): string => `${what}-${columns}x${rows}`;

/** Ends what runs, so that the next terminal can have its address. */
async function end(terminal: Terminal): Promise<void> {
  terminal.interrupt();
  await terminal.until((screen) => /^(OK|ERR|PART) /m.exec(screen));
}

test('one torrent is downloaded', OPTIONS, async (t) => {
  const stage = new Stage(t);
  await stage.make({ 'data.bin': 24 * MiB });
  stage.script('get', 'download', ['data.bin'], '--peer', await stage.seed(['data.bin'], '600K'));
  for (const size of SIZES) {
    const terminal = await stage.play('get', size);
    await shows(terminal, nameOf('one', size));
    await end(terminal);
  }
});

const FIVE = ['alpha', 'beta', 'gamma', 'delta', 'omega'];
const FIVE_FILES = Object.fromEntries(FIVE.map((name) => [name, 8 * MiB]));

test('five torrents are downloaded, with a total', OPTIONS, async (t) => {
  const stage = new Stage(t);
  await stage.make(FIVE_FILES);
  stage.script('get', 'download', FIVE, '--peer', await stage.seed(FIVE, '700K'));
  for (const size of SIZES) {
    const terminal = await stage.play('get', size);
    await shows(terminal, nameOf('five', size));
    await end(terminal);
  }
});

test('of forty torrents the ten to which something comes are shown first', OPTIONS, async (t) => {
  const stage = new Stage(t);
  const all = Array.from({ length: 40 }, (_, index) => `t${String(index).padStart(2, '0')}`);
  const active = all.filter((_, index) => index % 4 === 3);
  const rest = all.filter((name) => !active.includes(name));
  const of = (names: readonly string[], length: number) => Object.fromEntries(names.map((name) => [name, length]));
  const tracker = await startTracker(t, HOSTS.tracker);
  await stage.make(of(active, 8 * MiB), [[tracker]]);
  await stage.make(of(rest, 64 * KiB));
  await stage.seed(active, '800K');
  stage.script('get', 'download', all);
  for (const size of SIZES) {
    const terminal = await stage.play('get', size);
    await shows(terminal, nameOf('forty', size), withoutReasons);
    assert.equal(terminal.rows().length, size.rows, 'every row is in use');
    await end(terminal);
  }
});

test('a seed has a ratio and a time as its goal, and then it gives', OPTIONS, async (t) => {
  const stage = new Stage(t);
  await stage.make({ 'data.bin': 24 * MiB });
  stage.script('share', 'seed', ['data.bin'], '--seed-ratio', '2', '--seed-time', '50m');
  for (const size of SIZES) {
    const terminal = await stage.play('share', size);
    await shows(terminal, nameOf('seeding', size));
    if (size.columns >= 80) {
      const peer = await terminal.until((screen) => /listening on (\S+)/.exec(screen)?.[1]);
      const torrent = join(stage.dir, 'data.bin.torrent');
      const to = join(stage.dir, `to-${size.columns}`);
      const options = ['--bind', HOSTS.other, '--peer', peer, '--max-download', '200K', ...ALONE];
      btget(t, torrent, '-d', to, ...options);
      await shows(terminal, nameOf('giving', size));
    }
    await end(terminal);
  }
});

test('a torrent without peers has stalled, and nothing tells a rate or a time left', OPTIONS, async (t) => {
  const stage = new Stage(t);
  await stage.make({ 'data.bin': MiB });
  stage.script('get', 'download', ['data.bin']);
  for (const size of SIZES) {
    const terminal = await stage.play('get', size);
    await shows(terminal, nameOf('stalled', size), withoutReasons);
    await end(terminal);
  }
});

test('names of wide characters and emoji stand in the same columns as others', OPTIONS, async (t) => {
  const stage = new Stage(t);
  const names = ['漢字のトレント.bin', '日本語のとても長い名前のトレントです', '🎉🎊 party.bin', 'plain.bin'];
  await stage.make(Object.fromEntries(names.map((name) => [name, 8 * MiB])));
  stage.script('get', 'download', names, '--peer', await stage.seed(names, '700K'));
  for (const size of SIZES) {
    const terminal = await stage.play('get', size);
    await shows(terminal, nameOf('wide', size));
    await end(terminal);
  }
});

test(
  'a terminal that is resized in the middle shows the new display, and nothing of the old one',
  OPTIONS,
  async (t) => {
    const stage = new Stage(t);
    await stage.make(Object.fromEntries(FIVE.map((name) => [name, 24 * MiB])));
    stage.script('get', 'download', FIVE, '--peer', await stage.seed(FIVE, '700K'));
    const terminal = await stage.play('get', { columns: 80, rows: 24 });
    await shows(terminal, 'resizing-80x24');
    for (const size of [
      { columns: 50, rows: 24 },
      { columns: 30, rows: 24 },
      { columns: 200, rows: 24 },
      { columns: 100, rows: 10 },
      { columns: 30, rows: 6 },
      { columns: 80, rows: 24 },
    ]) {
      terminal.resize(size);
      await shows(terminal, nameOf('resized', size));
    }
    await end(terminal);
  },
);

test('a torrent that is done leaves a line above the others, and Ctrl-C leaves only lines', OPTIONS, async (t) => {
  const stage = new Stage(t);
  await stage.make({ ...FIVE_FILES, small: 64 * KiB });
  const names = ['alpha', 'small', 'beta'];
  stage.script('get', 'download', names, '--peer', await stage.seed(names, '700K'));
  const size = { columns: 200, rows: 50 };
  const terminal = await stage.play('get', size);
  await shows(terminal, nameOf('done', size));
  assert.equal(terminal.isCursorShown, false);
  await end(terminal);
  await shows(terminal, nameOf('interrupted', size));
  assert.equal(terminal.isCursorShown, true);
});

test('a seed with a part names what is missing, and ends with PART', OPTIONS, async (t) => {
  const stage = new Stage(t);
  const files = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight'];
  await stage.make(Object.fromEntries(files.map((name) => [`box/${name}`, 40 * KiB])));
  for (const name of ['two', 'three', 'five', 'seven', 'eight']) rmSync(join(stage.dir, 'seed', 'box', name));
  stage.script('share', 'seed', ['box']);
  const size = { columns: 80, rows: 24 };
  const terminal = await stage.play('share', size);
  await shows(terminal, nameOf('part', size));
  await end(terminal);
  await shows(terminal, nameOf('part-ended', size));
});
