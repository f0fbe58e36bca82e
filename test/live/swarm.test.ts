import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratch } from '../support/disk/scratch.js';
import { writeNoise } from '../support/noise.js';
import { btget, btgetEnds, fingerprint, SWARM_HOSTS, startTracker } from './support.js';

const LENGTH = 24 << 20;

test('five downloads share what one seed gives them', { timeout: 60_000 }, async (t) => {
  const dir = scratch(t);
  writeNoise(join(dir, 'seed'), { 'data.bin': LENGTH });
  const tracker = await startTracker(t, '10.9.0.1');
  const torrent = join(dir, 'data.torrent');
  await btgetEnds(t, 0, 'create', join(dir, 'seed', 'data.bin'), '-o', torrent, '--tracker', tracker);
  const [seedHost = '', ...hosts] = SWARM_HOSTS;
  const common = [torrent, '--max-upload', '8M', '--json'];
  const seed = btget(t, 'seed', ...common, '-d', join(dir, 'seed'), '--bind', seedHost);
  await seed.event('tracker', ({ ok }) => ok === true);

  const folders = hosts.map((host) => join(dir, host));
  const downloads = hosts.map((host) =>
    btget(t, 'download', ...common, '--seed', '-d', join(dir, host), '--bind', host),
  );
  await Promise.all(downloads.map((download) => download.event('done')));

  // Beside it lie the journal and the lock of a download that still seeds.
  const original = fingerprint(join(dir, 'seed'))['data.bin'];
  assert.ok(original);
  for (const folder of folders) assert.equal(fingerprint(folder)['data.bin'], original);
  // Whoever has everything and is stopped has done what was asked of it.
  const codes = await Promise.all(downloads.map((download) => download.interrupt()));
  assert.deepEqual(codes, [0, 0, 0, 0, 0]);

  const before = seed.events().length;
  const last = await seed.until(() =>
    seed
      .events()
      .slice(before)
      .find(({ type }) => type === 'progress'),
  );
  const copies = Number(last['uploaded']) / LENGTH;
  t.diagnostic(`the seed uploaded ${copies.toFixed(2)} copies`);
  assert.ok(copies >= 1 && copies < 3, `${copies} copies`);
  assert.equal(await seed.interrupt(), 0);
});
