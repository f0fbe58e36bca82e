/** The real program in a machine that gives it little, and among signals. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { BTGET, BtgetProcess, FIXTURES, LOOPBACK, runBtget } from '../support/btget-process.js';
import { asPlainUser } from '../support/disk/plain-user.js';
import { HANGS_AFTER } from '../support/hang.js';
import { pipeThatIsRead } from '../support/pipe-that-is-read.js';
import { runSync } from '../support/run-sync.js';

const dir = mkdtempSync(join(tmpdir(), 'btget-surroundings-'));
after(() => rmSync(dir, { recursive: true }));
const TORRENT = join(FIXTURES, 'one-piece.torrent');
/** A copy, since other tests hold the lock of the fixtures now and then. */
const CONTENT = join(dir, 'content');
mkdirSync(CONTENT);
copyFileSync(join(FIXTURES, 'one-piece.txt'), join(CONTENT, 'one-piece.txt'));
/** Begins as a .torrent does. */
const OLD = 'd3:old';
const OPTIONS = { timeout: HANGS_AFTER };
const isPosix = process.platform !== 'win32';

/** Runs btget by a shell that does `first` before. */
function inShell(first: string, ...args: readonly string[]) {
  const command = ['-c', `${first}; exec "$@"`, 'sh', process.execPath, BTGET, ...args];
  const ended = runSync('sh', command, { cwd: dir });
  return { code: ended.status, out: ended.stdout, err: ended.stderr };
}

/** A download that waits for peers, once it listens. */
async function waiting(t: TestContext, name: string, ...more: readonly string[]): Promise<BtgetProcess> {
  const program = new BtgetProcess(t, dir, [TORRENT, '-d', name, ...LOOPBACK, '--no-dht', '-v', ...more]);
  await program.says(/listening on /);
  return program;
}

test('without a terminal a hang-up ends neither a download, nor a seed, nor a tracker', OPTIONS, async (t) => {
  const tracker = new BtgetProcess(t, dir, ['tracker', '--bind', '127.0.0.1', '--port', '0']);
  const [, url = ''] = await tracker.says(/(http:\S+)\/announce/);
  const seed = new BtgetProcess(t, dir, ['seed', TORRENT, '-d', CONTENT, ...LOOPBACK, '--no-dht']);
  const [, peer = ''] = await seed.says(/listening on (\S+)\n[\s\S]*seeding/);
  const download = await waiting(t, 'hung-up', '--stop-timeout', '1');
  for (const { process: child } of [tracker, seed, download]) child.kill('SIGHUP');
  assert.equal((await download.ended).code, 2, 'its own time limit ended it');
  const fetched = await runBtget(t, dir, [TORRENT, '-d', 'fetched', ...LOOPBACK, '--no-dht', '--peer', peer]);
  assert.equal(fetched.code, 0, fetched.err);
  assert.equal((await fetch(`${url}/stats.json`)).status, 200);
  for (const { process: child } of [tracker, seed]) child.kill('SIGTERM');
  assert.deepEqual([(await tracker.ended).code, (await seed.ended).code], [0, 0]);
});

test('two signals that come together are one: the run ends with a summary, and can go on later', OPTIONS, async (t) => {
  const download = await waiting(t, 'signalled', '--json');
  // One signal twice may reach a process once, so these are two. btget does the same at both.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) download.process.kill(signal);
  const { code, out } = await download.ended;
  assert.equal(code, 7);
  assert.match(out.trimEnd().split('\n').at(-1) ?? '', /"type":"summary".*"exitCode":7/);
  const again = await waiting(t, 'signalled');
  again.process.kill('SIGTERM');
  assert.equal((await again.ended).code, 7);
});

test('a log that cannot be written harms nothing, and a failing stdout ends a run as Ctrl-C does', {
  ...OPTIONS,
  skip: !existsSync('/dev/full'),
}, () => {
  const args = (name: string) => [TORRENT, '-d', name, ...LOOPBACK, '--no-dht', '--json', '-v'];
  const logged = inShell('exec 2>/dev/full', ...args('no-log'), '--stop-timeout', '1');
  assert.equal(logged.code, 2);
  assert.match(logged.out, /"type":"summary"/);
  const { code: full, err } = inShell('exec >/dev/full', ...args('no-stdout'));
  assert.equal(full, 9);
  assert.match(err, /cannot write to stdout: ENOSPC[\s\S]*the run ended before it was done/);
  assert.equal(err.match(/cannot write to stdout/g)?.length, 1);
});

