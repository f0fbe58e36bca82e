import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { DestinationOutcome, findDestinations } from '../../../../src/discovery/http/http-destination.js';
import type {
  AnnounceOutcome,
  AnnounceRequest,
  ScrapeOutcome,
} from '../../../../src/discovery/trackers/tracker-client.js';
import { UdpTrackerClient } from '../../../../src/discovery/trackers/udp-tracker-client.js';
import { DEFAULT_UDP_TRACKER_OPTIONS } from '../../../../src/discovery/trackers/udp-tracker-options.js';
import type { BindAddresses } from '../../../../src/net/fence.js';
import type {
  DatagramHandler,
  DatagramOutcome,
  DatagramSocket,
  PeerAddress,
  RawServer,
} from '../../../../src/net/raw-server.js';
import { encodeUdpAnswer, type UdpTrackerAnswer } from '../../../../src/wire/udp-tracker-answer.js';
import { decodeUdpRequest, type UdpAnnounce } from '../../../../src/wire/udp-tracker-request.js';
import { answer } from '../../../support/fakes/fake-tracker.js';
import { CONNECTION_ID, obliging, UdpTrackerStub } from '../../../support/fakes/udp-tracker-stub.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';
import { SimulatedNetwork } from '../../../support/simulation/simulated-network.js';
import { Timeline } from '../../../support/simulation/timeline.js';
import { byUser } from '../../../support/sourced-url.js';

const SECOND = 1000;
const V4 = '10.0.0.9';
const V6 = '2001:db8::9';
const ANYWHERE = '198.51.100.1';
const URL_OF_TRACKER = 'udp://tracker.test:6969/announce?key=1';

const request = (fields: Partial<AnnounceRequest> = {}): AnnounceRequest => ({
  ...byUser(URL_OF_TRACKER),
  infoHash: Buffer.alloc(20, 0xfe),
  peerId: Buffer.alloc(20, 'p'),
  port: 6881,
  uploaded: 1,
  downloaded: 2,
  left: 3,
  event: 'started',
  numwant: 50,
  key: 'fedcba98',
  trackerId: null,
  encryption: 'none',
  ...fields,
});

const PEERS = [{ host: '192.0.2.1', port: 6881, peerId: null }];
const OBLIGING = answer({ interval: 900, leeches: 2, seeds: 1, peers: PEERS }, V4);
const TIMED_OUT: AnnounceOutcome = { ok: false, code: 'timeout', message: 'no answer in time' };

function setUp({
  hosts = [V4],
  bind = null,
  lookup = null,
}: {
  hosts?: readonly string[];
  bind?: BindAddresses | null;
  lookup?: DestinationOutcome | 'never' | null;
} = {}) {
  const timeline = new Timeline();
  const network = new SimulatedNetwork(timeline, seededRandom(3), 50);
  const host = network.host(['10.0.0.1', '2001:db8::1'], { bindAddresses: bind });
  const find: typeof findDestinations = (name, _bind, _step, answered) => {
    assert.equal(name, 'tracker.test');
    const [first, ...others] = hosts.map((each) => ({ host: each, localAddress: undefined, by: null }));
    assert.ok(first !== undefined);
    if (lookup !== 'never') answered(lookup ?? { ok: true, destinations: [first, ...others] });
    return { cancel: () => undefined };
  };
  const options = { ...DEFAULT_UDP_TRACKER_OPTIONS, bind, findDestinations: find };
  const client = new UdpTrackerClient(host, seededRandom(4), options);
  const outcomes: AnnounceOutcome[] = [];
  const tracker = (address = V4) =>
    new UdpTrackerStub(network.host(address), address.includes(':') ? 6 : 4, (asked) => obliging(asked));
  return {
    timeline,
    network,
    client,
    outcomes,
    tracker,
    announce: (fields: Partial<AnnounceRequest> = {}) =>
      client.announce(request(fields), (outcome) => outcomes.push(outcome)),
  };
}

