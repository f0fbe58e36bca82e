import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_LSD_OPTIONS, LocalDiscovery } from '../../../../src/discovery/lsd/local-discovery.js';
import { decodeLsdAnnounce, encodeLsdAnnounce, LSD_GROUPS } from '../../../../src/discovery/lsd/lsd-message.js';
import type { SeekingTorrent } from '../../../../src/discovery/peer-source.js';
import type { BindAddresses } from '../../../../src/net/fence.js';
import type { DatagramSocket } from '../../../../src/net/raw-server.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';
import { SimulatedNetwork } from '../../../support/simulation/simulated-network.js';
import { Timeline } from '../../../support/simulation/timeline.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const GROUP = LSD_GROUPS[4];

function setUp() {
  const timeline = new Timeline();
  const network = new SimulatedNetwork(timeline, seededRandom(1), 1);
  const log: string[] = [];
  /** The announces that the group got, and the minute of each. */
  const said: { at: number; hashes: number; port: number }[] = [];
  const ear = network.host('10.0.0.99');
  ear.openDatagram(
    { family: 4, port: GROUP.port, group: GROUP.host, host: '10.0.0.99' },
    {
      datagramCameIn: (_, data) => {
        const announce = decodeLsdAnnounce(data);
        if (announce === undefined) return;
        said.push({ at: Math.floor(timeline.now() / MINUTE), hashes: announce.infoHashes.length, port: announce.port });
      },
      sendFailed: () => undefined,
    },
    () => undefined,
  );
  const client = (address: string, bindAddresses: BindAddresses | null = null, places = [address]) => {
    const rawServer = network.host(address, { bindAddresses });
    const discovery = new LocalDiscovery({
      rawServer,
      random: seededRandom(Number(address.split('.')[3])),
      multicastPlaces: () => places.map((host) => ({ family: host.includes(':') ? 6 : 4, host })),
      options: DEFAULT_LSD_OPTIONS,
    });
    const torrent = (byte: number, port = 6881) => {
      const seeking: SeekingTorrent = {
        infoHash: Buffer.alloc(20, byte),
        port,
        timers: rawServer,
        random: seededRandom(1),
        isComplete: () => false,
        hasPeers: () => false,
        startConnection: (peer) => log.push(`${address} torrent ${byte}: ${peer.host}:${peer.port}`),
      };
      return discovery.createSource(seeking);
    };
    return { discovery, torrent, rawServer };
  };
  return { timeline, network, log, said, client };
}

/** A host that can send any bytes to the group. */
function stranger(network: SimulatedNetwork, address: string, timeline: Timeline) {
  let socket: DatagramSocket | undefined;
  network
    .host(address)
    .openDatagram(
      { family: 4, port: GROUP.port, group: GROUP.host, host: address },
      { datagramCameIn: () => undefined, sendFailed: () => undefined },
      (outcome) => {
        if (outcome.ok) socket = outcome.socket;
      },
    );
  timeline.run(1);
  return (data: Buffer) => socket?.send(data, GROUP);
}

test('two clients of one torrent find each other, and neither finds itself or a peer of another torrent', () => {
  const { timeline, log, client } = setUp();
  const [one, two] = [client('10.0.0.1'), client('10.0.0.2')];
  one.torrent(1).begin();
  two.torrent(1, 7000).begin();
  two.torrent(2, 7000).begin();
  timeline.run(SECOND);
  assert.deepEqual(log.sort(), ['10.0.0.1 torrent 1: 10.0.0.2:7000', '10.0.0.2 torrent 1: 10.0.0.1:6881']);
});

test('a torrent is announced every five minutes until it stops', () => {
  const { timeline, said, client } = setUp();
  const source = client('10.0.0.1').torrent(1);
  source.begin();
  timeline.run(11 * MINUTE);
  assert.deepEqual(
    said,
    [0, 5, 10].map((at) => ({ at, hashes: 1, port: 6881 })),
  );
  let stopped = 0;
  source.stop(() => {
    stopped += 1;
  });
  assert.equal(stopped, 0, 'never within the call');
  timeline.run(MINUTE);
  assert.equal(stopped, 1);
  timeline.run(20 * MINUTE);
  assert.equal(said.length, 3);
});