test('SIGUSR1 opens no debugger, and ends nothing', OPTIONS, async (t) => {
  const program = await waiting(t, 'debugged', '--stop-timeout', '1');
  program.process.kill('SIGUSR1');
  const { code, err } = await program.ended;
  assert.equal(code, 2);
  assert.doesNotMatch(err, /debugger/i);
});

test('a debugger that a signal opened while Node started is closed, and one that was asked for is not', OPTIONS, () => {
  const hook = join(dir, 'hook.cjs');
  writeFileSync(
    hook,
    `const inspector = require('node:inspector');
     if (inspector.url() === undefined) inspector.open(0, '127.0.0.1');
     process.on('exit', () => console.log(inspector.url() === undefined ? 'closed' : 'open'));`,
  );
  const ending = (...options: readonly string[]) =>
    runSync(process.execPath, [...options, '--require', hook, BTGET, 'show', 'none']).stdout;
  assert.equal(ending(), 'closed\n');
  assert.equal(ending('--inspect=127.0.0.1:0'), 'open\n');
});

test('whatever few files may be open, what to raise is said first, in one line, with 16', {
  ...OPTIONS,
  skip: !isPosix,
}, (t) => {
  // What the test's own process hands on counts too: the least that Node itself can start with is found first.
  let least = 12;
  writeFileSync(join(dir, 'empty.mjs'), '');
  const starts = (limit: number): boolean =>
    runSync('sh', ['-c', `ulimit -c 0; ulimit -n ${limit}; exec "$@"`, 'sh', process.execPath, join(dir, 'empty.mjs')])
      .status === 0;
  while (!starts(least)) least += 1;
  t.diagnostic(`Node starts with ${least}`);
  const name = /(?<=^btget: )one-piece\.txt: /;
  const line = 'btget: too few files may be open at once (EMFILE); raise the limit with ulimit -n\n';
  for (const command of ['download', 'verify']) {
    let refused = 0;
    for (let limit = least; limit < least + 16; limit += 1) {
      const network = command === 'download' ? [...LOOPBACK, '--no-dht', '--timeout', '600'] : [];
      const { code, out, err } = inShell(`ulimit -n ${limit}`, command, TORRENT, '-d', CONTENT, ...network);
      if (code === 0) continue;
      // Only the content could not be opened, and `verify` goes on after a file that it cannot read.
      if (code === 32 && /^unreadable .*: too many open files \(EMFILE\)\)$/m.test(out)) continue;
      const [first, ...more] = err.split(/(?<=\n)/);
      assert.deepEqual({ limit, code, first: first?.replace(name, '') }, { limit, code: 16, first: line });
      // What became of the torrent and of its lock.
      for (const other of more)
        assert.match(other, /^(btget: )?one-piece\.txt: (the run ended|cannot open .*\.lock: )/);
      refused += 1;
    }
    assert.ok(refused > 0, 'the limit was met at all');
  }
});

test('a program of --on-complete for which too few files may be open is told as that, and is no bug', {
  ...OPTIONS,
  skip: !isPosix,
}, (t) => {
  const network = [...LOOPBACK, '--no-dht', '--timeout', '600'];
  const args = ['download', TORRENT, '-d', CONTENT, ...network, '--on-complete', 'true'];
  let refused = 0;
  // From where Node cannot start to where all is well.
  for (let limit = 18; refused === 0 || limit < 40; limit += 2) {
    const { code, err } = inShell(`ulimit -c 0; ulimit -n ${limit}`, ...args);
    if (!/one-piece\.txt: done, it was all here/.test(err)) continue;
    assert.doesNotMatch(err, /bug/);
    if (code === 0) break;
    assert.match(err, /^btget: one-piece\.txt: --on-complete true: cannot be run: EMFILE$/m);
    assert.equal(code, 1);
    refused += 1;
  }
  t.diagnostic(`${refused} limits were too low`);
  assert.ok(refused > 0, 'the limit was met at all');
});

test('a folder that has been removed under us is told, with 16', { ...OPTIONS, skip: !isPosix }, () => {
  const { code, err } = inShell(
    'mkdir gone; cd gone; rmdir ../gone',
    TORRENT,
    ...LOOPBACK,
    '--no-dht',
    '--timeout',
    '600',
  );
  assert.deepEqual([code, err], [16, 'btget: the current folder has been removed; change to another one\n']);
});

/** Whether this file system takes the name 'caf\\xe9', which is not UTF-8. */
function makesFolder(above: string): boolean {
  mkdirSync(above);
  try {
    mkdirSync(Buffer.concat([Buffer.from(`${above}/caf`), Buffer.of(0xe9)]));
    return true;
  } catch {
    return false;
  }
}

