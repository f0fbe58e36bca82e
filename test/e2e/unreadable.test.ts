/** Files that cannot be read: `verify` names them, and those that are not selected are in nobody's way. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { BTGET, BtgetProcess, FIXTURES, LOOPBACK, runBtget } from '../support/btget-process.js';
import { asPlainUser } from '../support/disk/plain-user.js';
import { HANGS_AFTER } from '../support/hang.js';
import { runSync } from '../support/run-sync.js';

const dir = mkdtempSync(join(tmpdir(), 'btget-unreadable-'));
after(() => rmSync(dir, { recursive: true }));
const PIECE = 16384;

interface Shown {
  readonly path: string;
  readonly state: string;
  readonly have: number;
  readonly reason?: string;
}

test('verify names each file that cannot be read and why, and looks at all others', {
  timeout: HANGS_AFTER,
}, async (t) => {
  mkdirSync(join(dir, 'mix'));
  // A piece and a half each: every second piece reaches over two files.
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  for (const [index, name] of names.entries())
    writeFileSync(join(dir, 'mix', name), Buffer.alloc(PIECE * 1.5, index + 1));
  assert.equal((await runBtget(t, dir, ['create', 'mix', '-q', '--piece-length', '16K'])).code, 0);
  for (const name of ['b', 'e']) rmSync(join(dir, 'mix', name));
  mkdirSync(join(dir, 'mix/b'));
  const posix = process.platform !== 'win32';
  if (posix) spawnSync('mkfifo', [join(dir, 'mix/e')]);
  else mkdirSync(join(dir, 'mix/e'));
  const whole = join(FIXTURES, 'one-piece.torrent');
  const { code, out, err } = await runBtget(t, dir, ['verify', 'mix.torrent', whole, '--json', '-d', '.']);
  assert.deepEqual([code, err], [32, '']);
  const [mix, other] = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.equal(other.files[0].state, 'missing', 'the next torrent is looked at');
  const seen = mix.files.map(({ path, state, have }: Shown) => ({ path, state, have }));
  assert.deepEqual(seen, [
    { path: 'mix/a', state: 'incomplete', have: PIECE },
    { path: 'mix/b', state: 'unreadable', have: 0 },
    { path: 'mix/c', state: 'ok', have: PIECE * 1.5 },
    { path: 'mix/d', state: 'ok', have: PIECE * 1.5 },
    { path: 'mix/e', state: 'unreadable', have: 0 },
    { path: 'mix/f', state: 'incomplete', have: PIECE },
  ]);
  const reasons = mix.files.map(({ reason }: Shown) => reason);
  assert.match(reasons[1], /mix.b: it is a folder, not a regular file$/);
  assert.deepEqual([reasons[0], reasons[2], mix.badPieces], [undefined, undefined, [1, 2, 6, 7]]);
  const text = await new BtgetProcess(t, dir, ['verify', 'mix.torrent', '-v']).ended;
  assert.match(text.out, /^unreadable +24 KiB {2}mix\/b \(cannot open .*: it is a folder, not a regular file\)$/m);
  assert.match(text.out, /^mix: 2 of 6 files ok/m);
});

test('verify names a file that it may not read, and one in a folder that it may not enter', {
  timeout: HANGS_AFTER,
}, async (t) => {
  mkdirSync(join(dir, 'kept/sub'), { recursive: true });
  for (const [index, name] of ['a', 'b', 'c', 'sub/d'].entries())
    writeFileSync(join(dir, 'kept', name), Buffer.alloc(PIECE * 1.5, index + 1));
  assert.equal((await runBtget(t, dir, ['create', 'kept', '-q', '--piece-length', '16K'])).code, 0);
  const command = asPlainUser(process.execPath, BTGET, 'verify', 'kept.torrent', '--json');
  if (command === null) {
    t.skip('no user here whom permissions bind');
    return;
  }
  chmodSync(dir, 0o755);
  chmodSync(join(dir, 'kept/b'), 0);
  chmodSync(join(dir, 'kept/sub'), 0);
  const [program, ...args] = command;
  const { status, stdout, stderr } = runSync(program, args, { cwd: dir });
  chmodSync(join(dir, 'kept/sub'), 0o755);
  assert.deepEqual([status, stderr], [32, '']);
  const { files, badPieces } = JSON.parse(stdout);
  assert.deepEqual(
    files.map(({ path, state, have, reason = '' }: Shown) => [path, state, have, /\(E[A-Z]+\)$/.exec(reason)?.[0]]),
    [
      ['kept/a', 'incomplete', PIECE, undefined],
      ['kept/b', 'unreadable', 0, '(EACCES)'],
      ['kept/c', 'incomplete', PIECE, undefined],
      ['kept/sub/d', 'unreadable', 0, '(EACCES)'],
    ],
  );
  assert.deepEqual(badPieces, [1, 2, 4, 5]);
});

test('a file that cannot be read ends a seed and a download, unless it is not selected', {
  timeout: HANGS_AFTER,
}, async (t) => {
  mkdirSync(join(dir, 'some/sub'), { recursive: true });
  // The first two files lie in one piece, and the third reaches into the next ones.
  for (const [name, length] of [
    ['a', PIECE / 4],
    ['b', PIECE / 4],
    ['c', PIECE * 2],
    ['sub/d', PIECE],
  ] as const)
    writeFileSync(join(dir, 'some', name), Buffer.alloc(length, name));
  assert.equal((await runBtget(t, dir, ['create', 'some', '-q', '--piece-length', '16K'])).code, 0);
  const asPlain = (...args: readonly string[]): readonly [string, ...string[]] | null =>
    asPlainUser(process.execPath, BTGET, ...args, ...LOOPBACK, '--no-config');
  if (asPlain() === null) {
    t.skip('no user here whom permissions bind');
    return;
  }
  for (const name of ['', 'some']) chmodSync(join(dir, name), 0o777);
  chmodSync(join(dir, 'some/a'), 0o666);
  for (const name of ['some/b', 'some/sub']) chmodSync(join(dir, name), 0);
  const run = (...args: readonly string[]): readonly [number | null, string] => {
    const [program, ...rest] = asPlain(...args) as [string, ...string[]];
    const { status, stderr } = runSync(program, rest, { cwd: dir });
    return [status, stderr];
  };
  const seed = ['seed', 'some.torrent', '--seed-time', '0'];
  assert.equal(run(...seed)[0], 16);
  assert.equal(run(...seed, '--exclude', 'b')[0], 16);
  const [part, said] = run(...seed, '--exclude', 'b', '--exclude', 'sub');
  assert.equal(part, 0, said);
  // What cannot be read does not show that the file beside it is a stranger's.
  const [code, error] = run('download', 'some.torrent', '--select', 'a', '--timeout', '1');
  assert.equal(code, 2, error);
  chmodSync(join(dir, 'some/sub'), 0o755);
});
