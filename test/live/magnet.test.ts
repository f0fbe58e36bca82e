import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { formatMagnet, linkOf } from '../../src/metainfo/magnet.js';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { scratch } from '../support/disk/scratch.js';
import { writeNoise } from '../support/noise.js';
import { RIVALS } from './rivals.js';
import { btget, btgetEnds, fingerprint, HOSTS, nextHost, startSeed, startTracker } from './support.js';

const MiB = 1 << 20;
const TIMEOUT = 120_000;
/** In pieces of 16 KiB: metadata of four pieces. */
const FILES = { 'data/one.bin': 40 * MiB + 12_345, 'data/deep/two.bin': 777, 'data/three.txt': 77 };

interface World {
  readonly dir: string;
  readonly torrent: string;
  /** With the tracker, or alone. */
  readonly link: string;
}

/** Content, its torrent, and a link that names `tracker` or nobody. */
async function makeWorld(test: TestContext, tracker: string | null): Promise<World> {
  const dir = scratch(test);
  writeNoise(join(dir, 'seed'), FILES);
  mkdirSync(join(dir, 'leech'));
  const torrent = join(dir, 'data.torrent');
  const announce = tracker === null ? [] : ['--tracker', tracker];
  await btgetEnds(test, 0, 'create', join(dir, 'seed', 'data'), '-o', torrent, '--piece-length', '16K', ...announce);
  const metainfo = parseMetainfo(readFileSync(torrent));
  assert.ok(metainfo.info.length > 3 * 16_384);
  return { dir, torrent, link: formatMagnet(linkOf(metainfo)) };
}

const assertSame = (dir: string): void =>
  assert.deepEqual(fingerprint(join(dir, 'leech', 'data')), fingerprint(join(dir, 'seed', 'data')));

// Most of it is waiting for Transmission, so several run at the same time, each other client at a host of its own.
describe('a magnet link', { concurrency: 5 }, () => {
  for (const rival of RIVALS) {
    if (!rival.installed) {
      console.log(`magnet links with ${rival.name} skipped: it is not installed (Debian package ${rival.package})`);
      continue;
    }

    test(`btget downloads a magnet link from ${rival.name}, which its tracker names`, {
      timeout: TIMEOUT,
    }, async (t) => {
      const { dir, torrent, link } = await makeWorld(t, await startTracker(t, HOSTS.tracker));
      const seed = await rival.start(t, { torrent, dir: join(dir, 'seed'), host: nextHost(), peers: [] });
      await seed.complete();
      await btgetEnds(t, 0, link, '-d', join(dir, 'leech'), '--bind', HOSTS.btget);
      assertSame(dir);
    });

    test(`btget downloads a magnet link from ${rival.name}, which x.pe names`, { timeout: TIMEOUT }, async (t) => {
      const { dir, torrent, link } = await makeWorld(t, null);
      const seed = await rival.start(t, { torrent, dir: join(dir, 'seed'), host: nextHost(), peers: [] });
      await seed.complete();
      await btgetEnds(t, 0, `${link}&x.pe=${seed.address}`, '-d', join(dir, 'leech'), '--bind', HOSTS.btget);
      assertSame(dir);
    });

    test(`${rival.name} downloads a magnet link from btget's seed`, { timeout: TIMEOUT }, async (t) => {
      const { dir, torrent, link } = await makeWorld(t, await startTracker(t, HOSTS.tracker));
      const leech = await rival.start(t, { torrent: link, dir: join(dir, 'leech'), host: nextHost(), peers: [] });
      // aria2 says that it has nothing left while it has no metadata, so the tracker names no seed to it.
      await startSeed(t, HOSTS.btget, torrent, join(dir, 'seed'), '--peer', leech.address);
      await leech.complete();
      assertSame(dir);
    });
  }

  test('who has only the link gets everything from a seed that comes later and dials it', {
    timeout: TIMEOUT,
  }, async (t) => {
    const tracker = await startTracker(t, HOSTS.tracker);
    const { dir, torrent, link } = await makeWorld(t, tracker);
    const leech = btget(t, link, '-d', join(dir, 'leech'), '--bind', HOSTS.other, '--json');
    await leech.event('tracker');
    await startSeed(t, HOSTS.btget, torrent, join(dir, 'seed'));
    assert.equal(await leech.ended, 0);
    assertSame(dir);
  });
});
