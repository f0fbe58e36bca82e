/** Whole clients in the two swarms of a hybrid, which are one torrent to who knows both of its hashes. */
import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { toHex } from '../../src/base/bytes.js';
import { verifyEd25519 } from '../../src/base/system-ed25519.js';
import { DEFAULT_LSD_OPTIONS, LocalDiscovery } from '../../src/discovery/lsd/local-discovery.js';
import { decodeLsdAnnounce, LSD_GROUPS } from '../../src/discovery/lsd/lsd-message.js';
import type { CreatePeerSource } from '../../src/discovery/peer-source.js';
import type { TrackerClient } from '../../src/discovery/trackers/tracker-client.js';
import { wireHashes } from '../../src/metainfo/info-hash.js';
import type { Metainfo } from '../../src/metainfo/metainfo.js';
import { BLOCK_LENGTH } from '../../src/metainfo/piece-layout.js';
import type { DhtAdapters } from '../../src/session/session-dht.js';
import { DEFAULT_TORRENT_OPTIONS, type TorrentOptions } from '../../src/torrent/torrent-options.js';
import { seededRandom } from '../support/simulation/seeded-random.js';
import { type Client, type ClientOptions, SimulatedSwarm } from '../support/simulation/simulated-swarm.js';
import { halfOf, v2Torrent } from '../support/v2-torrent.js';
import { linkTo } from '../support/worlds/magnet-world.js';

const MINUTE = 60_000;
const PIECE = 64 * 1024;
/** No file ends where a piece ends. Most end within a block, where version 1 goes on with padding. */
const SAMPLE = v2Torrent(
  [
    { path: 'hybrid/a', length: 3 * PIECE - 1 },
    { path: 'hybrid/b', length: 4 * PIECE + 777 },
    { path: 'hybrid/c', length: PIECE + 2 * BLOCK_LENGTH + 5 },
    { path: 'hybrid/d', length: 100 },
  ],
  PIECE,
  'hybrid',
);
const HYBRID = SAMPLE.metainfo;
const V2_HASH = wireHashes(HYBRID).infoHashV2 ?? assert.fail();
const V1_ALONE = halfOf(HYBRID, '1');
const V2_ALONE = halfOf(HYBRID, '2');
/** It knows both hashes and has no layers, so it goes on as version 1 alone. */
const HYBRID_AS_V1: Metainfo = { ...HYBRID, pieceRoots: null };
/** Nobody is named by a tracker. */
const NO_TRACKER: TrackerClient = { announce: () => ({ cancel: () => undefined }) };

type Kind = 'v1' | 'v2' | 'hybrid' | 'hybrid as v1';
const KINDS: Readonly<Record<Kind, Metainfo>> = {
  v1: V1_ALONE,
  v2: V2_ALONE,
  hybrid: HYBRID,
  'hybrid as v1': HYBRID_AS_V1,
};

/** Every client has every file whole, under its own name. */
function assertAllEqual({ clients }: SimulatedSwarm): void {
  for (const { storage, name, torrent } of clients) {
    for (const [index, file] of torrent.metainfo.files.entries()) {
      if (file.padding) continue;
      const bytes = SAMPLE.content.subarray(file.begin, file.begin + file.length);
      assert.ok(storage.finalBytes(index)?.equals(bytes), `${name}: ${file.path.join('/')}`);
    }
  }
}

describe('a leech gets everything from a seed that it dials', () => {
  const meets: Readonly<Record<Kind, readonly Kind[]>> = {
    v1: ['v1', 'hybrid', 'hybrid as v1'],
    v2: ['v2', 'hybrid'],
    hybrid: ['v1', 'v2', 'hybrid', 'hybrid as v1'],
    'hybrid as v1': ['v1', 'hybrid', 'hybrid as v1'],
  };
  for (const leechKind of Object.keys(KINDS) as Kind[])
    for (const seedKind of Object.keys(KINDS) as Kind[])
      for (const encryption of ['off', 'require'] as const) {
        const meet = meets[leechKind].includes(seedKind);
        it(`${leechKind} dials ${seedKind}, encryption ${encryption}: ${meet ? 'everything' : 'nothing'}`, () => {
          const swarm = new SimulatedSwarm(SAMPLE, 1);
          const options = { session: { encryption }, trackerClient: NO_TRACKER };
          const seed = swarm.start({ ...options, seed: true, metainfo: KINDS[seedKind] });
          swarm.timeline.run(1_000);
          const torrent: Partial<TorrentOptions> = { peers: [seed.address] };
          const leech = swarm.start({ ...options, torrent, metainfo: KINDS[leechKind] });
          if (meet) {
            swarm.timeline.runUntil(() => leech.done, MINUTE);
            assertAllEqual(swarm);
          } else {
            swarm.timeline.run(MINUTE);
            assert.equal(leech.torrent.status().have, 0);
          }
          swarm.stop();
          assert.equal(swarm.timeline.pending, 0);
        });
      }
});