test('a tracker that only a proxy knows by name may answer from any address, by the id of our question alone', () => {
  const timeline = new Timeline();
  const sent: { data: Buffer; to: PeerAddress }[] = [];
  const heard: ((data: Buffer, from: PeerAddress) => void)[] = [];
  const socket: DatagramSocket = {
    local: { host: '0.0.0.0', port: 7 },
    send: (data, to) => sent.push({ data: Buffer.from(data), to }),
    close: () => undefined,
  };
  const server = {
    now: () => timeline.now(),
    addTask: (task: () => void, delay: number) => timeline.addTask(task, delay),
    openDatagram: (_options: unknown, handler: DatagramHandler, answered: (outcome: DatagramOutcome) => void) => {
      heard.push((data, from) => handler.datagramCameIn(socket, data, from));
      timeline.addTask(() => answered({ ok: true, socket }), 0);
    },
  } as unknown as RawServer;
  const find: typeof findDestinations = (name, _bind, _step, answered) => {
    answered({ ok: true, destinations: [{ host: name, localAddress: undefined, by: null }] });
    return { cancel: () => undefined };
  };
  const options = { ...DEFAULT_UDP_TRACKER_OPTIONS, bind: null, findDestinations: find };
  const outcomes: AnnounceOutcome[] = [];
  new UdpTrackerClient(server, seededRandom(4), options).announce(request(), (outcome) => outcomes.push(outcome));
  timeline.run(10);
  const answers = (from: PeerAddress, port = from.port): void => {
    const asked = decodeUdpRequest(sent.at(-1)?.data ?? Buffer.alloc(0));
    assert.ok(asked !== undefined);
    heard[0]?.(encodeUdpAnswer(obliging(asked)), { ...from, port });
    timeline.run(10);
  };
  assert.deepEqual(sent[0]?.to, { host: 'tracker.test', port: 6969 });
  answers({ host: ANYWHERE, port: 6969 }, 6970);
  assert.equal(sent.length, 1);
  answers({ host: ANYWHERE, port: 6969 });
  assert.equal(sent.length, 2);
  answers({ host: ANYWHERE, port: 6969 });
  assert.ok(outcomes[0]?.ok === true);
  assert.equal(outcomes[0].from, ANYWHERE);
});

test('an announce asks for a connection id first, tells the tracker everything, and the answer is read', () => {
  const { timeline, tracker, announce, outcomes } = setUp();
  const { requests } = tracker();
  announce();
  assert.deepEqual(outcomes, []);
  timeline.run(SECOND);
  assert.deepEqual(outcomes, [OBLIGING]);
  const [connect, asked] = requests;
  assert.equal(connect?.kind, 'connect');
  assert.ok(asked?.kind === 'announce');
  assert.notEqual(asked.transactionId, connect.transactionId);
  assert.deepEqual(asked, {
    kind: 'announce',
    connectionId: CONNECTION_ID,
    transactionId: asked.transactionId,
    infoHash: request().infoHash,
    peerId: request().peerId,
    downloaded: 2,
    left: 3,
    uploaded: 1,
    event: 'started',
    ip: null,
    key: 0xfedcba98,
    numwant: 50,
    port: 6881,
    urlData: '/announce?key=1',
  });
});

test('a connection id serves every announce of the next minute, from the same port', () => {
  const { timeline, tracker, announce, outcomes } = setUp();
  const { log, clients, requests } = tracker();
  for (const at of [0, 30, 59, 61]) timeline.addTask(() => announce(), at * SECOND);
  timeline.run(70 * SECOND);
  assert.deepEqual(log, ['connect 0', 'announce 0', 'announce 30', 'announce 59', 'connect 61', 'announce 61']);
  assert.equal(outcomes.filter(({ ok }) => ok).length, 4);
  assert.equal(new Set(clients.map(({ port }) => port)).size, 1);
  for (const asked of requests) if (asked.kind !== 'connect') assert.deepEqual(asked.connectionId, CONNECTION_ID);
});

