/** Help, the version and mistyped commands by the real program, also on a real terminal. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { BTGET, runBtget } from '../support/btget-process.js';

const dir = mkdtempSync(join(tmpdir(), 'btget-help-'));
after(() => rmSync(dir, { recursive: true }));

const hasScript = spawnSync('script', ['--version']).status === 0;

/** What btget prints on a terminal of so many columns. */
async function onTerminal(columns: number, ...args: readonly string[]): Promise<string> {
  const command = [process.execPath, BTGET, ...args].map((word) => `'${word}'`).join(' ');
  const inside = `stty cols ${columns} rows 24 && ${command}`;
  const { stdout } = await promisify(execFile)('script', ['-qec', inside, '/dev/null'], { cwd: dir });
  return stdout.replaceAll('\r\n', '\n');
}

test('the map has at most 24 lines of at most 80 columns, and nothing comes on stderr', async (t) => {
  const { code, out, err } = await runBtget(t, dir, ['--help']);
  assert.deepEqual([code, err], [0, '']);
  const lines = out.trimEnd().split('\n');
  assert.ok(lines.length <= 24, `${lines.length} lines`);
  assert.ok(lines.every((line) => line.length <= 80));
  assert.equal((await runBtget(t, dir, ['help'])).out, out);
});

test('a terminal of 40 columns breaks no line, and one of 200 has more in a line', { skip: !hasScript }, async () => {
  for (const args of [['--help'], ['help', 'exit-codes'], ['download', '--help'], ['create', '--help']]) {
    const [narrow, wide] = [await onTerminal(40, ...args), await onTerminal(200, ...args)];
    assert.ok(
      narrow.split('\n').every((line) => line.length <= 40),
      narrow,
    );
    assert.ok(wide.split('\n').length < narrow.split('\n').length);
    const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '\\');
    assert.deepEqual(words(narrow), words(wide));
  }
});

test('a mistyped command ends with 28 and a hint, and a file of that name wins', async (t) => {
  const typed = await runBtget(t, dir, ['downlod', 'a.torrent']);
  assert.deepEqual(typed, {
    code: 28,
    out: '',
    err: 'btget: no such file, and no such command: downlod (did you mean download?)\n',
  });
  writeFileSync(join(dir, 'downlod'), 'no torrent');
  const file = await runBtget(t, dir, ['downlod']);
  assert.equal(file.code, 25);
  assert.doesNotMatch(file.err, /did you mean/);
});

test('btget version prints what btget --version prints', async (t) => {
  const version = await runBtget(t, dir, ['version']);
  assert.deepEqual(version, await runBtget(t, dir, ['--version']));
  assert.equal(version.code, 0);
});
