/** Whole swarms in which one client has no way out but a proxy. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifyEd25519 } from '../../src/base/system-ed25519.js';
import type { DhtAdapters } from '../../src/session/session-dht.js';
import { FakeProxy, type FakeProxyOptions } from '../support/fakes/fake-proxy.js';
import { TestAccess } from '../support/fakes/proxy-access.js';
import { type Client, SimulatedSwarm } from '../support/simulation/simulated-swarm.js';
import { SAMPLE } from '../support/worlds/two-hours.js';

const PROXY = '10.0.1.1';
const KiB = 1024;
const MINUTE = 60_000;
const LOGIN = { user: 'user', password: 'hunter2' };

/** Two seeds, and a leech whose loop is behind a proxy that wants a password. */
class ProxiedSwarm {
  readonly swarm = new SimulatedSwarm(SAMPLE, 5);
  readonly proxy: FakeProxy;
  readonly access: TestAccess;
  readonly seeds: readonly Client[];
  readonly leech: Client;

  /** `finds`: how the clients learn of each other. */
  constructor(options: Partial<FakeProxyOptions>, finds: 'by tracker' | 'by DHT' | 'by both' = 'by tracker') {
    const { swarm } = this;
    this.proxy = new FakeProxy(swarm.network.host(PROXY, { timeout: 60 * MINUTE }), {
      login: LOGIN,
      ...options,
    }).start();
    this.access = new TestAccess(PROXY, { kind: this.proxy.options.kind, credentials: LOGIN });
    const dht: DhtAdapters = {
      verify: verifyEd25519,
      resolve: (host, answered) => swarm.timeline.addTask(() => answered([host]), 20),
      routers: [{ host: '10.0.0.1', port: 6881, isPublic: false }],
      kept: null,
    };
    const client = {
      dht: finds === 'by tracker' ? null : dht,
      torrent: finds === 'by DHT' ? { trackers: [] } : {},
    };
    this.seeds = [1, 2].map(() => swarm.start({ ...client, seed: true, host: { upload: 40 * KiB } }));
    this.run(MINUTE);
    this.leech = swarm.start({ ...client, proxy: this.access });
  }

  run(span: number): void {
    this.swarm.timeline.run(span);
  }

  untilDone(): void {
    this.swarm.timeline.runUntil(() => this.leech.done, 30 * MINUTE);
  }

  /** Nothing of the leech went anywhere but to the proxy, and it has everything. */
  assertWhole(): void {
    assert.deepEqual(this.leech.rawServer.contacted, [PROXY]);
    assert.ok(this.leech.storage.contents().equals(SAMPLE.content));
  }

  stop(): void {
    this.swarm.stop();
    assert.equal(this.swarm.timeline.pending, 0);
  }
}

for (const kind of ['socks5', 'http'] as const) {
  test(`a leech behind a proxy of ${kind} completes, and no packet of it goes anywhere else`, () => {
    const world = new ProxiedSwarm({ kind, isSlow: true });
    world.untilDone();
    world.assertWhole();
    assert.ok(world.proxy.log.includes('connect 10.0.0.1:6881') && world.proxy.log.includes('connect 10.0.0.2:6881'));
    assert.deepEqual([...new Set(world.access.troubles)], [null]);
    // The seeds saw no one but each other and the proxy.
    for (const { rawServer } of world.seeds)
      assert.ok(
        rawServer.contacted.every((host) => host !== PROXY),
        rawServer.contacted.join(),
      );
    world.stop();
  });

  test(`a leech waits for its proxy of ${kind} when it dies in the middle, and completes when it is back`, () => {
    const world = new ProxiedSwarm({ kind });
    const { swarm, leech, proxy, access } = world;
    const have = (): number => leech.torrent.status().downloaded;
    swarm.timeline.runUntil(() => have() > SAMPLE.content.length / 3, 30 * MINUTE);
    for (const fate of ['dies', 'is silent'] as const) {
      if (fate === 'dies') proxy.die();
      else swarm.network.silence(PROXY);
      world.run(MINUTE);
      const before = have();
      world.run(15 * MINUTE);
      assert.equal(have(), before);
      assert.ok(!leech.done);
      const trouble = access.troubles.findLast((each) => each !== null);
      assert.match(
        String(trouble),
        fate === 'dies' ? /^the proxy proxy:1080 refuses connections$/ : /^the proxy proxy:1080 /,
      );
      assert.deepEqual(leech.rawServer.contacted, [PROXY]);
      if (fate === 'dies') proxy.start();
      else swarm.network.restore(PROXY);
      swarm.timeline.runUntil(() => have() > before, 30 * MINUTE);
      assert.equal(access.troubles.at(-1), null);
    }
    world.untilDone();
    world.assertWhole();
    world.stop();
  });

  test(`a leech takes up its peers within two minutes when its proxy of ${kind} is back after three hours`, () => {
    for (const fate of ['dies', 'is silent'] as const) {
      const world = new ProxiedSwarm({ kind });
      const { swarm, leech, proxy } = world;
      swarm.timeline.runUntil(() => leech.torrent.status().downloaded > SAMPLE.content.length / 3, 30 * MINUTE);
      if (fate === 'dies') proxy.die();
      else swarm.network.silence(PROXY);
      world.run(180 * MINUTE);
      const before = leech.torrent.status().downloaded;
      if (fate === 'dies') proxy.start();
      else swarm.network.restore(PROXY);
      world.run(2 * MINUTE);
      assert.ok(leech.torrent.status().downloaded > before);
      world.untilDone();
      world.assertWhole();
      world.stop();
    }
  });

  test(`a leech whose password a proxy of ${kind} does not take gets nothing, by no way`, () => {
    const world = new ProxiedSwarm({ kind, login: { ...LOGIN, password: 'another' } });
    world.run(30 * MINUTE);
    assert.deepEqual(world.leech.rawServer.contacted, [PROXY]);
    assert.equal(world.leech.torrent.status().downloaded, 0);
    const trouble = 'the proxy proxy:1080 does not take the user name and the password';
    assert.deepEqual([...new Set(world.access.troubles)], [trouble]);
    world.stop();
  });
}

test('a leech behind a SOCKS5 proxy finds the swarm by the DHT alone, by the relay of the proxy', () => {
  const world = new ProxiedSwarm({}, 'by DHT');
  world.untilDone();
  world.assertWhole();
  assert.ok(
    world.proxy.log.some((line) => line.startsWith('datagram 10.0.0.1:')),
    world.proxy.log.join(),
  );
  // Its relay goes, and it comes back to the DHT by another.
  world.proxy.die();
  world.run(MINUTE);
  world.proxy.log.length = 0;
  world.proxy.start();
  world.run(30 * MINUTE);
  assert.ok(
    world.proxy.log.some((line) => line.startsWith('datagram 10.0.0.')),
    world.proxy.log.join(),
  );
  world.assertWhole();
  world.stop();
});

test('a leech behind a proxy that relays no datagrams asks no node of the DHT, by no way', () => {
  for (const options of [{ kind: 'http' }, { refusesRelay: 7 }] as const) {
    const world = new ProxiedSwarm(options, 'by both');
    world.untilDone();
    world.assertWhole();
    assert.equal(world.leech.rawServer.datagramTotals.sent, 0);
    assert.ok(world.access.silences.length > 0);
    world.stop();
  }
});
