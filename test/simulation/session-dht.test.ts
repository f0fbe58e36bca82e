/** Whole clients that know each other from the DHT alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifyEd25519 } from '../../src/base/system-ed25519.js';
import { DhtNode } from '../../src/discovery/dht/dht-node.js';
import { DEFAULT_DHT_OPTIONS } from '../../src/discovery/dht/dht-options.js';
import type { PeerSource } from '../../src/discovery/peer-source.js';
import { parseLink } from '../../src/metainfo/magnet.js';
import { parseNetwork } from '../../src/net/ip-address.js';
import type { PeerAddress } from '../../src/net/raw-server.js';
import { NO_OWN_NETWORKS } from '../../src/net/reach-rule.js';
import type { DhtAdapters, KeptBytes } from '../../src/session/session-dht.js';
import { DEFAULT_TORRENT_OPTIONS } from '../../src/torrent/torrent-options.js';
import { encodeHandshake } from '../../src/wire/handshake.js';
import { announces } from '../../src/wire/reserved.js';
import { FakeNetworkWatch } from '../support/fakes/fake-network-watch.js';
import type { SampleTorrent } from '../support/sample-torrent.js';
import { seededRandom } from '../support/simulation/seeded-random.js';
import { type Client, type ClientOptions, SimulatedSwarm } from '../support/simulation/simulated-swarm.js';
import type { Timeline } from '../support/simulation/timeline.js';
import { SAMPLE } from '../support/worlds/two-hours.js';

const MINUTE = 60_000;

interface DhtSwarm {
  readonly swarm: SimulatedSwarm;
  start(routers: readonly string[], options?: Partial<ClientOptions>, kept?: KeptBytes | null): Client;
}

function dhtSwarm(sample: SampleTorrent = SAMPLE): DhtSwarm {
  const swarm = new SimulatedSwarm(sample, 11);
  const adaptersWith = (routers: readonly string[], kept: KeptBytes | null): DhtAdapters => ({
    verify: verifyEd25519,
    resolve: (host, answered) => swarm.timeline.addTask(() => answered([host]), 20),
    routers: routers.map((host) => ({ host, port: 6881, isPublic: false })),
    kept,
  });
  return {
    swarm,
    start: (routers, { torrent, ...options } = {}, kept = null) =>
      swarm.start({ ...options, torrent: { trackers: [], ...torrent }, dht: adaptersWith(routers, kept) }),
  };
}

/** Bytes in memory. */
class MemoryKept implements KeptBytes {
  bytes: Buffer | null = null;
  writes = 0;
  readonly #timeline: Timeline;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  read(answered: (bytes: Buffer | null) => void): void {
    this.#timeline.addTask(() => answered(this.bytes), 5);
  }

  write(bytes: Buffer, answered: () => void): void {
    this.bytes = bytes;
    this.writes += 1;
    this.#timeline.addTask(answered, 5);
  }
}

function goodNodes(client: Client): number | undefined {
  return client.session.dhtStatus()?.families.find(({ family }) => family === 4)?.good;
}

function assertAllEqual({ clients }: SimulatedSwarm): void {
  for (const { storage, name } of clients) assert.ok(storage.contents().equals(SAMPLE.content), name);
}

test('three clients find each other with nothing but the DHT, and leave nothing behind', () => {
  const { swarm, start } = dhtSwarm();
  start([], { seed: true });
  swarm.timeline.run(MINUTE);
  const leeches = [start(['10.0.0.1']), start(['10.0.0.1'])];
  swarm.untilAllDone(10 * MINUTE);
  assertAllEqual(swarm);
  swarm.timeline.run(30 * MINUTE);
  assert.deepEqual(swarm.clients.map(goodNodes), [2, 2, 2]);
  for (const leech of leeches) {
    const status = leech.session.dhtStatus();
    assert.deepEqual(status?.routers, [{ host: '10.0.0.1', port: 6881, state: 'reached' }]);
  }
  swarm.stop();
  assert.equal(swarm.timeline.pending, 0);
  assert.deepEqual(swarm.clients.map(goodNodes), [undefined, undefined, undefined]);
});

