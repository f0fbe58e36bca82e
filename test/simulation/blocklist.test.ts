/**
 * A host on the blocklist gets no byte of ours and none of its bytes are read, by whatever door it comes. Each door is
 * tried with a list of another host too: then it leads to the host.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { verifyEd25519 } from '../../src/base/system-ed25519.js';
import { type Announcement, DhtNode } from '../../src/discovery/dht/dht-node.js';
import { DEFAULT_DHT_OPTIONS } from '../../src/discovery/dht/dht-options.js';
import { DEFAULT_LSD_OPTIONS, LocalDiscovery } from '../../src/discovery/lsd/local-discovery.js';
import { encodeLsdAnnounce, LSD_GROUPS } from '../../src/discovery/lsd/lsd-message.js';
import type { Blocklist } from '../../src/net/blocklist.js';
import { parseNetwork } from '../../src/net/ip-address.js';
import { behindGate } from '../../src/net/listed-gate.js';
import type { DatagramSocket, PeerAddress, SingleSocket, StreamAddress } from '../../src/net/raw-server.js';
import { NO_OWN_NETWORKS } from '../../src/net/reach-rule.js';
import { namedBy } from '../../src/net/url-rule.js';
import type { DhtAdapters } from '../../src/session/session-dht.js';
import { blocklistOf, tablesOf } from '../support/blocklist-of.js';
import { FakePeer } from '../support/fakes/fake-peer.js';
import { pexScript } from '../support/fakes/pex-script.js';
import { seededRandom } from '../support/simulation/seeded-random.js';
import { type Client, type ClientOptions, SimulatedSwarm } from '../support/simulation/simulated-swarm.js';
import { SAMPLE } from '../support/worlds/two-hours.js';

/** On the list. It listens for peers and for nodes. */
const HOST = '10.0.6.6';
const PORT = 6881;
const MINUTE = 60_000;

/** The listed host, a victim that does not exist yet, and all that went from the one to the other. */
class World {
  readonly swarm = new SimulatedSwarm(SAMPLE, 7);
  readonly blocklist: Blocklist;
  readonly peer: FakePeer;
  /** Connections of the victim to the host. */
  knocks = 0;
  /** Its node in the DHT, which tells the one at `helper` that it has the torrent. */
  readonly node: DhtNode;
  readonly announced: Announcement[] = [];
  socket: DatagramSocket | null = null;
  /** Datagrams of the victim that the host got. */
  heard = 0;
  #victimHost = '';