/** Notes each announce: who, the swarm, the event. */
function noting(swarm: SimulatedSwarm, host: string, notes: string[]): TrackerClient {
  const client = swarm.tracker.client(host);
  return {
    announce: (request, answered) => {
      const of = request.infoHash.equals(V2_HASH) ? 'v2' : request.infoHash.equals(HYBRID.infoHash) ? 'v1' : '?';
      notes.push(`${of} ${request.event ?? '-'} ${request.left === 0 ? 'seed' : 'leech'}`);
      return client.announce(request, answered);
    },
  };
}

test('a hybrid carries the content from the v1 swarm of a tracker to its v2 swarm, and tells both of its end', () => {
  for (const [from, to] of [
    [V1_ALONE, V2_ALONE],
    [V2_ALONE, V1_ALONE],
  ] as const) {
    const swarm = new SimulatedSwarm(SAMPLE, 2);
    const notes: string[] = [];
    swarm.start({ seed: true, metainfo: from });
    swarm.timeline.run(1_000);
    const last = swarm.start({ metainfo: to });
    swarm.timeline.run(10 * MINUTE);
    assert.equal(last.torrent.status().have, 0, 'the two swarms know nothing of each other');
    const hybrid = swarm.start({ trackerClient: noting(swarm, '10.0.0.3', notes) });
    swarm.untilAllDone(20 * MINUTE);
    assertAllEqual(swarm);
    swarm.timeline.runUntil(() => notes.length >= 4, MINUTE);
    assert.deepEqual(notes.slice(0, 4).sort(), [
      'v1 completed seed',
      'v1 started leech',
      'v2 completed seed',
      'v2 started leech',
    ]);
    assert.ok(hybrid.torrent.status().peers > 0);
    notes.length = 0;
    swarm.stop();
    assert.deepEqual(notes.sort(), ['v1 stopped seed', 'v2 stopped seed']);
    assert.equal(swarm.timeline.pending, 0);
  }
});

test('the answers of a tracker say of which swarm of a hybrid they are, and of other torrents nothing', () => {
  const swarm = new SimulatedSwarm(SAMPLE, 3);
  for (const metainfo of [HYBRID, V1_ALONE, V2_ALONE, HYBRID_AS_V1]) swarm.start({ metainfo });
  swarm.timeline.run(1_000);
  const answers = (number: number): readonly string[] =>
    swarm.log
      .filter((line) => line.includes(` leech ${number}: tracker`))
      .map((line) => line.split('tracker ')[1] ?? '');
  assert.deepEqual(
    answers(1)
      .map((answer) => answer.split(' names')[0])
      .sort(),
    ['of v1', 'of v2'],
  );
  for (const number of [2, 3, 4]) assert.deepEqual(answers(number).length, 1);
  for (const number of [2, 3, 4]) assert.match(answers(number)[0] ?? '', /^names/);
  swarm.stop();
});

test('peers of both swarms tell each other of all: a hybrid names v1 peers to v2 peers by PEX, and nobody comes of it', () => {
  const swarm = new SimulatedSwarm(SAMPLE, 4);
  const slow = { upload: 32 * 1024 };
  const seed = swarm.start({ seed: true, host: slow, trackerClient: NO_TRACKER });
  swarm.timeline.run(1_000);
  const options = { torrent: { peers: [seed.address] }, trackerClient: NO_TRACKER };
  const leeches = [V1_ALONE, V2_ALONE, HYBRID, V2_ALONE, V1_ALONE].map((metainfo) =>
    swarm.start({ ...options, metainfo }),
  );
  swarm.timeline.runUntil(() => leeches.every(({ torrent }) => torrent.status().peers >= 3), 5 * MINUTE);
  swarm.untilAllDone(10 * MINUTE);
  assertAllEqual(swarm);
  swarm.stop();
  assert.equal(swarm.timeline.pending, 0);
});