test('announces that begin together share the request for a connection id', () => {
  const { timeline, tracker, announce, outcomes } = setUp();
  const { log, requests } = tracker();
  for (let torrent = 0; torrent < 50; torrent += 1) announce({ infoHash: Buffer.alloc(20, torrent) });
  timeline.run(SECOND);
  assert.equal(outcomes.filter(({ ok }) => ok).length, 50);
  assert.equal(log.filter((line) => line.startsWith('connect')).length, 1);
  assert.equal(new Set(requests.map(({ transactionId }) => transactionId)).size, 51);
});

test('a lost request for a connection id, or a lost announce, is sent again after five seconds', () => {
  for (const [lost, expected] of [
    ['connect', ['connect 0', 'connect 5', 'announce 5']],
    ['announce', ['connect 0', 'announce 0', 'connect 5', 'announce 5']],
  ] as const) {
    const { timeline, tracker, announce, outcomes } = setUp();
    const stub = tracker();
    let isLost = true;
    stub.behave = (asked) => {
      if (asked.kind !== lost || !isLost) return obliging(asked);
      isLost = false;
      return null;
    };
    announce();
    timeline.run(14 * SECOND);
    assert.deepEqual(outcomes, [OBLIGING]);
    assert.deepEqual(stub.log, expected);
  }
});

test('a tracker that never answers is given up after fifteen seconds, and nothing is left of it', () => {
  const { timeline, tracker, announce, outcomes, client } = setUp();
  const stub = tracker();
  stub.behave = () => null;
  announce();
  timeline.run(14.9 * SECOND);
  assert.deepEqual(outcomes, []);
  timeline.run(0.2 * SECOND);
  assert.deepEqual(outcomes, [TIMED_OUT]);
  assert.deepEqual(stub.log, ['connect 0', 'connect 5']);
  client.close();
  assert.equal(timeline.pending, 0);
});

test('an announce that joins a request which may be lost has it sent again', () => {
  const { timeline, tracker, announce, outcomes } = setUp();
  const stub = tracker();
  let connects = 0;
  stub.behave = (asked) => {
    connects += asked.kind === 'connect' ? 1 : 0;
    return connects === 1 ? null : obliging(asked);
  };
  announce();
  timeline.run(0.5 * SECOND);
  announce();
  timeline.run(1.5 * SECOND);
  assert.deepEqual(outcomes, []);
  announce();
  timeline.run(SECOND);
  assert.deepEqual(outcomes, [OBLIGING, OBLIGING, OBLIGING]);
  assert.deepEqual(stub.log, ['connect 0', 'connect 2', 'announce 2', 'announce 2', 'announce 2']);
  const [first, second] = stub.requests;
  assert.equal(first?.transactionId, second?.transactionId);
});

test('the addresses of a tracker are asked in turn, and peers have the form of the family that answered', () => {
  const { timeline, tracker, announce, outcomes } = setUp({ hosts: [V4, V6] });
  const silent = tracker(V4);
  silent.behave = () => null;
  const answering = tracker(V6);
  answering.behave = (asked) =>
    asked.kind === 'announce'
      ? {
          ...obliging(asked),
          peers: Buffer.from('20010db8000000000000000000000001 1ae1 ffff'.replaceAll(' ', ''), 'hex'),
        }
      : obliging(asked);
  announce();
  timeline.run(6 * SECOND);
  assert.deepEqual(silent.log, ['connect 0']);
  assert.deepEqual(answering.log, ['connect 5', 'announce 5']);
  assert.deepEqual(
    outcomes.map((outcome) => outcome.ok && outcome.response.peers),
    [[{ host: '2001:db8::1', port: 6881, peerId: null }]],
  );
});

test('the last of all the addresses that a name may have is asked in time', () => {
  const hosts = [1, 2, 3, 4, 5, 6, 7].map((last) => `10.0.1.${last}`);
  const { timeline, tracker, announce, outcomes } = setUp({ hosts: [...hosts, V6] });
  const silent = hosts.map((host) => tracker(host));
  for (const stub of silent) stub.behave = () => null;
  tracker(V6).behave = (asked) =>
    asked.kind === 'announce' ? { ...obliging(asked), peers: Buffer.alloc(0) } : obliging(asked);
  announce();
  timeline.run(30 * SECOND);
  assert.deepEqual(
    silent.map(({ log }) => log.length),
    hosts.map(() => 1),
  );
  assert.deepEqual(
    outcomes.map(({ ok }) => ok),
    [true],
  );
});