test('of two that come together each looks before the other has announced; who needs peers looks again', () => {
  const { swarm, start } = dhtSwarm();
  const host = swarm.network.host('10.0.0.99');
  const resolve = (): void => assert.fail('it has no router');
  const world = { timers: host, random: seededRandom(1), ownNetworks: NO_OWN_NETWORKS };
  const parts = { ...world, verify: verifyEd25519, resolve };
  const node = new DhtNode(parts, { ...DEFAULT_DHT_OPTIONS, routers: [] }, null);
  const handler = {
    datagramCameIn: (_socket: unknown, data: Buffer, from: PeerAddress) => node.datagramCameIn(data, from),
    sendFailed: () => undefined,
  };
  host.openDatagram({ family: 4, port: 6881 }, handler, (outcome) => {
    if (!outcome.ok) return;
    const { socket } = outcome;
    // It answers and asks nobody, so that it names no nodes: the two cannot announce to each other.
    node.open(4, { send: (packet, to) => packet.includes('1:y1:q') || socket.send(packet, to) });
  });
  start(['10.0.0.99'], { seed: true });
  // What lies on the seed's disk has been checked then.
  swarm.timeline.run(30);
  start(['10.0.0.99']);
  swarm.untilAllDone(MINUTE);
  assert.ok(swarm.timeline.now() > 15_000, 'they met at once: this test shows nothing');
  node.stop();
  swarm.stop();
  assert.equal(swarm.timeline.pending, 0);
});

test('a machine that has long had no network enters the DHT and finds peers as soon as it has one', () => {
  const { swarm, start } = dhtSwarm();
  start([], { seed: true });
  const networkWatch = new FakeNetworkWatch();
  const leech = start(['10.0.0.1'], { networkWatch });
  const { host } = leech.address;
  swarm.network.silence(host);
  swarm.timeline.run(100 * MINUTE);
  assert.deepEqual([goodNodes(leech), leech.done], [0, false]);
  swarm.network.restore(host);
  networkWatch.tell();
  swarm.untilAllDone(30_000);
  assert.equal(goodNodes(leech), 1);
  swarm.stop();
  assert.equal(swarm.timeline.pending, 0);
});

test('a machine that comes to another network tells the DHT at once where its peer is now', () => {
  const { swarm, start } = dhtSwarm();
  let announces = 0;
  const router = start([], { seed: true });
  const host = swarm.network.host('10.0.0.99');
  const world = { timers: host, random: seededRandom(1), ownNetworks: NO_OWN_NETWORKS };
  const parts = { ...world, verify: verifyEd25519, resolve: (): void => assert.fail('it has no router') };
  const node = new DhtNode(parts, { ...DEFAULT_DHT_OPTIONS, routers: [] }, null);
  const handler = {
    datagramCameIn: (_: unknown, data: Buffer, from: PeerAddress) => {
      if (data.includes('announce_peer') && from.host === '10.0.0.2') announces += 1;
      node.datagramCameIn(data, from);
    },
    sendFailed: () => undefined,
  };
  host.openDatagram({ family: 4, port: 6881 }, handler, (outcome) => {
    if (outcome.ok) node.open(4, outcome.socket);
  });
  const networkWatch = new FakeNetworkWatch();
  const seed = start([router.address.host, '10.0.0.99'], { seed: true, networkWatch });
  assert.equal(seed.address.host, '10.0.0.2');
  swarm.timeline.run(5 * MINUTE);
  assert.equal(announces, 1);
  networkWatch.tell();
  swarm.timeline.run(MINUTE);
  assert.equal(announces, 2);
  node.stop();
  swarm.stop();
});

