/** `create` by the real program: what it leaves out, what it puts together, and what it tells people. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { createTorrent } from '../../src/session/create-torrent.js';
import { BTGET, BtgetProcess, LOOPBACK, runBtget } from '../support/btget-process.js';

const root = mkdtempSync(join(tmpdir(), 'btget-create-'));
after(() => rmSync(root, { recursive: true }));

const hasScript = spawnSync('script', ['--version']).status === 0;

function folder(name: string, files: readonly string[]): string {
  const dir = join(root, name);
  for (const file of files) {
    mkdirSync(dirname(join(dir, file)), { recursive: true });
    writeFileSync(join(dir, file), `${name}/${file}`);
  }
  return dir;
}

const filesOf = (torrent: string): string[] =>
  parseMetainfo(readFileSync(torrent)).files.map((file) => file.path.join('/'));

/** The lines that `btget create` prints on a terminal. */
async function createOnTerminal(cwd: string, ...args: readonly string[]): Promise<string[]> {
  const words = [process.execPath, BTGET, 'create', ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  const { stdout } = await promisify(execFile)('script', ['-qec', words.join(' '), '/dev/null'], { cwd });
  return stdout.split(/\r*\n/);
}

test('--exclude leaves out by name and by path, and the rest verifies and seeds', async (t) => {
  const dir = folder('site', ['site/index.html', 'site/a.log', 'site/b.tmp', 'site/cache/x', 'site/in/cache/y']);
  const made = await runBtget(t, dir, ['create', 'site', '--exclude', '*.{log,tmp}', '--exclude', 'cache/*']);
  assert.equal(made.code, 0, made.err);
  assert.deepEqual(filesOf(join(dir, 'site.torrent')), ['site/in/cache/y', 'site/index.html']);
  assert.equal((await runBtget(t, dir, ['verify', 'site.torrent'])).code, 0);
  for (const exclude of ['site/in', './in', `${dir}/site/in`]) {
    const again = await runBtget(t, dir, ['create', 'site', '--exclude', exclude, '--force']);
    assert.equal(again.code, 0, again.err);
    assert.ok(!filesOf(join(dir, 'site.torrent')).includes('site/in/cache/y'));
  }
  const unused = await runBtget(t, dir, ['create', 'site', '--exclude', 'site/nothing', '-o', 'none.torrent']);
  assert.deepEqual([unused.code, unused.err], [28, 'btget: --exclude: no file of site matches site/nothing\n']);
  const glob = await runBtget(t, dir, ['create', 'site', '--exclude', '.DS_Store', '-o', 'glob.torrent']);
  assert.match(glob.err, /^warning: --exclude \.DS_Store means no file\n/);
  assert.equal(glob.code, 0);
  const none = await runBtget(t, dir, ['create', 'site', '--exclude', '*', '--force']);
  assert.deepEqual([none.code, none.err], [28, 'btget: --exclude leaves no file of site\n']);
});

test('several paths become one folder, and the library makes the same bytes', async (t) => {
  const dir = folder('parts', ['pack/one', 'pack/two/x', 'pack/three', 'other/one']);
  const paths = ['pack/two', 'pack/one'];
  const made = await runBtget(t, dir, ['create', ...paths, '--name', 'pack']);
  assert.equal(made.code, 0, made.err);
  const bytes = readFileSync(join(dir, 'pack.torrent'));
  assert.deepEqual(filesOf(join(dir, 'pack.torrent')), ['pack/one', 'pack/two/x']);
  const { createdBy } = parseMetainfo(bytes);
  const absolute = paths.map((path) => join(dir, path));
  assert.deepEqual(await createTorrent(absolute, { name: 'pack', createdBy }), bytes);
  assert.equal((await runBtget(t, dir, ['verify', 'pack.torrent'])).code, 0);
  for (const [args, message] of [
    [['pack/one', 'pack/two'], '--name is missing: several paths need a name for their folder'],
    [['pack/one', 'other/one', '--name', 'x'], 'pack/one and other/one would both be x/one'],
  ] as const)
    assert.deepEqual(await runBtget(t, dir, ['create', ...args]), { code: 28, out: '', err: `btget: ${message}\n` });
});

test('names that others get changed are warned of, and are found again here', async (t) => {
  const dir = folder('names', ['box/a\\b', 'box/README', 'box/readme', 'box/plain']);
  const made = await runBtget(t, dir, ['create', 'box']);
  assert.equal(made.code, 0, made.err);
  assert.equal(
    made.err.split('\n')[0],
    "warning: others get 2 other names: 'box/a\\b' will be 'box/ab', 'box/readme' will be 'box/readme.1'",
  );
  assert.equal((await runBtget(t, dir, ['verify', 'box.torrent'])).code, 0);
  assert.equal((await runBtget(t, dir, ['create', 'box', '-q', '--force'])).err, '');
  const plain = await runBtget(t, dir, ['create', 'box/plain', '-o', 'plain.torrent']);
  assert.doesNotMatch(plain.err, /warning|next:/);
});

test('on a terminal the last line is the command that seeds it, which works in a shell', {
  skip: !hasScript,
}, async (t) => {
  const dir = folder('next', ["it's here/$x y/f", 'up/a', 'up/b', 'a\nb/f', '-dash/f']);
  mkdirSync(join(dir, 'work'));
  symlinkSync(join(dir, 'up'), join(dir, 'link'));
  const rows: readonly (readonly [args: readonly string[], expected: string])[] = [
    [['../up'], 'next: btget seed up.torrent -d ..'],
    [[`${dir}/link`, '-o', '../l.torrent'], `next: btget seed ../l.torrent -d ${dir}`],
    [['../up', '--name', 'new name'], "next: btget seed 'new name.torrent' -d .. -o up"],
    [["../it's here/$x y"], "next: btget seed '$x y.torrent' -d '../it'\\''s here'"],
    [['../a\nb'], "next: btget seed $'a\\x0ab.torrent' -d .."],
    [['--', '../-dash'], 'next: btget seed ./-dash.torrent -d ..'],
    [['../up/b', '../up/a', '--name', 'both'], 'next: btget seed both.torrent -d .. -o up'],
  ];
  for (const [args, expected] of rows) {
    const lines = await createOnTerminal(join(dir, 'work'), ...args);
    assert.equal(lines.at(-2), expected, lines.join('\n'));
    const words = spawnSync('bash', ['-c', `printf '%s\\0' ${expected.replace('next: btget ', '')}`]).stdout.toString();
    const seed = new BtgetProcess(t, join(dir, 'work'), [...words.split('\0').slice(0, -1), ...LOOPBACK, '--no-dht']);
    await seed.says(/: seeding \d/);
    seed.process.kill('SIGTERM');
    assert.equal((await seed.ended).code, 0, seed.err);
  }
  const apart = await createOnTerminal(join(dir, 'work'), '../up/a', '../-dash', '--name', 'apart');
  assert.equal(apart.at(-2), 'next: put these into a folder apart here, and btget seed apart.torrent');
  const quiet = await createOnTerminal(join(dir, 'work'), '../up', '-q', '-o', 'q.torrent');
  assert.deepEqual(quiet, ['']);
});

test('a .torrent takes the place of no content, under whatever name, and of no other file that is none', async (t) => {
  const dir = folder('lost', ['mov.mkv', 'pd/a', 'pd/b', 'notes']);
  symlinkSync('mov.mkv', join(dir, 'soft'));
  linkSync(join(dir, 'mov.mkv'), join(dir, 'hard'));
  symlinkSync('pd', join(dir, 'way'));
  const rows: readonly (readonly [args: readonly string[], code: number])[] = [
    [['mov.mkv', '-o', 'mov.mkv'], 28],
    [['mov.mkv', '-o', 'mov.mkv', '--force'], 28],
    [['mov.mkv', '-o', 'soft', '--force'], 28],
    [['mov.mkv', '-o', 'hard', '--force'], 28],
    [['soft', '-o', 'mov.mkv', '--force'], 28],
    [['pd', '-o', 'pd/b', '--force'], 28],
    [['way', '-o', './pd/b', '--force'], 28],
    [['pd', '-o', 'way/b', '--force'], 28],
    [['pd/a', 'pd/b', '--name', 'x', '-o', 'pd/b', '--force'], 28],
    [['pd', '-o', 'pd/b', '--exclude', 'b', '--force'], 13],
    [['pd', '-o', 'notes', '--force'], 13],
  ];
  for (const [args, code] of rows) {
    const made = await runBtget(t, dir, ['create', ...args]);
    assert.equal(made.code, code, `${args.join(' ')}: ${made.err}`);
  }
  for (const file of ['mov.mkv', 'pd/a', 'pd/b', 'notes'])
    assert.equal(readFileSync(join(dir, file), 'latin1'), `lost/${file}`);
  for (const again of [[], ['--force']]) {
    const made = await runBtget(t, dir, ['create', 'way', '-o', 'pd/pd.torrent', ...again]);
    assert.equal(made.code, 0, made.err);
    assert.deepEqual(filesOf(join(dir, 'pd/pd.torrent')), ['way/a', 'way/b']);
  }
  // A .torrent may be content as well.
  assert.equal((await runBtget(t, dir, ['create', 'pd/pd.torrent', '-o', 'pd/pd.torrent', '--force'])).code, 28);
  const shown = await runBtget(t, dir, ['show', 'pd/pd.torrent', '-o', 'notes', '--force']);
  assert.deepEqual([shown.code, readFileSync(join(dir, 'notes'), 'latin1')], [13, 'lost/notes']);
});