test('an address that we cannot send to costs no time', () => {
  const { timeline, tracker, announce, outcomes } = setUp({ hosts: [V6, V4], bind: { ipv4: '10.0.0.1' } });
  tracker(V4);
  announce();
  timeline.run(SECOND);
  assert.deepEqual(outcomes, [OBLIGING]);
});

test('a tracker is unreachable when we can send to none of its addresses', () => {
  const { timeline, announce, outcomes } = setUp({ hosts: [V6], bind: { ipv4: '10.0.0.1' } });
  announce();
  timeline.run(SECOND);
  assert.deepEqual(outcomes, [{ ok: false, code: 'unreachable', message: 'cannot open a UDP socket: forbidden' }]);
});

test('a tracker beyond the fence is unreachable', () => {
  const { timeline, announce, outcomes } = setUp({ bind: { ipv4: '127.0.0.1' } });
  announce();
  timeline.run(SECOND);
  assert.deepEqual(outcomes, [{ ok: false, code: 'unreachable', message: 'cannot be sent: forbidden' }]);
});

test('the reason of a refusal is told without unprintable characters, at most 1 KiB of it', () => {
  for (const [reason, message] of [
    ['unregistered torrent', 'unregistered torrent'],
    ['\u001b[31mno\r\nway\u202e', '[31mno way'],
    ['', 'the tracker refused without a reason'],
    ['x'.repeat(60_000), 'x'.repeat(1024)],
  ] as const) {
    const { timeline, tracker, announce, outcomes } = setUp();
    const stub = tracker();
    stub.behave = ({ transactionId, ...asked }) =>
      asked.kind === 'announce'
        ? { kind: 'error', transactionId, message: Buffer.from(reason) }
        : obliging({ ...asked, transactionId } as Parameters<typeof obliging>[0]);
    announce();
    timeline.run(SECOND);
    assert.deepEqual(outcomes, [{ ok: false, code: 'refused', message }]);
  }
});

test('a tracker may also refuse the request for a connection id', () => {
  const { timeline, tracker, announce, outcomes } = setUp();
  const stub = tracker();
  stub.behave = ({ transactionId }) => ({ kind: 'error', transactionId, message: Buffer.from('go away') });
  announce();
  timeline.run(SECOND);
  assert.deepEqual(outcomes, [{ ok: false, code: 'refused', message: 'go away' }]);
  assert.deepEqual(stub.log, ['connect 0']);
});

test('after an error about an old connection id the client tries once more with a new one', () => {
  const { timeline, tracker, announce, outcomes } = setUp();
  const stub = tracker();
  announce();
  timeline.run(SECOND);
  let ids = 0;
  stub.behave = (asked) => {
    const { transactionId } = asked;
    if (asked.kind === 'connect') {
      ids += 1;
      return { kind: 'connect', transactionId, connectionId: Buffer.alloc(8, ids) };
    }
    const isNew = 'connectionId' in asked && asked.connectionId.equals(Buffer.alloc(8, 1));
    return isNew ? obliging(asked) : { kind: 'error', transactionId, message: Buffer.from('connection id mismatch') };
  };
  announce();
  timeline.run(SECOND);
  assert.deepEqual(outcomes, [OBLIGING, OBLIGING]);
  assert.deepEqual(stub.log.slice(2), ['announce 1', 'connect 1', 'announce 1']);
  stub.behave = (asked) =>
    asked.kind === 'connect'
      ? obliging(asked)
      : { kind: 'error', transactionId: asked.transactionId, message: Buffer.from('unregistered') };
  announce();
  timeline.run(SECOND);
  assert.deepEqual(outcomes[2], { ok: false, code: 'refused', message: 'unregistered' });
});