test('the nodes that the torrent names are enough to enter', () => {
  const { swarm, start } = dhtSwarm({ ...SAMPLE, metainfo: { ...SAMPLE.metainfo, nodes: ['10.0.0.1:6881'] } });
  start([], { seed: true });
  // The node is in a private network, which a torrent may name only behind a fence that names it too.
  const named = [parseNetwork('10.0.0.0/24') ?? assert.fail()];
  const fenced = start([], { ownNetworks: { attached: named, named } });
  const free = start([]);
  swarm.timeline.runUntil(() => fenced.done, 10 * MINUTE);
  assert.equal(goodNodes(free), 0);
  swarm.stop();
});

test('a peer tells where its node is: who knows no other enters the DHT there', () => {
  const { swarm, start } = dhtSwarm();
  const seed = start([], { seed: true });
  swarm.timeline.run(1000);
  const leech = start([], { torrent: { peers: [seed.address] } });
  swarm.untilAllDone(MINUTE);
  swarm.timeline.run(MINUTE);
  assert.deepEqual([seed, leech].map(goodNodes), [1, 1]);
  swarm.stop();
});

for (const [name, dht] of [
  ['a private torrent', true],
  ['a session without the DHT', false],
] as const) {
  test(`${name} opens no socket, sends not one datagram and hears of no node`, () => {
    const metainfo = { ...SAMPLE.metainfo, nodes: ['10.0.0.2:6881'], private: dht };
    const { swarm, start } = dhtSwarm({ ...SAMPLE, metainfo });
    const clients = dht
      ? [start(['10.0.0.2'], { seed: true }), start(['10.0.0.1'])]
      : [swarm.start({ seed: true, torrent: { trackers: [] } }), swarm.start({ torrent: { trackers: [] } })];
    const [seed, leech] = clients;
    swarm.timeline.run(10 * MINUTE);
    assert.equal(leech?.done, false);
    leech?.torrent.encoder?.startConnection(seed?.address ?? assert.fail(), { kind: 'user' }, null);
    swarm.untilAllDone(MINUTE);
    for (const { rawServer, session } of clients) {
      assert.deepEqual(rawServer.datagramTotals, { opened: 0, sent: 0 });
      assert.equal(session.dhtStatus(), null);
    }
    swarm.stop();
    assert.equal(swarm.timeline.pending, 0);
  });
}

test('who only looks for the peers of a torrent asks the DHT and the own network, but for a private one', () => {
  const metainfo = { ...SAMPLE.metainfo, private: true };
  const { swarm, start } = dhtSwarm({ ...SAMPLE, metainfo });
  let asked = 0;
  const local = (): PeerSource => {
    asked += 1;
    return {
      begin: () => undefined,
      completed: () => undefined,
      networkChanged: () => undefined,
      stop: (answered) => swarm.timeline.addTask(answered, 0),
    };
  };
  const { session, rawServer } = start(['10.0.0.2'], { peerSources: [local] });
  const ignored = (): void => undefined;
  const events = { gotMetadata: ignored, trackerAnswered: ignored, warned: ignored, failed: assert.fail };
  const options = { ...DEFAULT_TORRENT_OPTIONS, useTorrentTrackers: false };
  session.findPeers({ ...metainfo, infoHash: Buffer.alloc(20, 1) }, options, events);
  swarm.timeline.run(10 * MINUTE);
  assert.deepEqual([rawServer.datagramTotals, session.dhtStatus(), asked], [{ opened: 0, sent: 0 }, null, 0]);
  session.findPeers({ ...metainfo, infoHash: Buffer.alloc(20, 2), private: false }, options, events);
  swarm.timeline.run(MINUTE);
  assert.notEqual(session.dhtStatus(), null);
  assert.equal(asked, 1);
  swarm.stop();
  assert.equal(swarm.timeline.pending, 0);
});

