import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { escapeBytes } from '../../../src/discovery/trackers/announce-url.js';
import type { DatagramHandler, DatagramSocket } from '../../../src/net/raw-server.js';
import { ConnectionIds } from '../../../src/tracker/connection-ids.js';
import { Tracker } from '../../../src/tracker/tracker.js';
import { DEFAULT_TRACKER_OPTIONS, type TrackerOptions } from '../../../src/tracker/tracker-options.js';
import { UdpHandler } from '../../../src/tracker/udp-handler.js';
import { decodeUdpAnswer, type UdpTrackerAnswer } from '../../../src/wire/udp-tracker-answer.js';
import { encodeUdpRequest, type UdpAnnounce, type UdpTrackerRequest } from '../../../src/wire/udp-tracker-request.js';
import { PLAIN_FACE } from '../../support/fakes/plain-face.js';
import { seededRandom } from '../../support/simulation/seeded-random.js';
import { SimulatedNetwork } from '../../support/simulation/simulated-network.js';
import { Timeline } from '../../support/simulation/timeline.js';

const TORRENT = Buffer.alloc(20, 0xfe);
const FORBIDDEN = Buffer.alloc(20, 0x66);

/** A host that asks the tracker. */
interface Client {
  readonly answers: (UdpTrackerAnswer | undefined)[];
  send(data: Buffer): void;
  /** Everything that comes back. */
  ask(request: UdpTrackerRequest): (UdpTrackerAnswer | undefined)[];
  announce(fields?: Partial<UdpAnnounce>): UdpTrackerAnswer | undefined;
}

function setUp(options: Partial<TrackerOptions> = {}) {
  const timeline = new Timeline();
  const network = new SimulatedNetwork(timeline, seededRandom(1), 1);
  const home = network.host(['8.0.0.254', '2001:db8::fe']);
  const checks: { infoHash: Buffer; peerId: Buffer; answer: (reachable: boolean) => void }[] = [];
  const tracker = new Tracker(
    {
      timers: home,
      random: seededRandom(2),
      natCheck: { check: (_, infoHash, peerId, answer) => checks.push({ infoHash, peerId, answer }) },
      isAllowed: (infoHash) => !infoHash.equals(FORBIDDEN),
      clientOf: ({ remote }) => remote.host,
      face: PLAIN_FACE,
      save: () => undefined,
    },
    { ...DEFAULT_TRACKER_OPTIONS, ...options },
  );
  const handler = new UdpHandler(home, tracker, new ConnectionIds(home, seededRandom(3)));
  for (const family of [4, 6] as const) home.openDatagram({ family, port: 6969 }, handler, () => undefined);

  /** The host at `host`, which has a connection id. */
  const client = (host: string): Client => {
    const answers: (UdpTrackerAnswer | undefined)[] = [];
    const sockets: DatagramSocket[] = [];
    const reader: DatagramHandler = {
      datagramCameIn: (_, data) => {
        assert.ok(data.length <= 1200);
        answers.push(decodeUdpAnswer(Buffer.from(data)));
      },
      sendFailed: () => assert.fail(),
    };
    const family = host.includes(':') ? 6 : 4;
    network.host(host).openDatagram({ family, port: 0 }, reader, (outcome) => {
      assert.ok(outcome.ok);
      sockets.push(outcome.socket);
    });
    timeline.run(1);
    const send = (data: Buffer): void =>
      sockets[0]?.send(data, { host: family === 4 ? '8.0.0.254' : '2001:db8::fe', port: 6969 });
    const ask = (request: UdpTrackerRequest) => {
      answers.length = 0;
      send(encodeUdpRequest(request));
      timeline.run(10);
      return answers;
    };
    const [connected] = ask({ kind: 'connect', transactionId: 1 });
    assert.ok(connected?.kind === 'connect' && connected.transactionId === 1);
    const { connectionId } = connected;
    const announce = (fields: Partial<UdpAnnounce> = {}): UdpTrackerAnswer | undefined => {
      const announced = ask({
        kind: 'announce',
        connectionId,
        transactionId: 2,
        infoHash: TORRENT,
        peerId: Buffer.from(host.padEnd(20, '-')),
        downloaded: 0,
        left: 5,
        uploaded: 0,
        event: null,
        ip: null,
        key: 7,
        numwant: null,
        port: 6881,
        urlData: '',
        ...fields,
      });
      assert.equal(announced.length, 1);
      return announced[0];
    };
    return { answers, send, ask, announce };
  };
  return { timeline, tracker, client, checks };
}