  constructor(listed: string) {
    this.blocklist = blocklistOf(listed);
    const host = this.swarm.network.host(HOST);
    const { infoHash } = SAMPLE.metainfo;
    this.peer = new FakePeer(host, { infoHash, peerId: Buffer.from('listed'.padEnd(20, '-')) });
    const listening = {
      acceptsConnection: (from: StreamAddress) => {
        if ('host' in from && from.host === this.#victimHost) this.knocks += 1;
        return true;
      },
      externalConnectionMade: (socket: SingleSocket) => this.peer.externalConnectionMade(socket),
    };
    host.listen({ port: PORT }, listening, () => undefined);
    const world = { timers: host, random: seededRandom(1), ownNetworks: NO_OWN_NETWORKS, verify: verifyEd25519 };
    const resolve = (name: string, answered: (addresses: readonly string[]) => void) =>
      host.addTask(() => answered([name]), 0);
    const routers = [{ host: '10.0.0.1', port: PORT, isPublic: false }];
    this.node = new DhtNode({ ...world, resolve }, { ...DEFAULT_DHT_OPTIONS, routers }, null);
    const handler = {
      datagramCameIn: (_socket: unknown, data: Buffer, from: PeerAddress) => {
        if (from.host === this.#victimHost) this.heard += 1;
        this.node.datagramCameIn(data, from);
      },
      sendFailed: () => undefined,
    };
    host.openDatagram({ family: 4, port: PORT }, handler, (outcome) => {
      if (outcome.ok) this.socket = outcome.socket;
    });
  }

  dht(routers: readonly string[]): DhtAdapters {
    return {
      verify: verifyEd25519,
      resolve: (host, answered) => this.swarm.timeline.addTask(() => answered([host]), 20),
      routers: routers.map((host) => ({ host, port: PORT, isPublic: false })),
      kept: null,
    };
  }

  /** A client that knows no one, unless `options` say so. */
  victim({ torrent, ...options }: Partial<ClientOptions> = {}): Client {
    const client = this.swarm.start({
      blocklist: this.blocklist,
      ...options,
      torrent: { trackers: [], ...torrent },
    });
    this.#victimHost = client.address.host;
    this.run(100);
    return client;
  }

  run(span: number): void {
    this.swarm.timeline.run(span);
  }
}

const ADDRESS = { host: HOST, port: PORT };
/** The network of all hosts here. Links may not lead into it otherwise. */
const NAMED = { attached: [], named: [parseNetwork('10.0.0.0/8') ?? assert.fail()] };

/** Opens a door. Returns whether the host was told something of the victim's, or told the victim something. */
const DOORS: Readonly<Record<string, (world: World) => boolean>> = {
  'a peer that the user names': (world) => {
    world.victim({ torrent: { peers: [ADDRESS] } });
    return wasDialled(world);
  },
  'a peer that a link names': (world) => {
    world.victim({ torrent: { linkPeers: [ADDRESS] }, ownNetworks: NAMED });
    return wasDialled(world);
  },
  'a peer that a tracker names': (world) => {
    const [url] = namedBy('user', [world.swarm.tracker.url]);
    const { infoHash } = SAMPLE.metainfo;
    const totals = { uploaded: 0, downloaded: 0, left: 0, numwant: 0 };
    const about = { infoHash, peerId: Buffer.alloc(20, 'l'), port: PORT, key: '00000000', trackerId: null };
    const request = { ...(url ?? assert.fail()), ...totals, ...about, event: 'started', encryption: 'none' } as const;
    world.swarm.tracker.client(HOST).announce(request, () => undefined);
    world.run(100);
    world.victim({ torrent: { trackers: [world.swarm.tracker.url] } });
    return wasDialled(world);
  },
  'a peer that another peer names': (world) => {
    const teller = new FakePeer(
      world.swarm.network.host('10.0.7.7'),
      { infoHash: SAMPLE.metainfo.infoHash, peerId: Buffer.alloc(20, 't') },
      pexScript((tellOf) => tellOf([ADDRESS])),
    );
    teller.listen(PORT);
    world.run(10);
    world.victim({ torrent: { peers: [{ host: '10.0.7.7', port: PORT }] } });
    return wasDialled(world);
  },
  'a peer of our own network': (world) => {
    // The session's own source, at an address of its own.
    const rawServer = behindGate(world.swarm.network.host('10.0.5.5'), world.blocklist);
    const multicastPlaces = () => [{ family: 4, host: '10.0.5.5' } as const];
    const parts = { rawServer, random: seededRandom(1), multicastPlaces, options: DEFAULT_LSD_OPTIONS };
    world.victim({ peerSources: [new LocalDiscovery(parts).createSource] });
    const group = LSD_GROUPS[4];
    world.swarm.network
      .host(HOST)
      .openDatagram(
        { family: 4, port: group.port, group: group.host, host: HOST },
        { datagramCameIn: () => undefined, sendFailed: () => undefined },
        (outcome) => {
          const announce = { port: PORT, infoHashes: [SAMPLE.metainfo.infoHash], cookie: null };
          if (outcome.ok) outcome.socket.send(encodeLsdAnnounce(4, announce), group);
        },
      );
    return wasDialled(world);
  },
  'a peer that the DHT names, and a node that a node names': (world) => {
    const helper = world.swarm.start({ torrent: { trackers: [] }, dht: world.dht([]) });
    world.run(1000);
    openNode(world);
    world.announced.push(
      world.node.announce(
        SAMPLE.metainfo.infoHash,
        { port: PORT, impliedPort: false, isSeed: () => true },
        () => undefined,
      ),
    );
    world.run(MINUTE);
    world.victim({ dht: world.dht([helper.address.host]) });
    world.run(MINUTE);
    return wasDialled(world) || world.heard > 0;
  },
  'a router of the DHT': (world) => {
    openNode(world);
    world.victim({ dht: world.dht([HOST]) });
    world.run(MINUTE);
    return world.heard > 0;
  },
  'a node that asks us': (world) => {
    const victim = world.victim({ dht: world.dht([]) });
    world.run(1000);
    openNode(world);
    world.run(MINUTE);
    const good = victim.session.dhtStatus()?.families.reduce((sum, family) => sum + family.good, 0);
    return world.heard > 0 || good !== 0;
  },
  'a node that a torrent names': (world) => {
    openNode(world);
    const metainfo = { ...SAMPLE.metainfo, nodes: [`${HOST}:${PORT}`] };
    world.victim({ metainfo, dht: world.dht([]), ownNetworks: NAMED });
    world.run(MINUTE);
    return world.heard > 0;
  },
  'a peer that dials us': (world) => {
    const victim = world.victim();
    const talk = world.peer.dial(victim.address);
    talk.sayHandshake();
    world.run(1000);
    return victim.torrent.status().peers > 0 || victim.session.refusals.size > 0;
  },
};

function wasDialled(world: World): boolean {
  world.run(10_000);
  return world.knocks > 0;
}

function openNode(world: World): void {
  world.run(10);
  const socket = world.socket ?? assert.fail('it has no socket');
  world.node.open(4, { send: (packet, to) => socket.send(packet, to) });
}

describe('the blocklist holds, where another list does not, against', () => {
  for (const [door, open] of Object.entries(DOORS))
    it(door, () => {
      assert.equal(open(new World('192.0.2.1')), true, 'without the list nothing comes: this test shows nothing');
      const world = new World(`${HOST}/31`);
      assert.equal(open(world), false);
      const { refusedIn, refusedOut } = world.blocklist.status;
      assert.ok(refusedIn + refusedOut > 0);
    });
});

describe('a list that is read again', () => {
  /** A victim with a peer at `HOST` that has dialled it and shaken hands, and one that has said nothing yet. */
  function withGuests() {
    const world = new World('192.0.2.1');
    const victim = world.victim();
    const [talk, silent] = [world.peer.dial(victim.address), world.peer.dial(victim.address)];
    talk.sayHandshake();
    world.run(1000);
    assert.equal(victim.torrent.status().peers, 1);
    return { world, victim, talk, silent };
  }

  it('parts from the peers that are on it now, and says why', () => {
    const { world, victim, talk, silent } = withGuests();
    world.blocklist.replace(tablesOf(HOST));
    world.run(1000);
    assert.deepEqual([...victim.torrent.refusals], [['listed', 1]]);
    assert.deepEqual([...victim.session.refusals], [['listed', 1]]);
    assert.deepEqual(
      [talk, silent].map((each) => each.lost),
      [true, true],
    );
    assert.equal(victim.torrent.status().peers, 0);
    // It does not dial it again, either.
    world.run(10 * MINUTE);
    assert.equal(world.knocks, 0);
  });

  it('leaves the others alone', () => {
    const { world, victim, talk } = withGuests();
    world.blocklist.replace(tablesOf('10.0.6.7', '10.0.6.5'));
    world.run(1000);
    assert.deepEqual([[...victim.torrent.refusals], talk.lost, victim.torrent.status().peers], [[], false, 1]);
  });

  it('drops addresses that wait to be dialled', () => {
    const world = new World('192.0.2.1');
    const victim = world.victim({ torrent: { maxPeers: 1 } });
    world.swarm.network.silence(HOST);
    victim.torrent.encoder?.startConnection({ host: HOST, port: 5 }, { kind: 'user' }, null);
    victim.torrent.encoder?.startConnection(ADDRESS, { kind: 'user' }, null);
    world.run(100);
    assert.equal(victim.torrent.status().reach.waiting, 1);
    world.blocklist.replace(tablesOf(HOST));
    world.swarm.network.restore(HOST);
    world.run(10 * MINUTE);
    assert.deepEqual([world.knocks, victim.torrent.status().reach.waiting], [0, 0]);
  });

  it('forgets the nodes that are on it now', () => {
    const world = new World('192.0.2.1');
    openNode(world);
    const victim = world.victim({ dht: world.dht([HOST]) });
    world.run(MINUTE);
    const good = () => victim.session.dhtStatus()?.families.find(({ family }) => family === 4)?.good;
    assert.equal(good(), 1);
    world.blocklist.replace(tablesOf(HOST));
    world.run(10);
    assert.equal(good(), 0);
  });

  it('is not heard of by a session that has stopped', () => {
    const world = new World('192.0.2.1');
    world.victim();
    world.swarm.stop();
    world.blocklist.replace(tablesOf(HOST));
    const { pending } = world.swarm.timeline;
    world.run(1);
    assert.equal(world.swarm.timeline.pending, pending);
  });
});

describe('a peer of the user that is on the blocklist', () => {
  it('is told of in a warning', () => {
    const world = new World(HOST);
    world.victim({
      torrent: { peers: [ADDRESS, { host: '10.0.9.9', port: 1 }], linkPeers: [{ host: HOST, port: 2 }] },
    });
    const warnings = world.swarm.log.filter((line) => line.includes('warning'));
    assert.equal(warnings.length, 1);
    assert.match(
      warnings[0] ?? '',
      /warning peer-listed: on the blocklist, and not dialled: 10\.0\.6\.6:6881 and 1 more$/,
    );
  });
});
