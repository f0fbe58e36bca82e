/** Downloads that are cut off, as whole processes: what the next one believes, hashes and leaves. */
import assert from 'node:assert/strict';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { scratch } from '../support/disk/scratch.js';
import { writeNoise } from '../support/noise.js';
import { btget, btgetEnds, fingerprint, HOSTS, type Program, startSeed } from './support.js';

const OPTIONS = { timeout: 60_000 };
const MiB = 1 << 20;
const LENGTH = 160 * MiB;
/** What is hashed after a kill: the newest 64 MiB and one piece of each of two files. */
const HASHED_AT_MOST = 64 * MiB + 3 * MiB;

interface Place {
  readonly torrent: string;
  readonly seed: string;
  readonly address: string;
  readonly dir: string;
}

/** A seed of two files in pieces of 1 MiB. */
async function place(t: TestContext): Promise<Place> {
  const dir = scratch(t);
  writeNoise(join(dir, 'seed', 'data'), { 'a.bin': LENGTH - 30 * MiB, 'b.bin': 30 * MiB });
  const torrent = join(dir, 'data.torrent');
  await btgetEnds(t, 0, 'create', join(dir, 'seed', 'data'), '-o', torrent, '--piece-length', '1M');
  const address = await startSeed(t, HOSTS.rival, torrent, join(dir, 'seed'));
  return { torrent, seed: join(dir, 'seed'), address, dir: join(dir, 'leech') };
}

function download(t: TestContext, { torrent, dir, address }: Place, ...more: string[]): Program {
  return btget(t, 'download', torrent, '-d', dir, '--bind', HOSTS.btget, '--peer', address, '--json', ...more);
}

/** Downloads until there are `have` bytes at least, and ends it by `signal`. Returns how many there were. */
async function cutOff(t: TestContext, here: Place, signal: NodeJS.Signals, have: number): Promise<number> {
  const program = download(t, here, '--max-download', '60M');
  await program.event('progress', (event) => Number(event['have']) >= have);
  program.child.kill(signal);
  await program.ended;
  return Number(program.events().findLast((event) => event['type'] === 'progress')?.['have']);
}

interface Resumed {
  /** Bytes that were there at the start, and bytes that were hashed to know that. */
  readonly have: number;
  readonly hashed: number;
}

/** Runs a download to its end, and asserts that it ends well. */
async function goesOn(t: TestContext, here: Place, ...more: string[]): Promise<Resumed> {
  const program = download(t, here, ...more);
  assert.equal(await program.ended, 0, program.stdout + program.stderr);
  assert.deepEqual(
    program.events().filter(({ type }) => type === 'warning' || type === 'error'),
    [],
  );
  assert.deepEqual(fingerprint(here.dir), fingerprint(here.seed));
  assert.deepEqual(readdirSync(here.dir), ['data'], 'no journal and no lock is left');
  const started = program.events().find((event) => event['type'] === 'progress' && event['state'] !== 'checking');
  const checked = program.events().findLast((event) => event['type'] === 'checking');
  return { have: Number(started?.['have']), hashed: Number(checked?.['length'] ?? 0) };
}

test('after kill -9 it goes on from its journal: little is hashed, and little comes twice', OPTIONS, async (t) => {
  const here = await place(t);
  const have = await cutOff(t, here, 'SIGKILL', 110 * MiB);
  assert.deepEqual(readdirSync(here.dir).sort(), ['data', 'data.btget', 'data.btget.lock']);
  const resumed = await goesOn(t, here);
  // The last progress was told up to a second before the kill; a batch may have taken a moment more.
  assert.ok(resumed.have >= have - 40 * MiB, `${resumed.have / MiB} MiB of ${have / MiB} MiB`);
  assert.ok(resumed.hashed > 0 && resumed.hashed <= HASHED_AT_MOST, `${resumed.hashed / MiB} MiB hashed`);
});

