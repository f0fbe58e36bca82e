import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { runHook, splitCommand } from '../../../src/cli/run/hook.js';
import { HANGS_AFTER } from '../../support/hang.js';
import { Timeline } from '../../support/simulation/timeline.js';

test('a command is split into words without any shell', () => {
  const rows: readonly [string, readonly string[]][] = [
    ['notify', ['notify']],
    ['  /opt/my\\ tools/run  -x ', ['/opt/my tools/run', '-x']],
    [`a "b c" 'd "e' f"g"h ""`, ['a', 'b c', 'd "e', 'fgh', '']],
    ['echo $(id) `id` ; rm *', ['echo', '$(id)', '`id`', ';', 'rm', '*']],
    [`a "b\\"c\\\\"`, ['a', 'b"c\\']],
  ];
  for (const [text, words] of rows) assert.deepEqual(splitCommand(text), words, text);
  for (const text of ['', '  ', `a "b`, `a 'b`]) assert.throws(() => splitCommand(text), { code: 'usage' }, text);
});

const result = {
  name: '$(touch evil) -n',
  infoHash: 'ab'.repeat(20),
  infoHashV2: null,
  dir: '.',
  path: './$(touch evil) -n',
  paths: ['./$(touch evil) -n'],
  length: 5,
};

async function run(script: string, more: Partial<typeof result> = {}, env: Readonly<Record<string, string>> = {}) {
  const said: string[] = [];
  const failure = await new Promise<string | null>((resolve) =>
    runHook(
      [process.execPath, '-e', script],
      { ...result, ...more },
      env,
      new Timeline(),
      (line) => said.push(line),
      resolve,
    ),
  );
  return { said, failure };
}

test('the program gets the unchanged result on stdin and in its environment', async () => {
  const script = `
    const e = process.env;
    console.log([e.BTGET_NAME, e.BTGET_PATH, e.BTGET_DIR, e.BTGET_INFO_HASH].join('|'));
    let text = '';
    process.stdin.on('data', (d) => (text += d)).on('end', () => console.error(text.trim() === e.BTGET_RESULT, text));
  `;
  const { said, failure } = await run(script);
  assert.equal(failure, null);
  assert.deepEqual(said, [
    `$(touch evil) -n|./$(touch evil) -n|.|${'ab'.repeat(20)}`,
    `true ${JSON.stringify(result)}`,
    '',
  ]);
});

test('a result that is too long for the environment is on stdin alone', async () => {
  const paths = Array.from({ length: 50_000 }, (_, index) => `./x/${index}`);
  const script = `
    let n = 0;
    process.stdin.on('data', (d) => (n += d.length)).on('end', () => console.log(process.env.BTGET_RESULT, n > 500000));
  `;
  assert.deepEqual(await run(script, { paths }), { said: ['undefined true'], failure: null });
});

test('the length of a result for the environment counts in bytes', async () => {
  const paths = Array.from({ length: 700 }, (_, index) => `./${'日'.repeat(60)}${index}`);
  const script = 'console.log(process.env.BTGET_RESULT)';
  assert.deepEqual(await run(script, { paths }), { said: ['undefined'], failure: null });
});

test('a path that is not UTF-8 is in the JSON alone', async () => {
  const script = `
    process.stdin.on('data', (d) => console.log(process.env.BTGET_PATH, JSON.parse(d).path === './\\udcff.txt'));
  `;
  assert.deepEqual(await run(script, { path: './\udcff.txt' }), { said: ['undefined true'], failure: null });
});

test('a program learns nothing of the torrent whose program has begun btget', async () => {
  const names = ['NAME', 'INFO_HASH', 'INFO_HASH_V2', 'DIR', 'PATH', 'RESULT'].map((name) => `BTGET_${name}`);
  const env = Object.fromEntries(names.map((name) => [name, 'of another']));
  const script = `
    const told = Object.entries(process.env).filter(([name]) => name.startsWith('BTGET_'));
    console.log(told.map(([name]) => name).sort().join(), told.some(([, value]) => value === 'of another'));
  `;
  const paths = Array.from({ length: 20_000 }, (_, index) => `./x/${index}`);
  const { said } = await run(script, { path: './\udcff.txt', paths }, env);
  assert.deepEqual(said, ['BTGET_DIR,BTGET_INFO_HASH,BTGET_NAME false']);
});

test('a program that the system refuses to start in any other way gives a sentence too, later', async () => {
  const rows: readonly (readonly [readonly string[], string])[] = [
    [['/etc/passwd/x'], 'ENOTDIR'],
    [['x'.repeat(300)], 'ENAMETOOLONG'],
    [['/no\0name'], 'ERR_INVALID_ARG_VALUE'],
    [[process.execPath, '-e', 'x'.repeat(200_000)], 'E2BIG'],
  ];
  for (const [command, code] of rows) {
    const time = new Timeline();
    const failures: unknown[] = [];
    runHook(command, result, {}, time, assert.fail, (failure) => failures.push(failure));
    assert.deepEqual(failures, [], 'not within the call');
    time.run(0);
    assert.match(String(failures[0]), new RegExp(`cannot be run: ${code}$`));
  }
});

test('a program that fails or is missing gives a sentence, and one that does not read its stdin is no failure', async () => {
  assert.match((await run('process.exit(3)')).failure ?? '', /ended with exit code 3$/);
  assert.match((await run('process.kill(process.pid)')).failure ?? '', /ended with SIGTERM$/);
  const paths = Array.from({ length: 100_000 }, () => './something/long');
  assert.equal((await run('process.stdin.destroy()', { paths })).failure, null);
  const failure = await new Promise((resolve) =>
    runHook(['/no/such'], result, {}, new Timeline(), () => undefined, resolve),
  );
  assert.equal(failure, '--on-complete /no/such: cannot be run: ENOENT');
});

test('a program is done at its exit, though what it has begun holds its pipes open', {
  timeout: HANGS_AFTER,
}, async (t) => {
  const time = new Timeline();
  const said: string[] = [];
  const script = `
    const options = { stdio: ['ignore', 'inherit', 'inherit'], detached: true };
    const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => 0, 1e6)'], options);
    child.unref();
    process.stdout.write(child.pid + '\\nlast words');
  `;
  let failure: string | null | undefined;
  runHook(
    [process.execPath, '-e', script],
    result,
    {},
    time,
    (line) => said.push(line),
    (answer) => {
      failure = answer;
    },
  );
  while (time.pending === 0 || said.length === 0) await setTimeout(5);
  t.after(() => process.kill(Number(said[0]), 'SIGKILL'));
  time.run(99);
  assert.equal(failure, undefined);
  time.run(1);
  assert.equal(failure, null);
  assert.equal(said[1], 'last words');
});
