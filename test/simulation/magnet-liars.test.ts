import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Millis } from '../../src/base/clock.js';
import { sha1 } from '../../src/base/digest.js';
import type { PeerAddress } from '../../src/net/raw-server.js';
import { FakePeer } from '../support/fakes/fake-peer.js';
import { LIAR_KINDS, type LiarKind, metadataScript } from '../support/fakes/metadata-liars.js';
import type { SampleTorrent } from '../support/sample-torrent.js';
import { seededRandom } from '../support/simulation/seeded-random.js';
import { SimulatedSwarm } from '../support/simulation/simulated-swarm.js';
import { addressOf, linkTo, lyingPeer, magnetSample } from '../support/worlds/magnet-world.js';

const MIB = 1024 * 1024;
const HONEST = '10.3.0.1';
const SMALL = magnetSample({ 'x-padding': seededRandom(1).bytes(200 * 1024) });
/** Half a megabyte again and again: noise takes long to make. */
const LARGE = magnetSample({ 'x-padding': Buffer.concat(new Array<Buffer>(60).fill(seededRandom(1).bytes(MIB / 2))) });
/** What the network carries: 50 ms each way between any two, and 10 MiB a second away from each peer. */
const LINE = { upload: 10 * MIB, latency: 40, chunking: 'whole', window: 4 * MIB } as const;
const HUGE_CLAIM = 'claims 32 MiB and keeps the last piece';
/** Those that pour are few, but more than memory holds: fifty would take minutes to simulate. test/hostile has them. */
const LARGE_CROWDS: readonly { readonly kind: LiarKind; readonly count: number }[] = [
  { kind: 'answers no request', count: 50 },
  { kind: 'accepts the connection and says nothing', count: 50 },
  { kind: 'sends a wrong piece each 400 ms', count: 50 },
  { kind: 'keeps the last piece', count: 50 },
  { kind: 'leaves before the last piece', count: 50 },
  { kind: 'sends wrong bytes of its own', count: 2 },
  { kind: 'sends one wrong piece', count: 2 },
  { kind: 'sends wrong bytes and keeps the last piece', count: 3 },
  { kind: HUGE_CLAIM, count: 2 },
];

/** Liars of the given kinds, one after the other, and an honest peer that is named last: how long it takes. */
function fetchAmong(sample: SampleTorrent, kinds: readonly LiarKind[]): Millis {
  const { infoHash, info } = sample.metainfo;
  const swarm = new SimulatedSwarm(sample, 1);
  const hosts = kinds.map((_, number) => `10.2.${number}.1`);
  for (const [number, kind] of kinds.entries())
    lyingPeer(swarm, hosts[number] ?? '', kind, { infoHash, info, number, host: LINE });
  const honest = lyingPeer(swarm, HONEST, null, { infoHash, info, number: 0, host: LINE });
  const torrent = { trackers: [], peers: [...hosts, HONEST].map(addressOf) };
  const client = swarm.startMagnet(linkTo(infoHash), { torrent, host: { window: LINE.window } });
  const begin = swarm.timeline.now();
  swarm.timeline.runUntil(() => client.metadataAt !== null, 60_000);
  // Others may have sent everything before it had a place.
  assert.ok(honest.talks.every(({ lost }) => !lost));
  return (client.metadataAt ?? Number.NaN) - begin;
}

/** Our line carries 2 MiB a second, and 38 liars pour wrong bytes into it. */
function fetchOnSlowLine(seed: number): Millis {
  const { infoHash, info } = SMALL.metainfo;
  const swarm = new SimulatedSwarm(SMALL, seed);
  const peers: PeerAddress[] = [];
  for (let host = 0; host < 19; host += 1) {
    const rawServer = swarm.network.host(`10.2.${host}.1`, LINE);
    for (const port of [6881, 6882]) {
      const parts = { timers: swarm.timeline, info, number: 2 * host + port };
      const identity = { infoHash, peerId: sha1(Buffer.from(`${host}:${port}`)) };
      new FakePeer(rawServer, identity, metadataScript('sends wrong bytes of its own', parts)).listen(port);
      peers.push({ host: `10.2.${host}.1`, port });
    }
  }
  lyingPeer(swarm, HONEST, null, { infoHash, info, number: 0, host: LINE });
  const torrent = { trackers: [], peers: [...peers, addressOf(HONEST)] };
  const client = swarm.startMagnet(linkTo(infoHash), { torrent, host: { window: LINE.window, download: 2 * MIB } });
  const begin = swarm.timeline.now();
  swarm.timeline.runUntil(() => client.metadataAt !== null, 60_000);
  return (client.metadataAt ?? Number.NaN) - begin;
}

describe('a magnet link of many liars and one honest peer that is named last', () => {
  for (const { name, sample, limit, crowds } of [
    {
      name: '200 KB',
      sample: SMALL,
      limit: 5_000,
      crowds: LIAR_KINDS.map((kind) => ({ kind, count: kind === HUGE_CLAIM ? 4 : 50 })),
    },
    { name: '30 MiB', sample: LARGE, limit: 10_000, crowds: LARGE_CROWDS },
  ]) {
    for (const { kind, count } of crowds) {
      test(`has its ${name} within ${limit / 1000} s among ${count} of which each ${kind}`, (t) => {
        const took = fetchAmong(sample, new Array<LiarKind>(count).fill(kind));
        t.diagnostic(`${Math.round(took)} ms`);
        assert.ok(took <= limit, `${Math.round(took)} ms`);
      });
    }
  }

  test('does not wait on a slow line until two liars at each of nineteen hosts have sent their 200 KB', (t) => {
    const took = [1, 2, 3, 4, 5, 6].map(fetchOnSlowLine);
    t.diagnostic(`${took.map(Math.round).join(', ')} ms`);
    // All of it takes four seconds. One whole of each host takes two, and what others send meanwhile.
    assert.ok(took.reduce((sum, one) => sum + one) / took.length <= 3_000);
  });

  test('has its 200 KB within 5 s among 50 of every kind', (t) => {
    const kinds = LIAR_KINDS.filter((kind) => kind !== HUGE_CLAIM);
    const took = fetchAmong(
      SMALL,
      Array.from({ length: 50 }, (_, at) => kinds[at % kinds.length] ?? 'answers no request'),
    );
    t.diagnostic(`${Math.round(took)} ms`);
    assert.ok(took <= 5_000, `${Math.round(took)} ms`);
  });
});