test('a client asks for a new connection id when the tracker ignores the old one', () => {
  const { timeline, tracker, announce, outcomes } = setUp();
  const stub = tracker();
  announce();
  timeline.run(SECOND);
  const fresh = Buffer.alloc(8, 7);
  stub.behave = (asked) => {
    if (asked.kind === 'connect') return { kind: 'connect', transactionId: asked.transactionId, connectionId: fresh };
    return 'connectionId' in asked && asked.connectionId.equals(fresh) ? obliging(asked) : null;
  };
  announce();
  timeline.run(7 * SECOND);
  assert.deepEqual(outcomes, [OBLIGING, OBLIGING]);
  assert.deepEqual(stub.log.slice(2), ['announce 1', 'connect 6', 'announce 6']);
});

test('a datagram that is short, of another transaction, of another kind or from another address is ignored', () => {
  const { timeline, tracker, announce, outcomes } = setUp();
  const stub = tracker();
  const stranger = tracker('10.0.0.8');
  const poisoned = Buffer.from('c6336401 1ae1'.replaceAll(' ', ''), 'hex');
  stub.behave = (asked) => {
    const { transactionId } = asked;
    const right = obliging(asked);
    const whole = encodeUdpAnswer(right);
    const foreign: UdpTrackerAnswer = { ...obliging(asked), transactionId };
    const bytes = encodeUdpAnswer(foreign.kind === 'announce' ? { ...foreign, peers: poisoned } : foreign);
    const client = stub.clients.at(-1);
    if (client !== undefined) stranger.socket?.send(bytes, client);
    const wrongKind: UdpTrackerAnswer = { kind: 'scrape', transactionId, counts: [] };
    const otherId = { ...right, transactionId: (transactionId + 1) >>> 0 };
    return [
      Buffer.alloc(0),
      whole.subarray(0, 7),
      whole.subarray(0, 15),
      Buffer.alloc(60_000, 0xff),
      wrongKind,
      otherId,
      null,
    ];
  };
  announce();
  timeline.run(3 * SECOND);
  assert.deepEqual(stub.log, ['connect 0'], 'nothing of that was an answer');
  stub.behave = (asked) => {
    const answers = [
      encodeUdpAnswer({ kind: 'connect', transactionId: asked.transactionId, connectionId: CONNECTION_ID }),
    ];
    return asked.kind === 'announce' ? [...answers, obliging(asked)] : answers;
  };
  timeline.run(3 * SECOND);
  assert.deepEqual(outcomes, [OBLIGING]);
});

test('a scrape uses the connection id of the announces, and a torrent that its answer lacks is null', () => {
  const { timeline, tracker, announce, client } = setUp();
  const stub = tracker();
  announce();
  timeline.run(SECOND);
  const outcomes: ScrapeOutcome[] = [];
  const infoHashes = [Buffer.alloc(20, 1), Buffer.alloc(20, 2)];
  const scrape = () => client.scrape(byUser(URL_OF_TRACKER), infoHashes, (outcome) => outcomes.push(outcome));
  scrape();
  timeline.run(SECOND);
  stub.behave = ({ kind, transactionId }) =>
    kind === 'scrape' ? { kind, transactionId, counts: [{ seeds: 7, downloaded: 8, leeches: 9 }] } : null;
  scrape();
  timeline.run(SECOND);
  stub.behave = ({ transactionId }) => ({ kind: 'error', transactionId, message: Buffer.from('no scrapes') });
  scrape();
  timeline.run(SECOND);
  const counts = { seeds: 1, downloaded: 2, leeches: 3 };
  assert.deepEqual(outcomes, [
    { ok: true, torrents: [counts, counts] },
    { ok: true, torrents: [{ seeds: 7, downloaded: 8, leeches: 9 }, null] },
    { ok: false, code: 'refused', message: 'no scrapes' },
  ]);
  const [, , asked] = stub.requests;
  assert.deepEqual(asked?.kind === 'scrape' && asked.infoHashes, infoHashes);
  assert.deepEqual(stub.log.slice(2), ['scrape 1', 'scrape 2', 'scrape 3', 'connect 3']);
});