/** A client that knows others from the DHT alone, whose router is the first host. */
function startInDht(swarm: SimulatedSwarm, options: Partial<ClientOptions>): Client {
  const dht: DhtAdapters = {
    verify: verifyEd25519,
    resolve: (host, answered) => swarm.timeline.addTask(() => answered([host]), 20),
    routers: swarm.clients.length === 0 ? [] : [{ host: '10.0.0.1', port: 6881, isPublic: false }],
    kept: null,
  };
  return swarm.start({ ...options, torrent: { trackers: [] }, dht });
}

test('a hybrid is found in the DHT by each of its hashes, and finds who is there by either', () => {
  const swarm = new SimulatedSwarm(SAMPLE, 5);
  startInDht(swarm, { seed: true, metainfo: V2_ALONE });
  swarm.timeline.run(MINUTE);
  startInDht(swarm, { metainfo: V1_ALONE });
  swarm.timeline.run(MINUTE);
  startInDht(swarm, {});
  swarm.untilAllDone(60 * MINUTE);
  assertAllEqual(swarm);
  swarm.stop();
  assert.equal(swarm.timeline.pending, 0);
});

test('a hybrid is announced in our own network under both hashes in one message, and found by each', () => {
  const swarm = new SimulatedSwarm(SAMPLE, 6);
  const said: (readonly string[])[] = [];
  const group = LSD_GROUPS[4];
  swarm.network.host('10.0.0.99').openDatagram(
    { family: 4, port: group.port, group: group.host, host: '10.0.0.99' },
    {
      datagramCameIn: (_socket, data) => said.push(decodeLsdAnnounce(data)?.infoHashes.map(toHex).sort() ?? []),
      sendFailed: () => undefined,
    },
    () => undefined,
  );
  const discoveries = new Map<number, LocalDiscovery>();
  const discoveryOf = (index: number): LocalDiscovery => {
    const client = swarm.clients[index] ?? assert.fail();
    const known = discoveries.get(index);
    const multicastPlaces = () => [{ family: 4, host: client.address.host }] as const;
    const parts = { rawServer: client.rawServer, random: seededRandom(index), multicastPlaces };
    const discovery = known ?? new LocalDiscovery({ ...parts, options: DEFAULT_LSD_OPTIONS });
    discoveries.set(index, discovery);
    return discovery;
  };
  const start = (options: Partial<ClientOptions>): void => {
    const index = swarm.clients.length;
    // The client has no host yet.
    const createSource: CreatePeerSource = (torrent) => ({
      begin: () => discoveryOf(index).createSource(torrent).begin(),
      completed: () => undefined,
      networkChanged: () => undefined,
      stop: (answered) => discoveryOf(index).createSource(torrent).stop(answered),
    });
    swarm.start({ ...options, torrent: { trackers: [] }, peerSources: [createSource] });
  };
  start({ seed: true, metainfo: V2_ALONE });
  start({ metainfo: V1_ALONE });
  swarm.timeline.run(MINUTE);
  said.length = 0;
  start({});
  swarm.timeline.run(1_000);
  assert.deepEqual(said, [[toHex(HYBRID.infoHash), toHex(V2_HASH)].sort()]);
  swarm.untilAllDone(10 * MINUTE);
  assertAllEqual(swarm);
  for (const discovery of discoveries.values()) discovery.close();
  swarm.stop();
});

test('a torrent is one, by whichever of its hashes it is added again', () => {
  const swarm = new SimulatedSwarm(SAMPLE, 7);
  const { session } = swarm.start({});
  const nothing = (): void => undefined;
  const told = { started: nothing, fileDone: nothing, trackerAnswered: nothing, warned: nothing, done: nothing };
  const events = { ...told, goalReached: nothing, gotMetadata: nothing, failed: nothing };
  for (const metainfo of [HYBRID, V1_ALONE, V2_ALONE, HYBRID_AS_V1])
    assert.throws(() => session.addTorrent(metainfo, DEFAULT_TORRENT_OPTIONS, events), /given twice/);
  for (const infoHash of [HYBRID.infoHash, V2_HASH])
    assert.throws(() => session.addMagnet(linkTo(infoHash), DEFAULT_TORRENT_OPTIONS, events), /given twice/);
  swarm.stop();
});