test('who only looks for the peers of a torrent asks the DHT for them, and is not named there', () => {
  const metainfo = { ...SAMPLE.metainfo, private: true };
  const { swarm, start } = dhtSwarm({ ...SAMPLE, metainfo });
  const heard = { get_peers: 0, announce_peer: 0 };
  const host = swarm.network.host('10.0.0.99');
  const world = { timers: host, random: seededRandom(1), ownNetworks: NO_OWN_NETWORKS };
  const parts = { ...world, verify: verifyEd25519, resolve: (): void => assert.fail('it has no router') };
  const node = new DhtNode(parts, { ...DEFAULT_DHT_OPTIONS, routers: [] }, null);
  const handler = {
    datagramCameIn: (_socket: unknown, data: Buffer, from: PeerAddress) => {
      for (const kind of ['get_peers', 'announce_peer'] as const) if (data.includes(kind)) heard[kind] += 1;
      node.datagramCameIn(data, from);
    },
    sendFailed: () => undefined,
  };
  host.openDatagram({ family: 4, port: 6881 }, handler, (outcome) => {
    if (outcome.ok) node.open(4, outcome.socket);
  });
  const { session } = start(['10.0.0.99']);
  const ignored = (): void => undefined;
  const events = { gotMetadata: ignored, trackerAnswered: ignored, warned: ignored, failed: assert.fail };
  const options = { ...DEFAULT_TORRENT_OPTIONS, useTorrentTrackers: false };
  const link = (digit: string) => parseLink(`urn:btih:${digit.repeat(40)}`);
  session.findPeers(link('a'), options, events);
  swarm.timeline.run(MINUTE);
  assert.ok(heard.get_peers > 0);
  assert.equal(heard.announce_peer, 0);
  session.fetchMetadata(link('b'), options, events);
  swarm.timeline.run(MINUTE);
  assert.ok(heard.announce_peer > 0, 'a fetch is announced: this test would see it');
  node.stop();
  swarm.stop();
});

test('the handshake announces the DHT, but for a private torrent', () => {
  const announced = [false, true].map((isPrivate) => {
    const { swarm, start } = dhtSwarm({ ...SAMPLE, metainfo: { ...SAMPLE.metainfo, private: isPrivate } });
    const seed = start([], { seed: true });
    swarm.timeline.run(1000);
    const got: Buffer[] = [];
    const stranger = swarm.network.host('10.0.0.9').startConnection(seed.address, {
      connectionMade: () => undefined,
      dataCameIn: (_socket, data) => got.push(Buffer.from(data)),
      connectionFlushed: () => undefined,
      connectionLost: () => undefined,
    });
    stranger.write([encodeHandshake(SAMPLE.metainfo.infoHash, Buffer.alloc(20, 1), Buffer.alloc(8))]);
    swarm.timeline.run(1000);
    return announces(Buffer.concat(got).subarray(20, 28), 'dht');
  });
  assert.deepEqual(announced, [true, false]);
});

test('what was known at the end is known at the next beginning, with no router', () => {
  const { swarm, start } = dhtSwarm();
  const kept = new MemoryKept(swarm.timeline);
  start([], { seed: true });
  const first = start(['10.0.0.1'], {}, kept);
  swarm.untilAllDone(10 * MINUTE);
  first.session.stop(() => undefined);
  swarm.timeline.run(MINUTE);
  first.rawServer.close();
  assert.equal(kept.writes, 1);
  start([], {}, kept);
  swarm.untilAllDone(MINUTE);
});

test('the state is written every five minutes, when it is another', () => {
  const { swarm, start } = dhtSwarm();
  const kept = new MemoryKept(swarm.timeline);
  start([], { seed: true });
  start(['10.0.0.1'], {}, kept);
  swarm.timeline.run(4 * MINUTE);
  assert.equal(kept.writes, 0);
  swarm.timeline.run(30 * MINUTE);
  assert.equal(kept.writes, 1);
  swarm.stop();
  assert.equal(kept.writes, 1);
});