test('many torrents share announces, at most one announce leaves per minute, and each torrent gets its turn', () => {
  const { timeline, said, client } = setUp();
  const { torrent } = client('10.0.0.1');
  for (let byte = 0; byte < 60; byte += 1) torrent(byte).begin();
  timeline.run(10 * MINUTE - 1);
  assert.deepEqual(
    said.map(({ at, hashes }) => `${at}: ${hashes}`),
    ['0: 25', '1: 25', '2: 10', '5: 25', '6: 25', '7: 10'],
  );
});

test('a torrent that begins later is announced a minute after the last announce', () => {
  const { timeline, said, client } = setUp();
  const { torrent } = client('10.0.0.1');
  torrent(1).begin();
  timeline.run(10 * SECOND);
  torrent(2).begin();
  timeline.run(2 * MINUTE);
  assert.deepEqual(
    said.map(({ at, hashes }) => `${at}: ${hashes}`),
    ['0: 1', '1: 1'],
  );
});

test('announces leave on an interface that comes up later, and no more on one that is gone', () => {
  const { timeline, said, client } = setUp();
  const places: string[] = [];
  const { torrent } = client('10.0.0.1', null, places);
  torrent(1).begin();
  timeline.run(30 * SECOND);
  assert.equal(said.length, 0);
  places.push('10.0.0.1');
  timeline.run(2 * MINUTE);
  assert.equal(said.length, 1);
  places.length = 0;
  timeline.run(5 * MINUTE);
  const heard = said.length;
  timeline.run(20 * MINUTE);
  assert.equal(said.length, heard);
});

test('a client that is bound to loopback opens no socket and announces nothing', () => {
  const { timeline, said, log, client } = setUp();
  client('10.0.0.1', { ipv4: '127.0.0.1' }, ['10.0.0.1', '127.0.0.1']).torrent(1).begin();
  client('10.0.0.2').torrent(1).begin();
  timeline.run(20 * MINUTE);
  assert.deepEqual([said.length > 0, log], [true, []]);
  assert.ok(said.every(({ hashes }) => hashes === 1));
});

test('a flood of announces leads to few dials, and its sender is ignored afterwards', () => {
  const { timeline, network, log, client } = setUp();
  client('10.0.0.1').torrent(1).begin();
  timeline.run(SECOND);
  const say = stranger(network, '10.0.0.66', timeline);
  for (let port = 1; port <= 10_000; port += 1) {
    say(encodeLsdAnnounce(4, { port, infoHashes: [Buffer.alloc(20, 1)], cookie: null }));
    if (port % 100 === 0) timeline.run(10);
  }
  timeline.run(SECOND);
  assert.ok(log.length >= 50 && log.length <= 70, `${log.length} dials`);
  const before = log.length;
  timeline.run(2 * MINUTE);
  say(encodeLsdAnnounce(4, { port: 9, infoHashes: [Buffer.alloc(20, 1)], cookie: null }));
  timeline.run(SECOND);
  assert.equal(log.length, before);
});

test('an announce with our own cookie is ignored, even if another host sends it', () => {
  const { timeline, network, log, client } = setUp();
  const heard: Buffer[] = [];
  network
    .host('10.0.0.77')
    .openDatagram(
      { family: 4, port: GROUP.port, group: GROUP.host, host: '10.0.0.77' },
      { datagramCameIn: (_, data) => heard.push(Buffer.from(data)), sendFailed: () => undefined },
      () => undefined,
    );
  client('10.0.0.1').torrent(1).begin();
  const say = stranger(network, '10.0.0.66', timeline);
  timeline.run(SECOND);
  say(heard[0]!);
  timeline.run(SECOND);
  assert.deepEqual(log, []);
});

test('after `close` no task waits', () => {
  const { timeline, client } = setUp();
  const { discovery, torrent } = client('10.0.0.1');
  torrent(1).begin();
  discovery.close();
  timeline.run(MINUTE);
  assert.equal(timeline.pending, 0);
});
