import assert from 'node:assert/strict';
import { closeSync, mkdirSync, openSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { main } from '../../../src/cli/main.js';
import { nodeIo } from '../../../src/cli/node-io.js';
import { scratch } from '../../support/disk/scratch.js';
import { type V2SampleOptions, type V2SampleTorrent, v2Torrent } from '../../support/v2-torrent.js';
import { FakeIo } from './support/fake-io.js';

const KiB = 1024;
const SAMPLES = [
  { path: 'top/block', length: 10_000 },
  { path: 'top/empty', length: 0 },
  { path: 'top/long', length: 200_000 },
  { path: 'top/piece', length: 32 * KiB },
];

const { timers } = nodeIo();

/** A folder with the torrent and its content. */
function place(t: TestContext, version: '2' | 'hybrid', options: V2SampleOptions = {}) {
  const dir = scratch(t);
  const torrent = v2Torrent(SAMPLES, 32 * KiB, version, options);
  writeContent(dir, torrent);
  writeFileSync(join(dir, 'top.torrent'), torrent.torrent);
  const verify = async (...rest: readonly string[]) => {
    const io = new FakeIo();
    const code = await main(['verify', join(dir, 'top.torrent'), '-d', dir, ...rest], Object.assign(io, { timers }));
    return { code, out: io.stdout.text, err: io.stderr.text };
  };
  return { dir, torrent, verify };
}

function writeContent(dir: string, { metainfo, fileBytes }: V2SampleTorrent): void {
  for (const [index, { path, padding }] of metainfo.files.entries()) {
    if (padding) continue;
    const at = join(dir, ...path);
    mkdirSync(dirname(at), { recursive: true });
    writeFileSync(at, fileBytes(index));
  }
}

/** Changes one bit of a file. */
function flip(path: string, bytes: Buffer, position: number): void {
  const descriptor = openSync(path, 'r+');
  writeSync(descriptor, Buffer.of((bytes[position] ?? 0) ^ 1), 0, 1, position);
  closeSync(descriptor);
}

interface Told {
  readonly path: string;
  readonly state: string;
  readonly have: number;
  readonly badRanges: unknown;
  readonly wholeOnly?: true;
}

const factsOf = (out: string) =>
  JSON.parse(out).files.map(({ path, state, have, badRanges, wholeOnly }: Told) => [
    path.slice(4),
    state,
    have,
    badRanges,
    ...(wholeOnly === undefined ? [] : ['whole only']),
  ]);

for (const version of ['2', 'hybrid'] as const) {
  test(`verify of version ${version} names the pieces that are wrong, each in its own file`, async (t) => {
    const { dir, torrent, verify } = place(t, version);
    const { metainfo, fileBytes } = torrent;
    const whole = await verify('--json');
    assert.deepEqual([whole.code, JSON.parse(whole.out).badPieces], [0, []]);
    const told = JSON.parse(whole.out);
    assert.deepEqual(
      [told.infoHash, told.infoHashV2],
      [metainfo.infoHash.toString('hex'), metainfo.infoHashV2?.toString('hex')],
    );
    const long = metainfo.files.findIndex(({ path }) => path.at(-1) === 'long');
    flip(join(dir, 'top/block'), fileBytes(0), 9_999);
    flip(join(dir, 'top/long'), fileBytes(long), 40_000);
    flip(join(dir, 'top/long'), fileBytes(long), 199_999);
    const { code, out } = await verify('--json');
    assert.equal(code, 32);
    assert.deepEqual(factsOf(out), [
      ['block', 'incomplete', 0, [{ begin: 0, length: 10_000 }]],
      ['empty', 'ok', 0, []],
      [
        'long',
        'incomplete',
        200_000 - 32 * KiB - 3_392,
        [
          { begin: 32 * KiB, length: 32 * KiB },
          { begin: 192 * KiB, length: 3_392 },
        ],
      ],
      ['piece', 'ok', 32 * KiB, []],
    ]);
    assert.deepEqual(JSON.parse(out).badPieces, [0, 2, 7]);
    truncateSync(join(dir, 'top/piece'), 5);
    const cut = (await verify('--json')).out;
    assert.deepEqual(factsOf(cut).at(-1), ['piece', 'wrong-size', 0, [{ begin: 0, length: 32 * KiB }]]);
  });

  test(`verify of version ${version} goes on without a piece layer`, async (t) => {
    const { dir, torrent, verify } = place(t, version, { layers: false });
    assert.equal(torrent.metainfo.missingLayers.length, 1);
    const whole = await verify('--json');
    assert.deepEqual([whole.code, whole.err], [0, '']);
    const long = torrent.metainfo.files.findIndex(({ path }) => path.at(-1) === 'long');
    flip(join(dir, 'top/long'), torrent.fileBytes(long), 40_000);
    const { code, out } = await verify('--json');
    assert.equal(code, 32);
    assert.deepEqual(
      factsOf(out).at(2),
      version === '2'
        ? ['long', 'incomplete', 0, [{ begin: 0, length: 200_000 }], 'whole only']
        : ['long', 'incomplete', 200_000 - 32 * KiB, [{ begin: 32 * KiB, length: 32 * KiB }]],
    );
    assert.deepEqual(JSON.parse(out).badPieces, version === '2' ? [1, 2, 3, 4, 5, 6, 7] : [2]);
    if (version === 'hybrid') return;
    assert.deepEqual((await verify()).out.trim().split('\n'), [
      'incomplete   195 KiB  top/long (the torrent has no hashes of its pieces)',
      '             195 KiB  bytes 0-199999 missing or wrong',
      'top: 3 of 4 files ok, 41.8 KiB of 237 KiB, 7 pieces missing or wrong',
    ]);
    truncateSync(join(dir, 'top/long'), 100_000);
    assert.deepEqual(factsOf((await verify('--json')).out).at(2), [
      'long',
      'wrong-size',
      0,
      [{ begin: 0, length: 200_000 }],
      'whole only',
    ]);
  });
}

test('verify says that the two halves of a hybrid contradict each other', async (t) => {
  const pieces = Buffer.from(v2Torrent(SAMPLES, 32 * KiB, 'hybrid').metainfo.pieces);
  pieces[3 * 20] = (pieces[3 * 20] ?? 0) ^ 1;
  const { verify } = place(t, 'hybrid', { info: { pieces } });
  const { code, out, err } = await verify();
  assert.deepEqual([code, out], [26, '']);
  assert.equal(err, 'btget: torrent is not valid: its two hashes of piece 3 contradict each other\n');
});
