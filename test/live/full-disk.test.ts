/** A disk that is really full: btget waits, says why, and goes on by itself. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { scratch } from '../support/disk/scratch.js';
import { writeNoise } from '../support/noise.js';
import { SmallDisk } from './small-disk.js';
import { btgetEnds, fingerprint, HOSTS, type Program, startSeed } from './support.js';

const OPTIONS = { timeout: 30_000 };
const MiB = 1 << 20;

interface Scene {
  readonly disk: SmallDisk;
  readonly seed: string;
  /** A download to the small disk that waits because it is full. */
  readonly program: Program;
}

/** 3 MiB come to a disk of 4 MiB, of which somebody else takes 3 in the middle: at the start there has to be room. */
async function downloadToFullDisk(t: TestContext, ...more: string[]): Promise<Scene> {
  const dir = scratch(t);
  const [seed, torrent] = [join(dir, 'seed'), join(dir, 'data.torrent')];
  writeNoise(seed, { 'data.bin': 3 * MiB });
  await btgetEnds(t, 0, 'create', join(seed, 'data.bin'), '-o', torrent);
  const peer = await startSeed(t, HOSTS.rival, torrent, seed, '--max-upload', '1M');
  const disk = new SmallDisk(t, join(dir, 'small'), 4 * MiB);
  await disk.ready();
  const args = [torrent, '-d', join(dir, 'small'), '--bind', HOSTS.btget, '--json', '--peer', peer, ...more];
  const program = disk.btget('download', ...args);
  await program.event('progress', ({ have }) => Number(have) > 0);
  disk.occupy(3 * MiB);
  await program.event('progress', ({ state }) => state === 'paused');
  return { disk, seed, program };
}

async function infoHashOf(program: Program, name: string): Promise<unknown> {
  return (await program.event('added', (event) => event['name'] === name))['infoHash'];
}

function warnings(program: Program): unknown[] {
  const codes = program.events().filter(({ type }) => type === 'warning');
  return codes.map(({ code }) => code).filter((code) => code !== 'no-journal');
}

test('a full disk pauses the download, which goes on by itself when there is room', OPTIONS, async (t) => {
  const { disk, seed, program } = await downloadToFullDisk(t);
  const warning = await program.event('warning', ({ code }) => code === 'disk-full');
  assert.match(String(warning['message']), /^cannot write .*data\.bin\.part: no space left on device \(ENOSPC\)/);
  disk.free();
  await program.event('done');
  assert.equal(await program.endsWithin(3000), 0);
  assert.deepEqual(warnings(program).slice(-1), ['resumed']);
  assert.deepEqual(fingerprint(disk.at('')), fingerprint(seed));
});

test('9: --stop-timeout ends a download that waits for a full disk', OPTIONS, async (t) => {
  const { program } = await downloadToFullDisk(t, '--stop-timeout', '2s');
  assert.equal(await program.endsWithin(6000), 9);
  const last = program.events().at(-1);
  assert.deepEqual([last?.['type'], last?.['exitCode']], ['summary', 9]);
});

test('9: Ctrl-C ends it, and the next run completes what came', OPTIONS, async (t) => {
  const { disk, seed, program } = await downloadToFullDisk(t);
  program.child.kill('SIGINT');
  assert.equal(await program.endsWithin(3000), 9);
  disk.free();
  const again = disk.btget(...program.child.spawnargs.slice(program.child.spawnargs.indexOf('download')));
  await again.event('done');
  assert.equal(await again.endsWithin(3000), 0);
  const summary = again.events().find(({ type }) => type === 'done');
  assert.ok(Number(summary?.['downloaded']) < 3 * MiB, 'what came before is not fetched again');
  assert.deepEqual(fingerprint(disk.at('')), fingerprint(seed));
});

test('while one torrent waits for its full disk another completes', OPTIONS, async (t) => {
  const dir = scratch(t);
  const [seed, leech] = [join(dir, 'seed'), join(dir, 'leech')];
  writeNoise(join(seed, 'full'), { 'a.bin': 3 * MiB });
  writeNoise(join(seed, 'other'), { 'b.bin': 3 * MiB });
  const torrents = ['full', 'other'].map((name) => join(dir, `${name}.torrent`));
  for (const name of ['full', 'other']) {
    await btgetEnds(t, 0, 'create', join(seed, name), '-o', join(dir, `${name}.torrent`));
  }
  const peers = await Promise.all([
    startSeed(t, HOSTS.rival, torrents[0] ?? '', seed, '--max-upload', '1M'),
    startSeed(t, HOSTS.other, torrents[1] ?? '', seed, '--max-upload', '1M'),
  ]);
  const disk = new SmallDisk(t, join(leech, 'full'), 4 * MiB);
  await disk.ready();
  const args = ['-d', leech, '--bind', HOSTS.btget, '--json', ...peers.flatMap((peer) => ['--peer', peer])];
  const program = disk.btget('download', ...torrents, ...args);
  const [full, other] = await Promise.all(['full', 'other'].map((name) => infoHashOf(program, name)));
  await program.event('progress', ({ infoHash, have }) => infoHash === full && Number(have) > 0);
  disk.occupy(3 * MiB);
  await program.event('progress', ({ infoHash, state }) => infoHash === full && state === 'paused');
  await program.event('done', ({ infoHash }) => infoHash === other);
  assert.deepEqual(fingerprint(join(leech, 'other')), fingerprint(join(seed, 'other')));
  program.child.kill('SIGINT');
  assert.equal(await program.endsWithin(3000), 9);
});