test('peers of the same family hear of each other, and the counts are those of both families', () => {
  const { client } = setUp();
  const answer = (seeds: number, leeches: number, peers = '') => ({
    kind: 'announce',
    transactionId: 2,
    interval: 1800,
    leeches,
    seeds,
    peers: Buffer.from(peers, 'hex'),
  });
  const [seed, leech, other] = ['8.0.0.1', '8.0.0.2', '2001:db8::1'].map(client) as [Client, Client, Client];
  assert.deepEqual(seed.announce({ left: 0 }), answer(1, 0));
  assert.deepEqual(leech.announce(), answer(1, 1, '080000011ae1'));
  assert.deepEqual(other.announce(), answer(1, 2));
  assert.deepEqual(leech.announce({ numwant: 0 }), answer(1, 2));
  assert.deepEqual(client('2001:db8::2').announce({ port: 1 }), answer(1, 3, '20010db80000000000000000000000011ae1'));
  assert.deepEqual(leech.announce({ event: 'stopped' }), answer(1, 2));
  assert.deepEqual(seed.announce({ left: 0 }), answer(1, 2));
});

test('what comes over UDP is counted: announces, what is refused of them, and scrapes', () => {
  const { client, tracker } = setUp();
  const { announce, ask } = client('8.0.0.1');
  announce();
  announce({ port: 0 });
  announce({ infoHash: FORBIDDEN });
  const connectionId = Buffer.alloc(8);
  ask({ kind: 'scrape', connectionId, transactionId: 3, infoHashes: [TORRENT] });
  const remote = { host: '8.0.0.9', port: 1 };
  const stats = () =>
    JSON.parse(
      tracker
        .get({ path: '/stats.json', query: '', remote, headers: { forwardedFor: [], forwarded: [] } })
        .body.toString(),
    );
  assert.deepEqual(stats().announces, { http: 0, udp: 3 });
  assert.deepEqual(stats().refusals, { malformed: 1, not_served: 1, other_peer: 0 });
  assert.deepEqual(stats().scrapes, { http: 0, udp: 0 }, 'who has not proven its address is not counted');
});

test('UDP and HTTP share one table: peers hear of those of the other protocol, and may change to it', () => {
  const { client, tracker } = setUp();
  const overHttp = (fields: string, host: string) =>
    tracker
      .get({
        path: '/announce',
        query: `info_hash=${escapeBytes(TORRENT)}&left=1&compact=1&${fields}`,
        remote: { host, port: 1 },
        headers: { forwardedFor: [], forwarded: [] },
      })
      .body.toString('latin1');
  const peerId = Buffer.alloc(20, 'p');
  client('8.0.0.1').announce({ peerId, key: 0xabc });
  const peers = Buffer.from('080000011ae1', 'hex').toString('latin1');
  assert.ok(overHttp(`port=9&peer_id=${'q'.repeat(20)}`, '8.0.0.2').includes(`5:peers6:${peers}`));
  assert.match(overHttp(`port=9&peer_id=${'p'.repeat(20)}&key=00000ABC`, '8.0.0.3'), /8:interval/);
  assert.match(overHttp(`port=9&peer_id=${'p'.repeat(20)}&key=00000abd`, '8.0.0.3'), /another key/);
});

