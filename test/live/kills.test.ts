/** Downloads that are killed as soon as they have begun, when nothing of them is verified. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, watch } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { scratch } from '../support/disk/scratch.js';
import { writeNoise } from '../support/noise.js';
import { BTGET, btgetEnds, fingerprint, HOSTS, Program, startSeed } from './support.js';

const MiB = 1 << 20;
const MOMENTS = 25;
/** Between one moment and the next, milliseconds. */
const STEP = 4;

/** Ends `program` by kill -9 so many milliseconds after it has taken its lock. */
async function killAfter(program: Program, dir: string, delay: number): Promise<void> {
  const watching = watch(dir);
  await new Promise((resolve) => watching.once('change', resolve));
  watching.close();
  const due = performance.now() + delay;
  while (performance.now() < due) await new Promise((resolve) => setImmediate(resolve));
  program.child.kill('SIGKILL');
  await program.ended;
}

test('killed within 100 ms, a download without part names knows its files again', { timeout: 120_000 }, async (t) => {
  const dir = scratch(t);
  writeNoise(join(dir, 'seed', 'data'), { 'a.bin': 18 * MiB, 'b.bin': 6 * MiB, 'c.bin': 100 });
  const torrent = join(dir, 'data.torrent');
  await btgetEnds(t, 0, 'create', join(dir, 'seed', 'data'), '-o', torrent, '--piece-length', '8M');
  const address = await startSeed(t, HOSTS.rival, torrent, join(dir, 'seed'));
  const given = (to: string): string[] => [torrent, '-d', to, '--bind', HOSTS.btget, '--peer', address, '--no-part'];
  const begun = new Set<string>();
  for (let moment = 0; moment < MOMENTS; moment += 1) {
    const to = join(dir, `leech-${moment}`);
    mkdirSync(to);
    await killAfter(slow(t, given(to)), to, moment * STEP);
    begun.add(readdirSync(to, { recursive: true }).sort().join(' '));
    await btgetEnds(t, 0, 'download', ...given(to));
    assert.deepEqual(
      fingerprint(join(to, 'data')),
      fingerprint(join(dir, 'seed', 'data')),
      `killed after ${moment * STEP} ms`,
    );
  }
  assert.ok(begun.has('data data.btget data.btget.lock data/a.bin data/b.bin data/c.bin'), [...begun].join('\n'));
});

/** The first piece takes 4 s. */
function slow(t: TestContext, args: readonly string[]): Program {
  return new Program(t, process.execPath, [BTGET, 'download', ...args, '--max-download', '2M']);
}