test('in a folder whose path is not UTF-8 nothing is read or written by a name without a folder', {
  ...OPTIONS,
  skip: !isPosix,
}, (t) => {
  const above = join(dir, 'odd');
  if (!makesFolder(above)) return t.skip('this file system takes only UTF-8');
  const enter = `cd odd; cd "$(printf 'caf\\351')"`;
  const help = 'rename it, or change to another one';
  const said = `btget: the path of the current folder is not UTF-8: ${above}/caf\ufffd (${help})\n`;
  const network = [...LOOPBACK, '--no-dht', '--timeout', '1'];
  for (const args of [
    [TORRENT, ...network],
    [TORRENT, '-d', 'below', ...network],
    ['verify', TORRENT],
    ['create', '.'],
    ['show', 'x'],
  ]) {
    const { code, err } = inShell(enter, ...args);
    assert.deepEqual({ args, code, err }, { args, code: 28, err: said });
  }
  assert.equal(readdirSync(above, { encoding: 'buffer' }).length, 1, 'no folder beside it');
  assert.equal(inShell(enter, TORRENT, '-d', CONTENT, '-o', 'one-piece.txt', ...LOOPBACK).code, 0);
  assert.equal(inShell(enter, 'show', TORRENT, '-o', '-').code, 0);
  mkdirSync(join(above, 'caf\ufffd'));
  assert.equal(inShell(enter, 'verify', TORRENT).err, said, 'another folder has the text as its name');
  assert.equal(inShell('cd odd; cd "$(printf "caf\\357\\277\\275")"', 'verify', TORRENT).code, 32);
});

test('a path that is not UTF-8 is refused, and one that has the character U+FFFD itself is not', {
  ...OPTIONS,
  skip: !isPosix,
}, (t) => {
  const above = join(dir, 'odd-paths');
  if (!makesFolder(above)) return t.skip('this file system takes only UTF-8');
  writeFileSync(join(above, 'list'), Buffer.from(`${TORRENT}\ncaf\xe9\n`, 'latin1'));
  const odd = `cd odd-paths; set -- "$@" "$(printf 'caf\\351')"`;
  const network = [...LOOPBACK, '--no-dht', '--timeout', '1'];
  const rows: readonly [option: string, ...args: string[]][] = [
    ['--dir: ', TORRENT, ...network, '-d'],
    ['--output: ', TORRENT, ...network, '-o'],
    ['--reuse: ', TORRENT, ...network, '--reuse'],
    ['--dir: ', 'verify', TORRENT, '-d'],
    ['--dir: ', 'cat', TORRENT, ...network, '-d'],
    ['--output: ', 'create', 'list', '-o'],
    ['--output: ', 'show', TORRENT, '-o'],
    ['--state: ', 'tracker', '--port', '0', '--bind', '127.0.0.1', '--state'],
    ['', 'create'],
    ['', 'show', TORRENT],
    ['', 'cat'],
  ];
  for (const [option, ...args] of rows) {
    const { code, err } = inShell(odd, ...args);
    const said = `btget: ${option}this path is not UTF-8: caf\ufffd (rename it, or give another one)\n`;
    assert.deepEqual({ args, code, err }, { args, code: 28, err: said });
  }
  assert.match(inShell('cd odd-paths', 'show', '-i', 'list').err, /^btget: this path is not UTF-8: caf\ufffd/);
  assert.equal(readdirSync(above).length, 2, 'nothing was made');
  mkdirSync(join(above, 'caf\ufffd'));
  assert.equal(inShell('cd odd-paths', 'verify', TORRENT, '-d', 'caf\ufffd').code, 32);
  assert.doesNotMatch(inShell('cd odd-paths', 'cat', TORRENT, 'caf\ufffd', ...network).err, /UTF-8/, 'a pattern');
});

