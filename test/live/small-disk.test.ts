/** A disk too small for a torrent, and large enough for some of its files. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratch } from '../support/disk/scratch.js';
import { writeNoise } from '../support/noise.js';
import { BTGET, btgetEnds, HOSTS, Program, startSeed } from './support.js';

const KIB = 1024;

// The disk goes with the process, so what is left on it is listed before that.
const ON_SMALL_DISK = `
  mount -t tmpfs -o size=2m small "$1" || exit 99
  dir="$1"
  shift
  "$@"
  code=$?
  echo "left:"
  cd "$dir" && find . -type f | sort
  exit $code
`;

// As above, with a disk of another size as the torrent's folder.
const ON_TWO_DISKS = `
  mount -t tmpfs -o size="$2" outer "$1" || exit 99
  mkdir "$1/box"
  mount -t tmpfs -o size="$3" inner "$1/box" || exit 99
  dir="$1"
  shift 3
  "$@"
  code=$?
  echo "left:"
  cd "$dir" && find . -type f | sort
  exit $code
`;

test('the room is looked for on the disk on which the files will lie, and that disk is named', {
  timeout: 60_000,
}, async (t) => {
  const dir = scratch(t);
  writeNoise(join(dir, 'seed', 'box'), { 'a.bin': 700 * KIB, 'b.bin': 1800 * KIB, 'c.bin': 500 * KIB });
  const torrent = join(dir, 'box.torrent');
  await btgetEnds(t, 0, 'create', join(dir, 'seed', 'box'), '-o', torrent);
  const seed = await startSeed(t, HOSTS.rival, torrent, join(dir, 'seed'));
  const two = join(dir, 'two');
  mkdirSync(two);
  const download = [process.execPath, BTGET, torrent, '-d', two, '--bind', HOSTS.btget, '--peer', seed, '-q'];
  const onTwoDisks = (...sizes: readonly [outer: string, inner: string]): Program =>
    new Program(t, 'unshare', ['-m', 'sh', '-c', ON_TWO_DISKS, 'sh', two, ...sizes, ...download]);
  const left = (program: Program): string[] => program.stdout.split('left:\n')[1]?.trim().split('\n') ?? [];

  const fits = onTwoDisks('1m', '8m');
  assert.equal(await fits.ended, 0, fits.stderr);
  assert.deepEqual(left(fits), ['./box/a.bin', './box/b.bin', './box/c.bin']);

  const none = onTwoDisks('8m', '1m');
  assert.equal(await none.ended, 9, none.stderr);
  assert.match(none.stderr, /no room in \S+\/two\/box: 2\.9 MiB are needed, 1\.0 MiB are free/);
  assert.deepEqual(left(none), ['']);
});

test('what does not fit is refused before it is begun; the files that fit are fetched', {
  timeout: 60_000,
}, async (t) => {
  const dir = scratch(t);
  writeNoise(join(dir, 'seed', 'box'), { 'a.bin': 700 * KIB, 'b.bin': 1800 * KIB, 'c.bin': 500 * KIB });
  const torrent = join(dir, 'box.torrent');
  await btgetEnds(t, 0, 'create', join(dir, 'seed', 'box'), '-o', torrent);
  const seed = await startSeed(t, HOSTS.rival, torrent, join(dir, 'seed'));
  const small = join(dir, 'small');
  mkdirSync(small);
  const onSmallDisk = (...options: string[]): Program => {
    const download = [process.execPath, BTGET, torrent, '-d', small, '--bind', HOSTS.btget, '--peer', seed, '-q'];
    return new Program(t, 'unshare', ['-m', 'sh', '-c', ON_SMALL_DISK, 'sh', small, ...download, ...options]);
  };
  const left = (program: Program): string[] => program.stdout.split('left:\n')[1]?.trim().split('\n') ?? [];

  const all = onSmallDisk();
  assert.equal(await all.ended, 9, all.stderr);
  assert.match(all.stderr, /no room in \S+: 2\.9 MiB are needed, 2\.0 MiB are free/);
  assert.deepEqual(left(all), ['']);

  for (const how of [[], ['--preallocate']]) {
    const some = onSmallDisk('--exclude', 'b.bin', ...how);
    assert.equal(await some.ended, 0, some.stderr);
    assert.deepEqual(
      left(some).filter((path) => !path.endsWith('.btget-border')),
      ['./box/a.bin', './box/c.bin'],
    );
  }
});
