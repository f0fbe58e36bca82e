/** A torrent of many files where few may be open. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratch } from '../support/disk/scratch.js';
import { seededRandom } from '../support/simulation/seeded-random.js';
import { BTGET, btgetEnds, fingerprint, HOSTS, Program } from './support.js';

/** 50,000 take minutes on a slow machine: LIVE_FILES=50000. */
const FILES = Number(process.env['LIVE_FILES'] ?? 5000);
const FOLDERS = 50;

test(`${FILES} files are downloaded and seeded where no more than 256 may be open`, { timeout: 600_000 }, async (t) => {
  const dir = scratch(t);
  const random = seededRandom(1);
  for (let folder = 0; folder < FOLDERS; folder += 1) {
    const path = join(dir, 'seed', 'many', String(folder));
    mkdirSync(path, { recursive: true });
    for (let file = 0; file < FILES / FOLDERS; file += 1) {
      writeFileSync(join(path, `${file}.bin`), random.bytes(100 + random.below(3000)));
    }
  }
  const torrent = join(dir, 'many.torrent');
  await btgetEnds(t, 0, 'create', join(dir, 'seed', 'many'), '-o', torrent);
  const limited = (...args: string[]): Program =>
    new Program(t, 'sh', ['-c', 'ulimit -n 256; exec "$@"', 'sh', process.execPath, BTGET, ...args]);
  const seed = limited('seed', torrent, '-d', join(dir, 'seed'), '--bind', HOSTS.rival);
  const port = await seed.until((output) => /listening on \S*?:(\d+)[\s\S]*seeding/.exec(output)?.[1]);
  const peer = `${HOSTS.rival}:${port}`;
  const leech = limited('download', torrent, '-d', join(dir, 'leech'), '--bind', HOSTS.btget, '--json', '--peer', peer);
  await leech.event('done');
  assert.equal(await leech.endsWithin(10_000), 0);
  t.diagnostic(`${leech.events().find(({ type }) => type === 'done')?.['seconds']} s`);
  assert.deepEqual(fingerprint(join(dir, 'leech')), fingerprint(join(dir, 'seed')));
  const troubles = leech.events().filter(({ type }) => type === 'warning' || type === 'error');
  assert.deepEqual(troubles, []);
  assert.doesNotMatch(seed.stderr, /EMFILE|cannot/);
});