test('a signal ends what waits for a pipe: a source, a list of sources, a blocklist, certificates', {
  ...OPTIONS,
  skip: !isPosix,
}, async (t) => {
  const network = [...LOOPBACK, '--no-dht'];
  const rows: readonly [code: number, signal: NodeJS.Signals, ...args: string[]][] = [
    [7, 'SIGTERM', 'download', ...network],
    [7, 'SIGINT', 'seed', ...network],
    [7, 'SIGTERM', 'cat', ...network],
    [7, 'SIGTERM', 'serve', ...network],
    [7, 'SIGINT', 'download', TORRENT, ...network, '--blocklist'],
    [7, 'SIGTERM', 'download', ...network, '-i'],
    [7, 'SIGINT', 'seed', ...network, '-i'],
    [7, 'SIGTERM', 'show'],
    [7, 'SIGINT', 'show', TORRENT, '-i'],
    [7, 'SIGTERM', 'verify'],
    [3, 'SIGINT', 'verify', 'nowhere.torrent'],
    [7, 'SIGTERM', 'download', TORRENT, ...network, '--ca-certificate'],
  ];
  for (const [number, [code, signal, ...args]] of rows.entries()) {
    const pipe = join(dir, `waited-for-${number}`);
    assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
    const program = new BtgetProcess(t, dir, [...args, pipe]);
    const writer = await pipeThatIsRead(pipe);
    t.after(() => closeSync(writer));
    program.process.kill(signal);
    assert.deepEqual({ args, code: (await program.ended).code }, { args, code });
  }
});

test('a signal while sources are read is told as the command tells any end, and nothing is shown after it', {
  ...OPTIONS,
  skip: !isPosix,
}, async (t) => {
  for (const [name, ...args] of [
    ['list', 'download', '--json', ...LOOPBACK, '--no-dht', '-i'],
    ['source', 'verify', '--json'],
    ['shown', 'show', '--json'],
  ] as const) {
    const pipe = join(dir, `told-${name}`);
    assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
    const more = name === 'list' ? [] : [TORRENT];
    const program = new BtgetProcess(t, dir, [...args, pipe, ...more]);
    const writer = await pipeThatIsRead(pipe);
    t.after(() => closeSync(writer));
    program.process.kill('SIGINT');
    const { code, out } = await program.ended;
    const told = out.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));
    const expected = name === 'list' ? [7] : [{ code: 'interrupted', message: 'interrupted before it was done' }];
    assert.deepEqual([code, told.map(({ exitCode, error }) => exitCode ?? error)], [7, expected]);
  }
});

test('what comes out of a pipe is read to its end, also when it is nothing', {
  ...OPTIONS,
  skip: !isPosix,
}, async (t) => {
  const pipe = join(dir, 'read-pipe');
  assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
  for (const args of [[pipe], ['-i', pipe]]) {
    const program = new BtgetProcess(t, dir, ['show', ...args]);
    const written = args.length === 1 ? readFileSync(TORRENT) : Buffer.from(`# a list\n${TORRENT}\n`);
    const writer = await pipeThatIsRead(pipe);
    writeSync(writer, written);
    closeSync(writer);
    assert.match((await program.ended).out, /one-piece/);
  }
  for (const name of ['/dev/stdin', '/dev/fd/0', '/proc/self/fd/0']) {
    if (!existsSync(name)) continue;
    const piped = runSync('sh', ['-c', `: | "$@" ${name}`, 'sh', process.execPath, BTGET, 'show']);
    assert.equal(piped.stderr, `btget: ${name} is empty\n`);
    const full = `cat "${TORRENT}" | "$@" ${name}`;
    assert.equal(runSync('sh', ['-c', full, 'sh', process.execPath, BTGET, 'show']).status, 0, name);
  }
});

test('closed outputs and input are no failure', { ...OPTIONS, skip: !isPosix }, () => {
  for (const closed of ['exec <&-', 'exec >&-', 'exec 2>&-'])
    assert.equal(inShell(closed, 'show', TORRENT).code, 0, closed);
});

test('where the cache cannot be written a download goes on', { ...OPTIONS, skip: !isPosix }, () => {
  const set = `XDG_CACHE_HOME=${TORRENT} HOME=; export XDG_CACHE_HOME HOME`;
  assert.equal(inShell(set, TORRENT, '-d', CONTENT, ...LOOPBACK).code, 0);
});

