/** Downloads of long pieces that are cut off, as whole processes: their blocks are not fetched twice. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { scratch } from '../support/disk/scratch.js';
import { writeNoise } from '../support/noise.js';
import { btget, btgetEnds, fingerprint, HOSTS, type JsonEvent, type Program, startSeed } from './support.js';

const OPTIONS = { timeout: 60_000 };
const MiB = 1 << 20;
const LENGTH = 96 * MiB;
/** Bytes a second while it is cut off. */
const RATE = 12 * MiB;

interface CutOff {
  /** Bytes that came in the first run, as it said last, and in the second. */
  readonly first: number;
  readonly second: number;
  readonly warnings: readonly JsonEvent[];
}

/** Cuts a download off by `signal` in the midst of its second piece, and has another one go on. */
async function cutOff(t: TestContext, pieceLength: number, signal: NodeJS.Signals): Promise<CutOff> {
  const dir = scratch(t);
  writeNoise(join(dir, 'seed'), { 'data.bin': LENGTH });
  const torrent = join(dir, 'data.torrent');
  await btgetEnds(t, 0, 'create', join(dir, 'seed', 'data.bin'), '-o', torrent, '--piece-length', String(pieceLength));
  const address = await startSeed(t, HOSTS.rival, torrent, join(dir, 'seed'));
  const leech = join(dir, 'leech');
  const download = (...more: string[]): Program =>
    btget(t, 'download', torrent, '-d', leech, '--bind', HOSTS.btget, '--peer', address, '--json', ...more);
  const cut = download('--max-download', String(RATE));
  await cut.event('progress', (event) => Number(event['downloaded']) >= 1.5 * pieceLength);
  cut.child.kill(signal);
  await cut.ended;
  const rest = download();
  assert.equal(await rest.ended, 0, rest.stdout + rest.stderr);
  assert.deepEqual(fingerprint(leech), fingerprint(join(dir, 'seed')));
  assert.deepEqual(readdirSync(leech), ['data.bin']);
  return {
    first: Number(cut.events().findLast(({ type }) => type === 'progress')?.['downloaded']),
    second: Number(rest.events().find(({ type }) => type === 'done')?.['downloaded']),
    warnings: rest.events().filter(({ type }) => type === 'warning'),
  };
}

test('after Ctrl-C in the midst of a piece of 16 MiB less than a piece comes twice', OPTIONS, async (t) => {
  const { first, second, warnings } = await cutOff(t, 16 * MiB, 'SIGINT');
  assert.ok(first >= 24 * MiB, `${first / MiB} MiB`);
  assert.ok(first + second <= LENGTH + MiB, `${first / MiB} and ${second / MiB} MiB of ${LENGTH / MiB} MiB`);
  assert.deepEqual(warnings, []);
});

test(
  'after kill -9 in the midst of a piece that no memory is long enough for a second comes twice',
  OPTIONS,
  async (t) => {
    const { first, second, warnings } = await cutOff(t, 32 * MiB, 'SIGKILL');
    assert.ok(first >= 48 * MiB, `${first / MiB} MiB`);
    assert.ok(first + second <= LENGTH + RATE + MiB, `${first / MiB} and ${second / MiB} MiB of ${LENGTH / MiB} MiB`);
    assert.deepEqual(warnings, []);
  },
);