test('a client hears of the peers that it wants, however few of their family and kind there are', () => {
  const { client } = setUp();
  for (let peer = 1; peer <= 100; peer += 1) client(`8.0.1.${peer}`).announce();
  const rare = ['2001:db8::1', '2001:db8::2'].map(client) as [Client, Client];
  rare[0].announce({ left: 0 });
  const told = rare[1].announce();
  assert.equal(told?.kind === 'announce' && told.peers.toString('hex'), '20010db80000000000000000000000011ae1');
  for (let peer = 1; peer <= 100; peer += 1) client(`8.0.1.${peer}`).announce({ left: 0 });
  for (const leech of ['2001:db8::3', '2001:db8::4', '2001:db8::5']) client(leech).announce();
  const again = rare[1].announce();
  assert.equal(again?.kind === 'announce' && again.peers.length, 4 * 18);
});

test('a silent peer is forgotten, though the buffer of its announce has been used again', () => {
  const { client, tracker, timeline } = setUp();
  tracker.begin();
  client('8.0.0.1').announce();
  timeline.run(DEFAULT_TRACKER_OPTIONS.peerTimeout + DEFAULT_TRACKER_OPTIONS.sweepInterval);
  const told = client('8.0.0.2').announce();
  assert.equal(told?.kind === 'announce' && told.leeches, 1);
});

test('a peer that is called back is told to others when it answers', () => {
  const { client, checks } = setUp({ natCheckTries: 1 });
  client('8.0.0.1').announce();
  const peersOf = (told: UdpTrackerAnswer | undefined) => told?.kind === 'announce' && told.peers.toString('hex');
  assert.equal(peersOf(client('8.0.0.2').announce()), '');
  const [first] = checks;
  assert.deepEqual([first?.infoHash, first?.peerId.toString()], [TORRENT, '8.0.0.1'.padEnd(20, '-')]);
  first?.answer(true);
  assert.equal(peersOf(client('8.0.0.3').announce()), '080000011ae1');
});

test('a completed download is counted, and a scrape tells the counts of each torrent', () => {
  const { client } = setUp();
  const asker = client('8.0.0.1');
  asker.announce();
  asker.announce({ left: 0, event: 'completed' });
  client('8.0.0.2').announce();
  const [connected] = asker.ask({ kind: 'connect', transactionId: 1 });
  assert.ok(connected?.kind === 'connect');
  const { connectionId } = connected;
  const infoHashes = [Buffer.alloc(20, 9), TORRENT];
  assert.deepEqual(asker.ask({ kind: 'scrape', connectionId, transactionId: 4, infoHashes }), [
    {
      kind: 'scrape',
      transactionId: 4,
      counts: [
        { seeds: 0, downloaded: 0, leeches: 0 },
        { seeds: 1, downloaded: 1, leeches: 1 },
      ],
    },
  ]);
  assert.deepEqual(asker.ask({ kind: 'scrape', connectionId, transactionId: 4, infoHashes: [] }), [
    { kind: 'scrape', transactionId: 4, counts: [] },
  ]);
});

test('a host that cannot prove its address gets no answer', () => {
  const { client, timeline } = setUp();
  const [honest, liar] = ['8.0.0.1', '8.0.0.2'].map(client) as [Client, Client];
  const [connected] = honest.ask({ kind: 'connect', transactionId: 1 });
  assert.ok(connected?.kind === 'connect');
  const { connectionId } = connected;
  const scrape = { kind: 'scrape', transactionId: 3, infoHashes: [TORRENT] } as const;
  assert.deepEqual(liar.ask({ ...scrape, connectionId }), []);
  assert.deepEqual(liar.ask({ ...scrape, connectionId: Buffer.alloc(8) }), []);
  timeline.run(120_000);
  assert.equal(honest.ask({ ...scrape, connectionId }).length, 1);
  timeline.run(10_000);
  assert.deepEqual(honest.ask({ ...scrape, connectionId }), []);
});