test('after Ctrl-C one piece of each file is hashed, and nothing is lost', OPTIONS, async (t) => {
  const here = await place(t);
  const have = await cutOff(t, here, 'SIGINT', 100 * MiB);
  assert.deepEqual(readdirSync(here.dir).sort(), ['data', 'data.btget']);
  const resumed = await goesOn(t, here);
  assert.ok(resumed.have >= have, `${resumed.have} of ${have}`);
  assert.ok(resumed.hashed > 0 && resumed.hashed <= 2 * MiB, `${resumed.hashed}`);
});

test('--check hashes everything that is there', OPTIONS, async (t) => {
  const here = await place(t);
  const have = await cutOff(t, here, 'SIGINT', 100 * MiB);
  const resumed = await goesOn(t, here, '--check');
  assert.ok(resumed.hashed >= have);
});

test('a file that was changed meanwhile is hashed, and the other is not', OPTIONS, async (t) => {
  const here = await place(t);
  await cutOff(t, here, 'SIGINT', 110 * MiB);
  const small = join(here.dir, 'data', existsSync(join(here.dir, 'data', 'b.bin')) ? 'b.bin' : 'b.bin.part');
  const file = openSync(small, 'r+');
  writeSync(file, Buffer.alloc(1000, 7), 0, 1000, 5 * MiB);
  closeSync(file);
  const resumed = await goesOn(t, here);
  assert.ok(resumed.hashed > 0 && resumed.hashed <= 31 * MiB, `${resumed.hashed / MiB} MiB hashed`);
});

test('a journal that is broken or gone costs a hash of everything, and nothing else', OPTIONS, async (t) => {
  const here = await place(t);
  const have = await cutOff(t, here, 'SIGINT', 60 * MiB);
  const journal = join(here.dir, 'data.btget');
  const bytes = readFileSync(journal);
  bytes[30] = (bytes[30] as number) ^ 1;
  writeFileSync(journal, bytes);
  const resumed = await goesOn(t, here);
  assert.ok(resumed.hashed >= have && resumed.have >= have);
});

test(
  'of two downloads of one target the second ends with 11 and says who has it; a seed as well',
  OPTIONS,
  async (t) => {
    const here = await place(t);
    const first = download(t, here, '--max-download', '1M');
    await first.event('progress', (event) => Number(event['have']) > 0);
    const second = await btgetEnds(t, 11, 'download', here.torrent, '-d', here.dir, '--bind', HOSTS.other);
    assert.match(
      second.stderr,
      new RegExp(`another btget is working on ${here.dir}/data: process ${first.child.pid} on \\S+, since 20\\S+`),
    );
    const seed = await btgetEnds(t, 11, 'seed', here.torrent, '-d', here.dir, '--bind', HOSTS.other, '--no-trackers');
    assert.match(seed.stderr, /another btget is working on/);
    assert.equal(await first.interrupt(), 7);
    await goesOn(t, here);
  },
);

test('of many that find the lock of a dead process one takes it, and all others end with 11', OPTIONS, async (t) => {
  const here = await place(t);
  await cutOff(t, here, 'SIGKILL', 20 * MiB);
  const left = new Set(Array.from({ length: 5 }, () => download(t, here, '--max-download', '1M')));
  while (left.size > 1) {
    const [ended, code] = await Promise.race([...left].map(async (program) => [program, await program.ended] as const));
    assert.equal(code, 11);
    left.delete(ended);
  }
  for (const winner of left) assert.equal(await winner.interrupt(), 7);
  await goesOn(t, here);
});

test("a file of somebody else's where the journal would be is left alone", OPTIONS, async (t) => {
  const here = await place(t);
  await cutOff(t, here, 'SIGINT', 20 * MiB);
  rmSync(join(here.dir, 'data.btget'));
  writeFileSync(join(here.dir, 'data.btget'), 'a poem');
  const program = download(t, here);
  assert.equal(await program.ended, 0);
  assert.equal(program.events().filter((event) => event['code'] === 'no-journal').length, 1);
  assert.equal(readFileSync(join(here.dir, 'data.btget'), 'utf8'), 'a poem');
});
