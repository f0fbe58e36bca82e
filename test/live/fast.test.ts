import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { scratch } from '../support/disk/scratch.js';
import { writeNoise } from '../support/noise.js';
import { RIVALS } from './rivals.js';
import { btgetEnds, fingerprint, HOSTS } from './support.js';
import { startTap } from './tap.js';

const MiB = 1 << 20;
const TIMEOUT = 60_000;

/** A torrent without trackers, whose content lies in `seed`; and where another copy may grow. */
async function sample(t: TestContext, length: number): Promise<{ torrent: string; seed: string; leech: string }> {
  const dir = scratch(t);
  writeNoise(join(dir, 'seed'), { 'data.bin': length });
  const torrent = join(dir, 'data.torrent');
  await btgetEnds(t, 0, 'create', join(dir, 'seed', 'data.bin'), '-o', torrent);
  mkdirSync(join(dir, 'leech'));
  return { torrent, seed: join(dir, 'seed'), leech: join(dir, 'leech') };
}

for (const rival of RIVALS.filter(({ installed, name }) => installed && name !== 'aria2')) {
  test(`btget and ${rival.name} say all and nothing instead of bitfields, and the content is right`, {
    timeout: TIMEOUT,
  }, async (t) => {
    const { torrent, seed, leech } = await sample(t, 20 * MiB + 1);
    const other = await rival.start(t, { torrent, dir: seed, host: HOSTS.rival, peers: [] });
    await other.complete();
    const tap = await startTap(t, HOSTS.other, other.address);
    await btgetEnds(t, 0, torrent, '-d', leech, '--bind', HOSTS.btget, '--peer', tap.address);
    assert.deepEqual(fingerprint(leech), fingerprint(seed));
    assert.deepEqual([tap.dialling.fast, tap.dialled.fast], [true, true]);
    assert.deepEqual([tap.dialling.counts.get('haveNone'), tap.dialling.counts.get('bitfield')], [1, undefined]);
    assert.deepEqual([tap.dialled.counts.get('haveAll'), tap.dialled.counts.get('bitfield')], [1, undefined]);
  });
}
