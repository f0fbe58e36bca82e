/** A disk that is unmounted under a torrent: btget waits for it, and neither writes nor serves what lies below. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { scratch } from '../support/disk/scratch.js';
import { writeNoise } from '../support/noise.js';
import { SmallDisk } from './small-disk.js';
import { btget, btgetEnds, fingerprint, HOSTS, type Program, startSeed } from './support.js';

const OPTIONS = { timeout: 60_000 };
const MiB = 1 << 20;

interface Scene {
  readonly disk: SmallDisk;
  readonly seed: string;
  /** A download that has begun, and waits because its disk is gone. */
  readonly program: Program;
}

/** 3 MiB come to the folder `into` of a disk, which is taken away in the middle. */
async function downloadToLostDisk(t: TestContext, into: string, ...more: string[]): Promise<Scene> {
  const dir = scratch(t);
  const [seed, torrent] = [join(dir, 'seed'), join(dir, 'data.torrent')];
  writeNoise(join(seed, 'data'), Object.fromEntries(Array.from({ length: 12 }, (_, at) => [`${at}.bin`, MiB / 4])));
  await btgetEnds(t, 0, 'create', join(seed, 'data'), '-o', torrent);
  const peer = await startSeed(t, HOSTS.rival, torrent, seed, '--max-upload', '1M');
  const disk = new SmallDisk(t, join(dir, 'small'), 8 * MiB);
  await disk.ready();
  const args = [torrent, '-d', join(dir, 'small', into), '--bind', HOSTS.btget, '--json', '--peer', peer, ...more];
  const program = disk.btget('download', ...args);
  await program.event('progress', ({ have }) => Number(have) > 0);
  await disk.takeAway();
  await program.event('progress', ({ state }) => state === 'paused');
  return { disk, seed, program };
}

for (const into of ['', 'downloads/here']) {
  test(`a download waits for its disk, makes nothing below, and goes on: folder '${into}'`, OPTIONS, async (t) => {
    const { disk, seed, program } = await downloadToLostDisk(t, into);
    const warning = await program.event('warning', ({ code }) => code === 'io');
    assert.match(String(warning['message']), /is not the folder that it was at the start: is its disk unmounted\?/);
    assert.deepEqual(readdirSync(disk.below('')), []);
    await disk.bringBack();
    await program.event('done');
    assert.equal(await program.endsWithin(3000), 0);
    const codes = program.events().flatMap(({ type, code }) => (type === 'warning' ? [code] : []));
    assert.ok(codes.includes('resumed') && !codes.includes('pieces-lost'), codes.join());
    assert.deepEqual(fingerprint(disk.at(into)), fingerprint(seed));
  });
}

test(
  '17: --stop-timeout ends a download that waits for its disk, and the next run completes it',
  OPTIONS,
  async (t) => {
    const { disk, seed, program } = await downloadToLostDisk(t, 'downloads', '--stop-timeout', '2s');
    assert.equal(await program.endsWithin(10_000), 17);
    assert.deepEqual(readdirSync(disk.below('')), []);
    await disk.bringBack();
    const args = program.child.spawnargs.slice(program.child.spawnargs.indexOf('download'));
    const again = disk.btget(...args);
    assert.equal(await again.ended, 0, again.stderr);
    assert.deepEqual(fingerprint(disk.at('downloads')), fingerprint(seed));
  },
);

test('a seed whose disk is gone serves nothing of what lies below, and goes on when it is back', OPTIONS, async (t) => {
  const dir = scratch(t);
  const torrent = join(dir, 'data.torrent');
  const disk = new SmallDisk(t, join(dir, 'small'), 8 * MiB);
  await disk.ready();
  // More files than stay open for reading.
  const files = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`${at}.bin`, 16 * 1024]));
  writeNoise(disk.at('data'), files);
  const wanted = fingerprint(disk.at('data'));
  const created = disk.btget('create', join(dir, 'small', 'data'), '-o', torrent);
  assert.equal(await created.ended, 0, created.stderr);
  const seed = disk.btget('seed', torrent, '-d', join(dir, 'small'), '--bind', HOSTS.btget, '--max-upload', '1M');
  const port = await seed.until((output) => /listening on \S*?:(\d+)[\s\S]*seeding/.exec(output)?.[1]);
  const args = [torrent, '-d', dir, '--bind', HOSTS.other, '--json', '--peer', `${HOSTS.btget}:${port}`];
  const leech = btget(t, ...args);
  await leech.event('progress', ({ have }) => Number(have) > 0);
  await disk.takeAway();
  mkdirSync(disk.below('data'));
  for (const name of Object.keys(files)) writeFileSync(disk.below(`data/${name}`), Buffer.alloc(16 * 1024, 's'));
  await seed.until((output) => /is not the folder that it was at the start/.exec(output));
  assert.equal(await leech.interrupt(), 7);
  await disk.bringBack();
  // Whom a seed has parted from does not dial it again at once.
  const again = btget(t, ...args);
  assert.equal(await again.ended, 0, again.stderr);
  assert.deepEqual(fingerprint(join(dir, 'data')), wanted);
  assert.equal((await again.event('done'))['wasted'], 0);
  const warnings = [leech, again].flatMap((one) => one.events().filter(({ type }) => type === 'warning'));
  assert.deepEqual(warnings, []);
  assert.doesNotMatch(seed.stdout + seed.stderr, /no longer served/);
});