/** A client with a link to one hash of the hybrid, in its first life. */
function startMagnet(swarm: SimulatedSwarm, options: Partial<ClientOptions>) {
  const client = swarm.startMagnet(linkTo(HYBRID.infoHash), options);
  const { current } = client.torrent;
  if (current.life !== 'metadata') throw new Error('it has begun its second life');
  return { client, life: current.torrent };
}

describe('a link that turns out to be of a hybrid', () => {
  it('looks for peers in the second swarm from then on, and goes on with them', () => {
    const swarm = new SimulatedSwarm(SAMPLE, 8);
    const notes: string[] = [];
    swarm.start({ seed: true, metainfo: V2_ALONE });
    const { client, life } = startMagnet(swarm, { trackerClient: noting(swarm, '10.0.0.2', notes) });
    swarm.timeline.run(MINUTE);
    assert.deepEqual([notes.splice(0), client.metadataAt], [['v1 started leech'], null]);
    life.setHashes(wireHashes(HYBRID));
    swarm.timeline.runUntil(() => client.done, MINUTE);
    swarm.timeline.run(1_000);
    assert.deepEqual(notes.splice(0).sort(), ['v1 completed seed', 'v2 completed seed', 'v2 started leech']);
    swarm.stop();
    assert.deepEqual(notes.sort(), ['v1 stopped seed', 'v2 stopped seed']);
    assert.equal(swarm.timeline.pending, 0);
  });

  it('is found from outside by the second hash, and by no hash once it has ended', () => {
    const swarm = new SimulatedSwarm(SAMPLE, 9);
    const { client, life } = startMagnet(swarm, { trackerClient: NO_TRACKER });
    const outsider = swarm.start({
      metainfo: V2_ALONE,
      trackerClient: NO_TRACKER,
      torrent: { peers: [client.address] },
    });
    swarm.timeline.run(MINUTE);
    assert.equal(outsider.torrent.status().peers, 0);
    life.setHashes(wireHashes(HYBRID));
    swarm.timeline.run(5 * MINUTE);
    assert.equal(outsider.torrent.status().peers, 1);
    client.session.remove(client.torrent, () => undefined);
    swarm.timeline.run(10 * MINUTE);
    assert.equal(outsider.torrent.status().peers, 0);
    assert.ok((client.session.refusals.get('unknown-info-hash') ?? 0) > 0);
    swarm.stop();
    assert.equal(swarm.timeline.pending, 0);
  });

  it('goes on as version 1 alone when its second hash is given up, and leaves the second swarm', () => {
    const swarm = new SimulatedSwarm(SAMPLE, 10);
    const notes: string[] = [];
    const { client, life } = startMagnet(swarm, { trackerClient: noting(swarm, '10.0.0.1', notes) });
    swarm.timeline.run(MINUTE);
    life.setHashes(wireHashes(HYBRID));
    swarm.timeline.run(MINUTE);
    life.setHashes(wireHashes(HYBRID_AS_V1));
    swarm.timeline.run(MINUTE);
    assert.deepEqual(notes.splice(0), ['v1 started leech', 'v2 started leech', 'v2 stopped leech']);
    swarm.start({ seed: true, metainfo: V1_ALONE });
    swarm.timeline.runUntil(() => client.done, 10 * MINUTE);
    swarm.stop();
    assert.equal(swarm.timeline.pending, 0);
  });

  it('that the session has already by its other hash is told so, and is no longer of the session', () => {
    const swarm = new SimulatedSwarm(SAMPLE, 11);
    const notes: string[] = [];
    const { client, life } = startMagnet(swarm, { trackerClient: noting(swarm, '10.0.0.1', notes) });
    const nothing = (): void => undefined;
    const told = { started: nothing, fileDone: nothing, trackerAnswered: nothing, warned: nothing, done: nothing };
    const events = { ...told, goalReached: nothing, gotMetadata: nothing, failed: nothing };
    client.session.addMagnet(linkTo(V2_HASH), DEFAULT_TORRENT_OPTIONS, events);
    assert.throws(() => life.setHashes(wireHashes(HYBRID)), /given twice/);
    swarm.timeline.run(1_000);
    assert.deepEqual(notes, ['v1 started leech']);
    // Its owner ends it. The torrent that stays may take its hash.
    life.stop(nothing);
    client.session.addMagnet(linkTo(HYBRID.infoHash), DEFAULT_TORRENT_OPTIONS, events);
    swarm.stop();
    assert.equal(swarm.timeline.pending, 0);
  });
});
