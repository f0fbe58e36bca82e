/** A DHT of a few nodes leads to peers, with no tracker: btget's own, and those of other clients. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { writeNoise } from '../support/noise.js';
import { startDht } from './dht-nodes.js';
import { RIVALS } from './rivals.js';
import { btget, btgetEnds, fingerprint, HOSTS, scratch, startSeed } from './support.js';

const OPTIONS = { timeout: 120_000 };
const MiB = 1 << 20;

interface World {
  readonly dir: string;
  /** Its content lies in `seed`. */
  readonly torrent: string;
  /** Nodes that have nothing to do with the torrent. */
  readonly nodes: readonly string[];
}

function entering([first = '']: readonly string[]): string[] {
  return ['--no-lsd', '--no-port-mapping', '--dht-node', first];
}

async function world(t: TestContext, ...more: string[]): Promise<World> {
  const dir = scratch(t);
  writeNoise(join(dir, 'seed'), { 'data.bin': 3 * MiB });
  const torrent = join(dir, 'data.torrent');
  await btgetEnds(t, 0, 'create', join(dir, 'seed', 'data.bin'), '-o', torrent, ...more);
  const nodes = await startDht(t, HOSTS.tracker, 20);
  return { dir, torrent, nodes: nodes.map(({ host, port }) => `${host}:${port}`) };
}

test('two btgets find each other', OPTIONS, async (t) => {
  const { dir, torrent, nodes } = await world(t);
  await startSeed(t, HOSTS.other, torrent, join(dir, 'seed'), ...entering(nodes));
  await btgetEnds(t, 0, torrent, '-d', join(dir, 'leech'), '--bind', HOSTS.btget, ...entering(nodes));
  assert.deepEqual(fingerprint(join(dir, 'leech')), fingerprint(join(dir, 'seed')));
});

test('a private torrent and --no-dht find nobody there', OPTIONS, async (t) => {
  for (const [create, run] of [
    [['--private'], []],
    [[], ['--no-dht']],
  ] as const) {
    const { dir, torrent, nodes } = await world(t, ...create);
    await startSeed(t, HOSTS.other, torrent, join(dir, 'seed'), ...entering(nodes), ...run);
    const leech = ['-d', join(dir, 'leech'), '--bind', HOSTS.btget, ...entering(nodes), ...run, '--timeout', '3'];
    await btgetEnds(t, 2, torrent, ...leech);
  }
});

for (const rival of RIVALS.filter(({ installed, knowsDht }) => installed && knowsDht)) {
  test(`btget downloads from ${rival.name}, which it finds in the DHT`, OPTIONS, async (t) => {
    const { dir, torrent, nodes } = await world(t);
    const task = { torrent, dir: join(dir, 'seed'), host: HOSTS.rival, peers: [], dhtNodes: nodes };
    await (await rival.start(t, task)).complete;
    const leech = btget(t, torrent, '-d', join(dir, 'leech'), '--bind', HOSTS.btget, ...entering(nodes));
    assert.equal(await leech.ended, 0, leech.stderr);
    assert.deepEqual(fingerprint(join(dir, 'leech')), fingerprint(join(dir, 'seed')));
  });

  test(`${rival.name} downloads from btget, which it finds in the DHT`, OPTIONS, async (t) => {
    const { dir, torrent, nodes } = await world(t);
    await startSeed(t, HOSTS.btget, torrent, join(dir, 'seed'), ...entering(nodes));
    mkdirSync(join(dir, 'leech'));
    const task = { torrent, dir: join(dir, 'leech'), host: HOSTS.rival, peers: [], dhtNodes: nodes };
    await (await rival.start(t, task)).complete;
    assert.deepEqual(fingerprint(join(dir, 'leech')), fingerprint(join(dir, 'seed')));
  });
}