test('create writes to a folder, a device, a pipe and stdout, and leaves no part of a .torrent', OPTIONS, async (t) => {
  const at = (name: string): string => join(dir, name);
  for (const name of ['photos', 'out', 'read']) mkdirSync(at(name));
  writeFileSync(at('photos/a'), 'x');
  const create = (...args: string[]) => runBtget(t, dir, ['create', 'photos', '-q', ...args]);
  const stdout = await create('-o', '-');
  assert.deepEqual([stdout.code, stdout.out.slice(0, 2)], [0, 'd1']);
  for (const output of ['out', 'out/']) {
    assert.equal((await create('-o', output, '--force')).code, 0, output);
    assert.equal(readFileSync(at('out/photos.torrent'), 'utf8'), stdout.out, output);
  }
  assert.deepEqual(readdirSync(at('out')), ['photos.torrent'], '--force leaves nothing beside it');
  assert.equal((await create('-o', 'out')).code, 13, 'it is there');
  if (!isPosix) return;
  assert.deepEqual(await create('-o', '/dev/stdout'), stdout);
  assert.equal((await create('-o', '/dev/null')).code, 0);
  assert.equal((await create('-o', 'none/')).err, 'btget: cannot write none/: there is no such folder\n');
  assert.equal((await create('-o', 'none/x')).err, 'btget: cannot write none/x: there is no folder none\n');
  spawnSync('sh', ['-c', 'mkfifo pipe; ln -s nowhere dangling; ln -s read linked'], { cwd: dir });
  const reader = inPipe(at('pipe'));
  assert.equal((await create('-o', 'pipe')).code, 0);
  assert.equal(await reader, stdout.out);
  assert.equal((await create('-o', 'dangling')).code, 13, 'a link is something that is there');
  assert.equal((await create('-o', 'linked')).code, 0);
  assert.equal(readFileSync(at('read/photos.torrent'), 'utf8'), stdout.out);
});

test('where there is no room create ends with 9, leaves no part of a .torrent, and the old one whole', {
  ...OPTIONS,
  skip: !isPosix,
}, () => {
  mkdirSync(join(dir, 'full/many'), { recursive: true });
  for (let index = 0; index < 100; index += 1) writeFileSync(join(dir, 'full/many', `file ${index}`), 'x');
  // Past the longest file that the shell allows, a write fails as on a full disk.
  const create = (...more: readonly string[]) => inShell('cd full; ulimit -f 1', 'create', 'many', '-q', ...more);
  const says = (path: string, why: string) => ({ code: 9, out: '', err: `btget: cannot write ${path}: ${why}\n` });
  assert.deepEqual(create('-o', 'new.torrent'), says('new.torrent', 'EFBIG'));
  assert.deepEqual(create('-o', 'new.torrent', '--force'), says('new.torrent', 'EFBIG'));
  writeFileSync(join(dir, 'full/old.torrent'), OLD);
  assert.deepEqual(create('-o', 'old.torrent', '--force'), says('old.torrent', 'EFBIG'));
  assert.deepEqual(readdirSync(join(dir, 'full')), ['many', 'old.torrent']);
  assert.equal(readFileSync(join(dir, 'full/old.torrent'), 'utf8'), OLD);
  if (existsSync('/dev/full')) assert.deepEqual(create('-o', '/dev/full'), says('/dev/full', 'ENOSPC'));
});

test('create --force keeps the permissions of a .torrent, also in a folder that is not ours to write in', {
  ...OPTIONS,
  skip: !isPosix,
}, (t) => {
  const at = (name: string): string => join(dir, 'theirs', name);
  mkdirSync(at('content'), { recursive: true });
  writeFileSync(at('content/a'), 'x');
  writeFileSync(at('old.torrent'), OLD);
  const args = ['create', 'content', '-q', '-o', 'old.torrent', '--force'];
  const create = ([program, ...words]: readonly [string, ...string[]]) => runSync(program, words, { cwd: at('') });
  const isNew = (): boolean => readFileSync(at('old.torrent'), 'latin1') !== OLD;
  chmodSync(at('old.torrent'), 0o640);
  assert.equal(create([process.execPath, BTGET, ...args]).status, 0);
  assert.deepEqual([isNew(), statSync(at('old.torrent')).mode & 0o777], [true, 0o640]);
  const command = asPlainUser(process.execPath, BTGET, ...args);
  if (command === null) {
    t.diagnostic('no user here whom permissions bind');
    return;
  }
  writeFileSync(at('old.torrent'), OLD);
  chmodSync(dir, 0o755);
  chmodSync(at('old.torrent'), 0o666);
  chmodSync(at(''), 0o555);
  const { status, stderr } = create(command);
  chmodSync(at(''), 0o755);
  assert.deepEqual([status, stderr, isNew()], [0, '', true]);
});

test('show -o writes to a folder and to stdout', OPTIONS, async (t) => {
  mkdirSync(join(dir, 'shown'));
  assert.equal((await runBtget(t, dir, ['show', TORRENT, '-o', 'shown'])).code, 0);
  const [name = ''] = readdirSync(join(dir, 'shown'));
  assert.match(name, /^one-piece\.\w+\.torrent$/);
  const { out } = await runBtget(t, dir, ['show', TORRENT, '-o', '-']);
  assert.equal(out, readFileSync(join(dir, 'shown', name), 'utf8'));
});

/** What comes out of a pipe until its writer closes it. */
async function inPipe(path: string): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  return readFile(path, 'utf8');
}
