import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { scratch } from '../support/disk/scratch.js';
import { writeNoise } from '../support/noise.js';
import { RIVALS } from './rivals.js';
import { btgetEnds, fingerprint, HOSTS, nextHost, startSeed, startTracker } from './support.js';

const MiB = 1 << 20;
/** 100 MiB in several files, none of which ends where a piece does. */
const FILES = {
  'data/one.bin': 61 * MiB + 12345,
  'data/deep/er/two.bin': 30 * MiB - 54321,
  'data/three.bin': 9 * MiB,
  'data/small.txt': 77,
  'data/ünïcode ☃.bin': 41_899,
};
const TIMEOUT = 120_000;

// Each other client at a host of its own.
describe('downloads', { concurrency: 3 }, () => {
  for (const rival of RIVALS) {
    if (!rival.installed) {
      console.log(`live tests with ${rival.name} skipped: it is not installed (Debian package ${rival.package})`);
      continue;
    }

    test(`btget downloads from ${rival.name}, which a tracker names`, { timeout: TIMEOUT }, async (t) => {
      const dir = scratch(t);
      writeNoise(join(dir, 'seed'), FILES);
      const tracker = await startTracker(t, HOSTS.tracker);
      const torrent = join(dir, 'data.torrent');
      await btgetEnds(t, 0, 'create', join(dir, 'seed', 'data'), '-o', torrent, '--tracker', tracker);
      const seed = await rival.start(t, { torrent, dir: join(dir, 'seed'), host: nextHost(), peers: [] });
      await seed.complete();
      await btgetEnds(t, 0, torrent, '-d', join(dir, 'leech'), '--bind', HOSTS.btget);
      assert.deepEqual(fingerprint(join(dir, 'leech', 'data')), fingerprint(join(dir, 'seed', 'data')));
    });

    test(`btget downloads from ${rival.name}, which --peer names`, { timeout: TIMEOUT }, async (t) => {
      const dir = scratch(t);
      writeNoise(join(dir, 'seed'), FILES);
      const torrent = join(dir, 'data.torrent');
      await btgetEnds(t, 0, 'create', join(dir, 'seed', 'data'), '-o', torrent);
      const seed = await rival.start(t, { torrent, dir: join(dir, 'seed'), host: nextHost(), peers: [] });
      await seed.complete();
      await btgetEnds(t, 0, torrent, '-d', join(dir, 'leech'), '--bind', HOSTS.btget, '--peer', seed.address);
      assert.deepEqual(fingerprint(join(dir, 'leech', 'data')), fingerprint(join(dir, 'seed', 'data')));
    });

    test(`${rival.name} downloads from btget's seed`, { timeout: TIMEOUT }, async (t) => {
      const dir = scratch(t);
      writeNoise(join(dir, 'seed'), FILES);
      const tracker = await startTracker(t, HOSTS.tracker);
      const torrent = join(dir, 'data.torrent');
      await btgetEnds(t, 0, 'create', join(dir, 'seed', 'data'), '-o', torrent, '--tracker', tracker);
      const address = await startSeed(t, HOSTS.btget, torrent, join(dir, 'seed'));
      mkdirSync(join(dir, 'leech'));
      const leech = await rival.start(t, {
        torrent,
        dir: join(dir, 'leech'),
        host: nextHost(),
        peers: rival.dials ? [address] : [],
      });
      await leech.complete();
      assert.deepEqual(fingerprint(join(dir, 'leech', 'data')), fingerprint(join(dir, 'seed', 'data')));
    });
  }
});