test('a request that cannot be served is refused with a sentence', () => {
  const { client } = setUp();
  const asker = client('8.0.0.1');
  const rows: readonly [Partial<UdpAnnounce>, string][] = [
    [{ infoHash: FORBIDDEN }, 'this tracker does not serve that torrent'],
    [{ port: 0 }, 'port is not a number from 1 to 65535'],
    [{ urlData: '/other/announce' }, 'there is no tracker at that path'],
  ];
  for (const [fields, reason] of rows) {
    assert.deepEqual(asker.announce(fields), { kind: 'error', transactionId: 2, message: Buffer.from(reason) });
  }
  for (const urlData of ['', '/', '/announce', '/announce?key=1', '/?key=1', '?key=1']) {
    assert.equal(asker.announce({ urlData })?.kind, 'announce', urlData);
  }
  asker.announce({ peerId: Buffer.alloc(20, 1), key: 1 });
  assert.equal(asker.announce({ peerId: Buffer.alloc(20, 1), key: 2 })?.kind, 'error');
});

test('the address that a client claims is believed only in the tracker’s own network', () => {
  const { client } = setUp();
  client('8.0.0.1').announce({ ip: '9.9.9.9', left: 0 });
  client('10.0.0.1').announce({ ip: '9.9.9.8', left: 0 });
  const told = client('8.0.0.2').announce();
  assert.ok(told?.kind === 'announce');
  const peers = told.peers.toString('hex').match(/.{12}/g);
  assert.deepEqual(peers?.sort(), ['080000011ae1', '090909081ae1']);
});

test('an answer has no more peers than fit a datagram that passes every link uncut', () => {
  const { client } = setUp();
  for (const [prefix, length, most] of [
    ['8.0.1.', 6, 196],
    ['2001:db8::1:', 18, 65],
  ] as const) {
    for (let peer = 1; peer <= 210; peer += 1) client(`${prefix}${peer}`).announce({ left: 0 });
    const told = client(`${prefix}250`).announce({ numwant: 1000 });
    assert.ok(told?.kind === 'announce');
    assert.equal(told.peers.length, most * length);
  }
});

test('random datagrams get no answer, and harm nothing', () => {
  const { client, timeline } = setUp();
  const noisy = client('8.0.0.1');
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
      noisy.answers.length = 0;
      noisy.send(Buffer.from(noise));
      timeline.run(10);
      assert.deepEqual(noisy.answers, []);
    }),
  );
  assert.equal(noisy.announce()?.kind, 'announce');
});

test('a host that asks too much gets no answer for the rest of the five seconds, while others do', () => {
  const { timeline, client } = setUp();
  const [greedy, modest] = [client('8.0.0.1'), client('8.0.0.2')];
  timeline.run(5_000);
  greedy.answers.length = 0;
  const connect = encodeUdpRequest({ kind: 'connect', transactionId: 1 });
  for (let number = 0; number < 5_000; number += 1) greedy.send(connect);
  timeline.run(100);
  assert.equal(greedy.answers.length, 2_000);
  // Requests that others forge in its name do not count against those with its own id.
  assert.equal(greedy.announce()?.kind, 'announce');
  assert.equal(modest.announce()?.kind, 'announce');
  timeline.run(5_000);
  assert.equal(greedy.ask({ kind: 'connect', transactionId: 1 }).length, 1);
});

test('a host that has proven its address has 2,000 questions answered in five seconds', () => {
  const { timeline, client } = setUp();
  const [greedy, modest] = [client('8.0.0.1'), client('8.0.0.2')];
  const [connected] = greedy.ask({ kind: 'connect', transactionId: 1 });
  assert.ok(connected?.kind === 'connect');
  greedy.answers.length = 0;
  const { connectionId } = connected;
  const scrape = encodeUdpRequest({ kind: 'scrape', transactionId: 3, connectionId, infoHashes: [TORRENT] });
  for (let number = 0; number < 5_000; number += 1) greedy.send(scrape);
  timeline.run(100);
  assert.equal(greedy.answers.length, 2_000);
  assert.equal(modest.announce()?.kind, 'announce');
  timeline.run(5_000);
  assert.equal(greedy.announce()?.kind, 'announce');
});
