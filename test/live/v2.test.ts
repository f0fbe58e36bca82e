/** Torrents of version 2 and hybrids (BEP 52), exchanged with other clients in both directions. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { formatMagnet, linkOf } from '../../src/metainfo/magnet.js';
import type { Metainfo } from '../../src/metainfo/metainfo.js';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { scratch } from '../support/disk/scratch.js';
import { writeNoise } from '../support/noise.js';
import { startDht } from './dht-nodes.js';
import { ENCRYPTING_RIVALS, type Rival } from './rivals.js';
import { btgetEnds, fingerprint, HOSTS, nextHost, startSeed, startTracker } from './support.js';

const MiB = 1 << 20;
const OPTIONS = { timeout: 180_000 };
/** Several pieces, one piece, a block and a byte, a byte, nothing; no file ends with a piece, and one ends with a block. */
const FILES = {
  'data/many.bin': 24 * MiB + 12_345,
  'data/one-piece.bin': 70_000,
  'data/deep/block.bin': 16_385,
  'data/deep/whole.bin': 262_144,
  'data/byte.bin': 1,
  'data/empty.bin': 0,
};

const VERSIONS = ['2', 'hybrid'] as const;
type Version = (typeof VERSIONS)[number];

/** The clients here that know version 2. */
const RIVALS: readonly Rival[] = ENCRYPTING_RIVALS.filter(
  ({ name, installed }) => installed && (name === 'libtorrent' || name === 'qbittorrent'),
);
const libtorrent = RIVALS.find(({ name }) => name === 'libtorrent');
const rtorrent = ENCRYPTING_RIVALS.find(({ name, installed }) => installed && name === 'rtorrent');

interface World {
  readonly dir: string;
  readonly torrent: string;
  readonly metainfo: Metainfo;
}

/** Content in `seed`, an empty `leech`, and the torrent, which names `tracker` or nobody. */
async function makeWorld(t: TestContext, version: Version, tracker: string | null): Promise<World> {
  const dir = scratch(t);
  writeNoise(join(dir, 'seed'), FILES);
  mkdirSync(join(dir, 'leech'));
  const torrent = join(dir, 'data.torrent');
  const options = ['--meta-version', version, '--piece-length', '256K'];
  const announce = tracker === null ? [] : ['--tracker', tracker];
  await btgetEnds(t, 0, 'create', join(dir, 'seed', 'data'), '-o', torrent, ...options, ...announce);
  return { dir, torrent, metainfo: parseMetainfo(readFileSync(torrent)) };
}

/** The files of the torrent alone: a client may put pad files and files of its own beside them. */
function assertSame(dir: string, name = 'leech'): void {
  const found = Object.entries(fingerprint(join(dir, name))).filter(([path]) => Object.hasOwn(FILES, path));
  assert.deepEqual(Object.fromEntries(found), fingerprint(join(dir, 'seed')));
}

/** A link that names the torrent by the hash of version 2 alone, and nobody. */
function linkByV2(metainfo: Metainfo): string {
  return formatMagnet({ ...linkOf(metainfo), infoHashV1: null, trackers: [] });
}

/** A link that names the torrent by the hash of version 1 alone, and nobody. */
function linkByV1(metainfo: Metainfo): string {
  return formatMagnet({ ...linkOf(metainfo), infoHashV2: null, trackers: [] });
}

const leechOptions = (dir: string): string[] => ['-d', join(dir, 'leech'), '--bind', HOSTS.btget];

