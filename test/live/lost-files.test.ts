/** Files that somebody takes away, or puts in the place of others, while a download goes on. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { scratch } from '../support/disk/scratch.js';
import { writeNoise } from '../support/noise.js';
import { btget, btgetEnds, fingerprint, HOSTS, type Program, startSeed } from './support.js';

const OPTIONS = { timeout: 120_000 };
const KiB = 1024;

interface Scene {
  readonly seed: string;
  readonly into: string;
  readonly program: Program;
}

/** A download of which the first file is whole, and the others are not. */
async function halfWay(t: TestContext, version: string): Promise<Scene> {
  const dir = scratch(t);
  const [seed, into, torrent] = [join(dir, 'seed'), join(dir, 'into'), join(dir, 'data.torrent')];
  writeNoise(join(seed, 'data'), { 'a.bin': 300 * KiB + 1, 'b.bin': 700 * KiB + 1, 'c.bin': 300 * KiB + 1, empty: 0 });
  const options = ['--meta-version', version, '--piece-length', '32K'];
  await btgetEnds(t, 0, 'create', join(seed, 'data'), '-o', torrent, ...options);
  const peer = await startSeed(t, HOSTS.rival, torrent, seed);
  const here = ['-d', into, '--bind', HOSTS.btget, '--json', '--peer', peer];
  const program = btget(t, torrent, ...here, '--sequential', '--max-download', '200K');
  await program.event('file', ({ path }) => String(path).endsWith('a.bin'));
  return { seed, into, program };
}

const ACTS: readonly (readonly [version: string, what: string, act: (at: (path: string) => string) => void])[] = [
  ['1', 'a whole file is removed', (at) => rmSync(at('data/a.bin'))],
  ['1', 'the folder is moved away', (at) => renameSync(at('data'), at('../moved'))],
  ['2', 'a whole file is cut', (at) => truncateSync(at('data/a.bin'), 5)],
  ['hybrid', 'a whole file is moved to its part name', (at) => renameSync(at('data/a.bin'), at('data/a.bin.part'))],
];

for (const [version, what, act] of ACTS) {
  test(`version ${version}: when ${what}, exit code 0 says that all is there again`, OPTIONS, async (t) => {
    const { seed, into, program } = await halfWay(t, version);
    act((path) => join(into, path));
    const { paths } = await program.event('done');
    assert.equal(await program.ended, 0);
    assert.deepEqual(fingerprint(into), fingerprint(seed));
    assert.ok((paths as string[]).every((path) => existsSync(path)));
  });
}

for (const version of ['1', '2']) {
  test(`13: version ${version}: a file that takes the place of a whole one keeps its bytes`, OPTIONS, async (t) => {
    const { into, program } = await halfWay(t, version);
    const theirs = Buffer.alloc(300 * KiB + 1, 'mine');
    writeFileSync(join(into, 'mine'), theirs);
    renameSync(join(into, 'mine'), join(into, 'data/a.bin'));
    rmSync(join(into, 'data/b.bin.part'), { force: true });
    assert.equal(await program.ended, 13);
    assert.ok(readFileSync(join(into, 'data/a.bin')).equals(theirs));
    assert.ok(!program.events().some(({ type }) => type === 'done'));
  });
}
