/** The lock of a process in a PID namespace of its own, as a container has one. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { BTGET, BtgetProcess, FIXTURES, LOOPBACK, runBtget } from '../support/btget-process.js';

const ARGS = [join(FIXTURES, 'one-file.torrent'), '-d', 'd', ...LOOPBACK, '--no-dht', '--no-lsd', '--no-port-mapping'];

/** A folder in which a download in a container has the lock; the container is killed by `kill`. */
async function locked(t: TestContext): Promise<{ readonly cwd: string; readonly kill: () => void }> {
  const cwd = mkdtempSync(join(tmpdir(), 'btget-locks-'));
  t.after(() => rmSync(cwd, { recursive: true }));
  const unshare = ['-rpf', '--kill-child', '--mount-proc', process.execPath, BTGET, ...ARGS];
  const container = spawn('unshare', unshare, { cwd, stdio: 'ignore' });
  const kill = () => container.kill('SIGKILL');
  t.after(kill);
  while (!existsSync(join(cwd, 'd/one-file.txt.btget.lock'))) await sleep(50);
  return { cwd, kill };
}

test('the lock of a container that lives is waited for until it shows that, and ends with 11', async (t) => {
  const { cwd } = await locked(t);
  const { code, err } = await runBtget(t, cwd, ARGS);
  assert.equal(code, 11, err);
  assert.match(err, /waiting for at most \d+ s, until \S+Z: another btget may be working on/);
});

test('the lock of a container that was killed is waited for, and taken within a minute', async (t) => {
  const { cwd, kill } = await locked(t);
  kill();
  for (const [option, exit] of [
    ['--timeout', 2],
    ['--stop-timeout', 2],
  ] as const)
    assert.equal((await runBtget(t, cwd, [...ARGS, option, '2'])).code, exit, option);
  const interrupted = new BtgetProcess(t, cwd, ARGS);
  await interrupted.says(/waiting for at most/);
  interrupted.process.kill('SIGINT');
  assert.equal((await interrupted.ended).code, 7);
  const next = new BtgetProcess(t, cwd, ARGS);
  await next.says(/waiting for at most/);
  await next.says(/the lock is free; going on/);
  next.process.kill('SIGINT');
  assert.equal((await next.ended).code, 7);
});
