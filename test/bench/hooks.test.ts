import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const LOOP_DELAY = new URL('../../bench/scale/loop-delay-hook.js', import.meta.url).href;
const SLOW_DISK = new URL('../../bench/scale/slow-disk-hook.js', import.meta.url).href;

function run(hook: string, script: string, env: Readonly<Record<string, string>>): string {
  const args = ['--import', hook, '--input-type=module', '-e', script];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  return stdout;
}

test('the hook for the event loop measures for how long a busy program holds it', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'btget-hooks-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const path = join(dir, 'delay.json');
  const busy = 'const end = performance.now() + 150; while (performance.now() < end);';
  run(LOOP_DELAY, `setTimeout(() => { ${busy} setTimeout(() => {}, 20); }, 50);`, { BENCH_LOOP_DELAY: path });
  const { max, held } = JSON.parse(readFileSync(path, 'utf8'));
  assert.ok(max >= 140, `late by ${max} ms`);
  // The kernel may have run other programs meanwhile, which makes the figure smaller. Nothing makes it larger.
  assert.ok(held > 0 && held <= max, `held for ${held} of ${max} ms`);
});

test('the hook for the disk keeps the writes of threads to its rate', () => {
  const writes = `
    import fs from 'node:fs';
    const file = fs.openSync('/dev/null', 'w');
    for (let i = 0; i < 4; i += 1) fs.writeSync(file, Buffer.alloc(500_000));`;
  const script = `
    import { Worker } from 'node:worker_threads';
    const began = performance.now();
    const url = new URL(${JSON.stringify(`data:text/javascript,${encodeURIComponent(writes)}`)});
    new Worker(url).on('exit', () => console.log(performance.now() - began));`;
  const took = Number(run(SLOW_DISK, script, { BENCH_DISK_RATE: '10000000' }));
  assert.ok(took >= 200, `2 MB at 10 MB/s took ${took} ms`);
});