for (const version of VERSIONS) {
  for (const rival of RIVALS) {
    test(`btget downloads a torrent of version ${version} from ${rival.name}`, OPTIONS, async (t) => {
      const { dir, torrent } = await makeWorld(t, version, await startTracker(t, HOSTS.tracker));
      const seed = await rival.start(t, { torrent, dir: join(dir, 'seed'), host: nextHost(), peers: [] });
      await seed.complete();
      await btgetEnds(t, 0, torrent, ...leechOptions(dir));
      assertSame(dir);
    });

    test(`${rival.name} downloads a torrent of version ${version} from btget`, OPTIONS, async (t) => {
      const { dir, torrent } = await makeWorld(t, version, await startTracker(t, HOSTS.tracker));
      await startSeed(t, nextHost(), torrent, join(dir, 'seed'));
      const task = { torrent, dir: join(dir, 'leech'), host: nextHost(), peers: [] };
      await (await rival.start(t, task)).complete();
      assertSame(dir);
    });
  }

  if (libtorrent === undefined) continue;

  test(`btget gets version ${version} from libtorrent by a link with the hash of v2`, OPTIONS, async (t) => {
    const { dir, torrent, metainfo } = await makeWorld(t, version, null);
    const seed = await libtorrent.start(t, { torrent, dir: join(dir, 'seed'), host: nextHost(), peers: [] });
    await seed.complete();
    await btgetEnds(t, 0, linkByV2(metainfo), ...leechOptions(dir), '--peer', seed.address);
    assertSame(dir);
  });

  test(`libtorrent gets version ${version} from btget by a link with the hash of v2`, OPTIONS, async (t) => {
    const { dir, torrent, metainfo } = await makeWorld(t, version, null);
    const address = await startSeed(t, nextHost(), torrent, join(dir, 'seed'));
    const task = { torrent: linkByV2(metainfo), dir: join(dir, 'leech'), host: nextHost(), peers: [address] };
    await (await libtorrent.start(t, task)).complete();
    assertSame(dir);
  });

  test(`btget and libtorrent find each other in the DHT, by version ${version}`, OPTIONS, async (t) => {
    const { dir, torrent, metainfo } = await makeWorld(t, version, null);
    const nodes = (await startDht(t)).addresses.map(({ host, port }) => `${host}:${port}`);
    const task = { torrent, dir: join(dir, 'seed'), host: nextHost(), peers: [], dhtNodes: nodes };
    await (await libtorrent.start(t, task)).complete();
    const enter = ['--no-lsd', '--no-port-mapping', '--dht-node', nodes[0] ?? ''];
    await btgetEnds(t, 0, linkByV2(metainfo), ...leechOptions(dir), ...enter);
    assertSame(dir);
  });
}

if (libtorrent !== undefined) {
  test(
    'btget gets a hybrid from libtorrent by a link with the hash of v1, and by one with both',
    OPTIONS,
    async (t) => {
      const { dir, torrent, metainfo } = await makeWorld(t, 'hybrid', null);
      const seed = await libtorrent.start(t, { torrent, dir: join(dir, 'seed'), host: nextHost(), peers: [] });
      await seed.complete();
      await btgetEnds(t, 0, linkByV1(metainfo), ...leechOptions(dir), '--peer', seed.address);
      assertSame(dir);
      const both = formatMagnet({ ...linkOf(metainfo), trackers: [] });
      await btgetEnds(t, 0, both, '-d', join(dir, 'both'), '--bind', HOSTS.btget, '--peer', seed.address);
      assertSame(dir, 'both');
    },
  );
}

if (libtorrent !== undefined && rtorrent !== undefined) {
  test('a client of v1 alone, libtorrent and btget share one hybrid', OPTIONS, async (t) => {
    const { dir, torrent } = await makeWorld(t, 'hybrid', await startTracker(t, HOSTS.tracker));
    // The client of v1 alone has everything from btget, which has it from nobody; libtorrent joins both.
    await startSeed(t, nextHost(), torrent, join(dir, 'seed'));
    const old = await rtorrent.start(t, { torrent, dir: join(dir, 'old'), host: nextHost(), peers: [] });
    const other = await libtorrent.start(t, { torrent, dir: join(dir, 'other'), host: nextHost(), peers: [] });
    await btgetEnds(t, 0, torrent, ...leechOptions(dir));
    await Promise.all([old.complete(), other.complete()]);
    for (const name of ['leech', 'old', 'other']) assertSame(dir, name);
  });
}
