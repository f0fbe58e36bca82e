import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratch } from '../support/disk/scratch.js';
import { writeNoise } from '../support/noise.js';
import { RIVALS } from './rivals.js';
import { btget, btgetEnds, fingerprint, HOSTS, nextHost, startTracker } from './support.js';

const LENGTH = 24 << 20;
const LEECHES = RIVALS.filter(({ name, installed }) => installed && /^(libtorrent|aria2|transmission)$/.test(name));

test('two of each other client get everything from a super seed', {
  timeout: 120_000,
  skip: LEECHES.length === 0,
}, async (t) => {
  const dir = scratch(t);
  writeNoise(join(dir, 'seed'), { 'data.bin': LENGTH });
  const tracker = await startTracker(t, HOSTS.tracker);
  const torrent = join(dir, 'data.torrent');
  await btgetEnds(t, 0, 'create', join(dir, 'seed', 'data.bin'), '-o', torrent, '--tracker', tracker);
  const options = ['--super-seed', '--max-upload', '4M', '--json', '--summary-interval', '1s'];
  const seed = btget(t, 'seed', torrent, ...options, '-d', join(dir, 'seed'), '--bind', HOSTS.btget);
  await seed.event('tracker', ({ ok }) => ok === true);

  const folders = [...LEECHES, ...LEECHES].map(({ name }, at) => join(dir, `${name}-${at}`, 'leech'));
  const leeches = await Promise.all(
    [...LEECHES, ...LEECHES].map((rival, at) => {
      const folder = folders[at] as string;
      mkdirSync(folder, { recursive: true });
      return rival.start(t, { torrent, dir: folder, host: nextHost(), peers: [] });
    }),
  );
  await Promise.all(leeches.map((leech) => leech.complete()));
  const original = fingerprint(join(dir, 'seed'))['data.bin'];
  assert.ok(original);
  for (const folder of folders) assert.equal(fingerprint(folder)['data.bin'], original);
  const before = seed.events().length;
  const last = await seed.until(() =>
    seed
      .events()
      .slice(before)
      .find(({ type }) => type === 'progress'),
  );
  const names = LEECHES.map(({ name }) => name).join(', ');
  t.diagnostic(`${names}: the seed uploaded ${(Number(last['uploaded']) / LENGTH).toFixed(2)} copies`);
  assert.equal(await seed.interrupt(), 0);
});