test('who has not got the first port of its range begins under another id than the state says', () => {
  const { swarm, start } = dhtSwarm();
  const kept = new MemoryKept(swarm.timeline);
  start([], { seed: true });
  const first = start(['10.0.0.1'], {}, kept);
  swarm.timeline.run(MINUTE);
  first.session.stop(() => undefined);
  swarm.timeline.run(MINUTE);
  first.rawServer.close();
  const before = kept.bytes;
  const again = (port: number): Buffer | null => {
    const client = start([], { session: { port: { first: 6881, last: 6882 } }, host: {} }, kept);
    swarm.timeline.run(MINUTE);
    assert.equal(client.address.port, port);
    client.session.stop(() => undefined);
    swarm.timeline.run(MINUTE);
    return kept.bytes;
  };
  assert.deepEqual(again(6881), before);
  swarm.network
    .host(`10.0.0.${swarm.clients.length + 1}`)
    .listen(
      { port: 6881 },
      { acceptsConnection: () => false, externalConnectionMade: () => assert.fail() },
      () => undefined,
    );
  swarm.timeline.run(0);
  assert.notDeepEqual(again(6882), before);
});

test('a UDP port that is taken is no obstacle, and peers are still named the port that they can dial', () => {
  const { swarm, start } = dhtSwarm();
  // It announces nothing, so that the seed cannot be the one who dials.
  start([], { session: { listen: false } });
  const host = swarm.network.host('10.0.0.2');
  for (const family of [4, 6] as const) {
    const nobody = { datagramCameIn: () => undefined, sendFailed: () => undefined };
    host.openDatagram({ family, port: 6881 }, nobody, (outcome) => assert.ok(outcome.ok));
  }
  const seed = start(['10.0.0.1'], { seed: true });
  swarm.untilAllDone(10 * MINUTE);
  assert.equal(seed.address.port, 6881);
  assertAllEqual(swarm);
  swarm.stop();
});

test('peers are named the port where we listen, also when the gateway gives our node another one outside', () => {
  const { swarm, start } = dhtSwarm();
  const host = swarm.network.host('10.0.0.99');
  const world = { timers: host, random: seededRandom(1), ownNetworks: NO_OWN_NETWORKS };
  const parts = { ...world, verify: verifyEd25519, resolve: (): void => assert.fail('it has no router') };
  const node = new DhtNode(parts, { ...DEFAULT_DHT_OPTIONS, routers: [] }, null);
  // As this node sees it, a gateway stands before the client.
  const seenAt = (port: number): number => port + 10_000;
  const handler = {
    datagramCameIn: (_: unknown, data: Buffer, { host, port }: PeerAddress) =>
      node.datagramCameIn(data, { host, port: seenAt(port) }),
    sendFailed: () => undefined,
  };
  host.openDatagram({ family: 4, port: 6881 }, handler, (outcome) => {
    if (!outcome.ok) return;
    const { socket } = outcome;
    node.open(4, { send: (packet, to) => socket.send(packet, { host: to.host, port: to.port - seenAt(0) }) });
  });
  const seed = start(['10.0.0.99'], { seed: true });
  swarm.timeline.run(MINUTE);
  const found: PeerAddress[] = [];
  node.announce(SAMPLE.metainfo.infoHash, null, (peers) =>
    found.push(...peers.map(({ host, port }) => ({ host, port }))),
  );
  swarm.timeline.run(MINUTE);
  assert.deepEqual(found, [seed.address]);
  node.stop();
  swarm.stop();
});

test('who does not listen looks for others, and announces nothing', () => {
  const { swarm, start } = dhtSwarm();
  const seed = start([], { seed: true });
  const leech = start(['10.0.0.1'], { session: { listen: false } });
  swarm.untilAllDone(10 * MINUTE);
  const stored = (client: Client) => client.session.dhtStatus()?.families.map(({ stored: { peers } }) => peers);
  assert.deepEqual(
    [stored(seed), stored(leech)],
    [
      [0, 0],
      [1, 0],
    ],
  );
  swarm.stop();
});

test('whoever ends while its state is read, or its sockets are opened, leaves nothing behind', () => {
  for (const after of [1, 5, 6, 30]) {
    const { swarm, start } = dhtSwarm();
    start(['10.0.0.9'], { seed: true }, new MemoryKept(swarm.timeline));
    swarm.timeline.run(after);
    swarm.stop();
    assert.equal(swarm.timeline.pending, 0, `after ${after} ms`);
  }
});
