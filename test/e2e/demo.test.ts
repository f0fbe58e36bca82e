/** `npm run demo`: the first thing that a newcomer runs. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { HANGS_AFTER } from '../support/hang.js';

const DEMO = fileURLToPath(new URL('../../../bin/demo.js', import.meta.url));

/** Starts the demo, whose folder is made in `place`. */
function begin(t: TestContext) {
  const place = mkdtempSync(join(tmpdir(), 'btget-demo-test-'));
  // Nobody is at this proxy, and nobody needs it.
  const env = { ...process.env, TMPDIR: place, http_proxy: 'http://127.0.0.1:9' };
  const program = spawn(process.execPath, [DEMO], { stdio: 'pipe', env });
  t.after(() => {
    program.kill('SIGKILL');
    rmSync(place, { recursive: true, force: true });
  });
  let said = '';
  let heard: () => void = () => undefined;
  for (const output of [program.stdout, program.stderr])
    output.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      heard();
    });
  const ended = once(program, 'close').then(([code, signal]) => ({ code: code ?? signal, said }));
  const says = (pattern: RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      heard = () => {
        if (pattern.test(said)) resolve();
      };
      heard();
      ended.then(() => reject(new Error(`the demo ended without saying ${pattern}: ${said}`)));
    });
  return { place, program, ended, says };
}

/** The processes that have the environment of the demo in `place`; none where the system does not tell. */
function processesOf(place: string): string[] {
  const all = process.platform === 'linux' ? readdirSync('/proc').filter((name) => /^\d+$/.test(name)) : [];
  return all.filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(place);
    } catch {
      // It has ended meanwhile, or is not ours.
      return false;
    }
  });
}

describe('the demo', { skip: process.platform === 'win32', timeout: HANGS_AFTER }, () => {
  it('downloads with exit code 0, and leaves nothing', async (t) => {
    const { place, ended } = begin(t);
    const { code, said } = await ended;
    assert.equal(code, 0, said);
    assert.match(said, /^demo\.bin: \d+%, [^\n]* of 64 MiB, down /m);
    assert.match(said, /^OK {3}64 MiB .*\nexit code 0\n$/m);
    assert.deepEqual([readdirSync(place), processesOf(place)], [[], []]);
  });

  it('leaves nothing when it is told to end, at its beginning and in the midst of the download', async (t) => {
    for (const moment of [/^a tracker at /m, /^demo\.bin: \d+%/m]) {
      const { place, program, ended, says } = begin(t);
      await says(moment);
      program.kill('SIGTERM');
      const { code, said } = await ended;
      assert.equal(code, 143, said);
      assert.deepEqual([readdirSync(place), processesOf(place)], [[], []], said);
    }
  });
});