test('intervals are kept within sane bounds', () => {
  for (const [told, kept] of [
    [0, 1800],
    [1, 60],
    [1652, 1652],
    [0xffff_ffff, 86_400],
  ] as const) {
    const { timeline, tracker, announce, outcomes } = setUp();
    const stub = tracker();
    stub.behave = (asked) => ({ ...obliging(asked), ...(asked.kind === 'announce' ? { interval: told } : {}) });
    announce();
    timeline.run(SECOND);
    assert.equal(outcomes[0]?.ok && outcomes[0].response.interval, kept);
  }
});

test('whatever bytes stand in the place of peers, only a limited number of possible addresses comes out', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60_000, size: 'max' }), (bytes) => {
      const { timeline, tracker, announce, outcomes } = setUp();
      const stub = tracker();
      stub.behave = (asked) => ({
        ...obliging(asked),
        ...(asked.kind === 'announce' ? { peers: Buffer.from(bytes) } : {}),
      });
      announce();
      timeline.run(SECOND);
      const [outcome] = outcomes;
      assert.ok(outcome?.ok);
      const { peers } = outcome.response;
      assert.ok(peers.length <= Math.min(200, bytes.length / 6));
      for (const { host, port } of peers) assert.ok(port > 0 && Number.parseInt(host, 10) % 224 > 0);
    }),
    { numRuns: 30 },
  );
});

test('URLs that name no tracker are refused later, on the timeline, and not after the call was cancelled', () => {
  const { timeline, client } = setUp();
  const urls = ['udp://tracker.test', 'udp://:80', 'udp://a b:80', `udp://${'a'.repeat(5000)}:1`, 'udp://a<b:80'];
  const log: string[] = [];
  for (const url of urls) {
    client.announce(request(byUser(url)), (outcome) => log.push(`${outcome.ok || outcome.code}`));
    client.announce(request(byUser(url)), () => log.push('cancelled')).cancel();
  }
  assert.deepEqual(log, []);
  timeline.run(1);
  assert.deepEqual(
    log,
    urls.map(() => 'forbidden'),
  );
});

test('a failed name lookup is reported as it is, and a lookup without an answer is given up', () => {
  const refusal = { ok: false, code: 'unreachable', message: 'tracker.test was not found' } as const;
  const unknown = setUp({ lookup: refusal });
  unknown.announce();
  assert.deepEqual(unknown.outcomes, []);
  unknown.timeline.run(1);
  assert.deepEqual(unknown.outcomes, [refusal]);
  const silent = setUp({ lookup: 'never' });
  silent.announce();
  silent.timeline.run(30 * SECOND);
  assert.deepEqual(silent.outcomes, [TIMED_OUT]);
});

test('an announce that is cancelled at any time is not answered, and leaves no timer', () => {
  for (const at of [-1, 0, 10, 75, 110, 175, 225]) {
    const { timeline, tracker, announce, outcomes, client } = setUp();
    const { log } = tracker();
    const call = announce();
    if (at >= 0) timeline.run(at);
    const before = outcomes.length;
    call.cancel();
    call.cancel();
    timeline.run(200);
    assert.equal(outcomes.length, before);
    assert.equal(timeline.pending, 0, `cancelled after ${at}`);
    client.close();
    assert.ok(log.length <= 2);
  }
});

test('a cancelled announce does not cancel the request that others share', () => {
  const { timeline, tracker, announce, outcomes } = setUp();
  const { requests } = tracker();
  const call = announce({ port: 1 });
  announce({ port: 2 });
  timeline.run(20);
  call.cancel();
  timeline.run(SECOND);
  assert.deepEqual(outcomes, [OBLIGING]);
  assert.deepEqual(
    requests.filter((each): each is UdpAnnounce => each.kind === 'announce').map(({ port }) => port),
    [2],
  );
});

test('a client that is closed answers nothing more', () => {
  for (const at of [0, 10, 75, 175]) {
    const { timeline, tracker, announce, outcomes, client } = setUp();
    tracker();
    announce();
    timeline.run(at);
    client.close();
    timeline.run(60 * SECOND);
    assert.deepEqual(outcomes, []);
    assert.equal(timeline.pending, 0);
  }
});
