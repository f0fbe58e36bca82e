import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BencodeValue, decodeBencode } from '../../../src/bencode/bencode.js';
import { CANONICAL } from '../../../src/bencode/guard.js';
import { PAGE_STYLE, writeTrackerPage } from '../../../src/cli/output/tracker-page.js';
import { escapeBytes } from '../../../src/discovery/trackers/announce-url.js';
import { Tracker } from '../../../src/tracker/tracker.js';
import { DEFAULT_TRACKER_OPTIONS, type TrackerOptions } from '../../../src/tracker/tracker-options.js';
import type { TrackerFace } from '../../../src/tracker/tracker-standing.js';
import { parseMetrics } from '../../support/metrics-text.js';
import { seededRandom } from '../../support/simulation/seeded-random.js';
import { Timeline } from '../../support/simulation/timeline.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const TORRENT = Buffer.alloc(20, 0xfe);
const OTHER = Buffer.alloc(20, 0x25);

type Fields = Record<string, string | number>;
type Answer = Record<string, unknown>;

const portOf = (name: string): number =>
  10_000 + [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 40_000, 0);

/** A bencoded value in a readable form: text for bytes, plain objects for dictionaries. */
function plain(value: BencodeValue): unknown {
  if (Buffer.isBuffer(value)) return value.toString('latin1');
  if (Array.isArray(value)) return value.map(plain);
  if (!(value instanceof Map)) return value;
  return Object.fromEntries([...value].map(([key, field]): [string, unknown] => [key, plain(field)]));
}

function setUp(
  options: Partial<TrackerOptions> = {},
  isAllowed: (infoHash: Buffer) => boolean = () => true,
  known: TrackerFace['known'] = () => null,
) {
  const timeline = new Timeline();
  const saved: Buffer[] = [];
  const checks: { what: string; answer: (reachable: boolean | null) => void }[] = [];
  const tracker = new Tracker(
    {
      timers: timeline,
      random: seededRandom(1),
      natCheck: {
        check: ({ host, port }, infoHash, peerId, answer) => {
          checks.push({ what: `${host}:${port} ${infoHash.equals(TORRENT)} ${peerId}`, answer });
        },
      },
      isAllowed,
      clientOf: ({ remote }) => remote.host,
      face: { version: '1.2.3', known, page: { style: PAGE_STYLE, write: writeTrackerPage } },
      save: (state) => saved.push(Buffer.concat(state)),
    },
    { ...DEFAULT_TRACKER_OPTIONS, ...options },
  );
  const get = (path: string, query: string, host = '8.0.0.1') =>
    tracker.get({ path, query, remote: { host, port: 5000 }, headers: { forwardedFor: [], forwarded: [] } });
  const ask = (path: string, query: string, host?: string): Answer => {
    const { status, body } = get(path, query, host);
    assert.equal(status, 200);
    return plain(decodeBencode(body, CANONICAL)) as Answer;
  };
  /**
   * Announces as the peer `name`. Peers of one letter listen at addresses of their own and port 7001, all others at
   * ports of their own.
   */
  const announce = (name: string, fields: Fields = {}, host = `8.0.0.${name.charCodeAt(0)}`): Answer => {
    const own: Fields = {
      port: name.length === 1 && host === `8.0.0.${name.charCodeAt(0)}` ? 7001 : portOf(name),
      left: 5,
      compact: 1,
      info_hash: escapeBytes(TORRENT),
      peer_id: name.padEnd(20, '-'),
    };
    const query = Object.entries({ ...own, ...fields }).map(([key, value]) => `${key}=${value}`);
    return ask('/announce', query.join('&'), host);
  };
  /** The names of the peers that are told to `name`. */
  const told = (name: string, fields: Fields = {}): string[] => {
    const peers = announce(name, { compact: 0, ...fields })['peers'] as { 'peer id': string }[];
    return peers.map((peer) => peer['peer id'].replace(/-+$/, '')).sort();
  };
  return { timeline, tracker, saved, checks, get, ask, announce, told };
}

const infoHash = (hash: Buffer | number): Fields => ({
  info_hash: escapeBytes(typeof hash === 'number' ? Buffer.alloc(20, hash) : hash),
});

const reason = (answer: Answer): unknown => answer['failure reason'] ?? 'ok';

test('a peer that has just come is in the next answer, and no peer is told of itself', () => {
  const { told } = setUp();
  assert.deepEqual(told('a'), []);
  assert.deepEqual(told('b'), ['a']);
  assert.deepEqual(told('a'), ['b']);
  assert.deepEqual(told('c'), ['a', 'b']);
});

test('an answer holds intervals, counts and compact peers', () => {
  const { announce } = setUp();
  announce('a', { left: 0 });
  announce('c', { port: 0x1234 }, '2001:db8::1');
  assert.deepEqual(announce('b', { port: 6881 }), {
    complete: 1,
    downloaded: 0,
    incomplete: 2,
    interval: 1800,
    'min interval': 60,
    peers: '\u0008\u0000\u0000a\u001bY',
    peers6: `\u0020\u0001\u000d\u00b8${'\0'.repeat(11)}\u0001\u0012\u0034`,
  });
});

test('peers as dictionaries come with their ids or without', () => {
  const { announce } = setUp();
  announce('a');
  announce('c', { port: 7001 }, '2001:db8::1');
  const peers = (fields: Fields) => {
    const list = announce('b', { compact: 0, ...fields })['peers'] as { ip: string }[];
    return list.sort((x, y) => (x.ip < y.ip ? -1 : 1));
  };
  assert.deepEqual(peers({}), [
    { ip: '2001:db8::1', port: 7001, 'peer id': 'c'.padEnd(20, '-') },
    { ip: '8.0.0.97', port: 7001, 'peer id': 'a'.padEnd(20, '-') },
  ]);
  assert.deepEqual(peers({ no_peer_id: 1 }), [
    { ip: '2001:db8::1', port: 7001 },
    { ip: '8.0.0.97', port: 7001 },
  ]);
});

test('seeds are not told of seeds; leeches are told of both', () => {
  const { told } = setUp();
  told('s', { left: 0 });
  told('t', { left: 0 });
  told('l');
  assert.deepEqual(told('s', { left: 0 }), ['l']);
  assert.deepEqual(told('m'), ['l', 's', 't']);
  assert.deepEqual(told('l', { left: 0, event: 'completed' }), ['m']);
});

test('an answer has no more peers than the client wants, and never more than the limit', () => {
  const { announce, told } = setUp({ numwant: 5, maxNumwant: 8 });
  for (let index = 0; index < 30; index += 1) announce(`x${index}`);
  const counts = [0, 3, 8, 9, 1e6, -1, 'many'].map((numwant) => told('a', { numwant }).length);
  assert.deepEqual(counts, [0, 3, 8, 8, 8, 5, 5]);
  assert.equal(told('a').length, 5);
});

test('after many announces a client has heard of nearly all peers of a large swarm', () => {
  const { announce, told } = setUp();
  for (let index = 0; index < 100; index += 1) announce(`x${index}`, { left: index % 2 });
  const seen = new Set<string>();
  for (let round = 0; round < 30; round += 1) for (const name of told('a', { numwant: 10 })) seen.add(name);
  assert.ok(seen.size > 90, `${seen.size}`);
});

test('stopped removes a peer, and the answer has no peers', () => {
  const { announce, told } = setUp();
  announce('a');
  announce('b');
  assert.deepEqual(told('a', { event: 'stopped' }), []);
  assert.deepEqual(told('c'), ['b']);
  assert.equal(announce('z', { event: 'stopped' })['incomplete'], 2);
});

test('completed is counted once for each peer', () => {
  const { announce } = setUp();
  announce('a');
  announce('a', { left: 0, event: 'completed' });
  assert.equal(announce('a', { left: 0, event: 'completed' })['downloaded'], 1);
  announce('s', { left: 0, event: 'started' });
  const { downloaded, complete } = announce('b');
  assert.deepEqual([downloaded, complete], [1, 2]);
});

test('a silent peer is forgotten', () => {
  const { timeline, tracker, announce, told } = setUp({ peerTimeout: 45 * MINUTE });
  tracker.begin();
  announce('a');
  timeline.run(30 * MINUTE);
  announce('b');
  timeline.run(14 * MINUTE);
  assert.deepEqual(told('c'), ['a', 'b']);
  timeline.run(3 * MINUTE);
  assert.deepEqual(told('c'), ['b']);
});

test('a known peer id is believed with its key, or without one from its address', () => {
  const stolen = 'this peer id has been announced with another key or address';
  const keyed = setUp();
  const tries: [Fields, string][] = [
    [{ key: 'k1' }, '8.0.0.1'],
    [{ key: 'k1' }, '8.0.0.2'],
    [{ key: 'k2' }, '8.0.0.2'],
    [{}, '8.0.0.2'],
    [{ key: 'k2', event: 'stopped' }, '8.0.0.2'],
  ];
  assert.deepEqual(
    tries.map(([fields, host]) => reason(keyed.announce('a', fields, host))),
    ['ok', 'ok', stolen, stolen, stolen],
  );
  const plainly = setUp();
  assert.deepEqual(
    ['8.0.0.1', '8.0.0.2', '8.0.0.1'].map((host) => reason(plainly.announce('a', {}, host))),
    ['ok', stolen, 'ok'],
  );
});

test('a client that was started again has a new peer id and takes the place of what it was', () => {
  const { announce, told } = setUp();
  const counts = ({ complete, incomplete }: Answer) => [complete, incomplete];
  announce('a', { left: 0 });
  assert.deepEqual(counts(announce('b', { port: 7001 }, '8.0.0.97')), [0, 1], 'at the same address and port');
  assert.deepEqual(told('z'), ['b']);
  announce('c', { port: 7002 }, '8.0.0.97');
  assert.deepEqual(told('z').sort(), ['b', 'c'], 'another port of that host is another client');
  announce('c', { port: 7001 }, '8.0.0.97');
  assert.deepEqual(told('z'), ['c'], 'a client that moves there too');
  announce('d', { port: 7001 }, '8.0.0.98');
  assert.deepEqual(told('z').sort(), ['c', 'd'], 'the same port of another host');
});

test('clients of one host that say that nobody can dial them do not displace each other', () => {
  const { announce } = setUp();
  announce('a', { port: 1 });
  assert.equal(announce('b', { port: 1 }, '8.0.0.97')['incomplete'], 2);
});

test('others hear the new address of a peer that moved', () => {
  const { announce } = setUp();
  announce('a', { key: 'k', port: 7001 }, '8.0.0.1');
  announce('a', { key: 'k', port: 7002 }, '8.0.0.9');
  assert.equal(announce('b')['peers'], '\u0008\u0000\u0000\u0009\u001bZ');
});

test('ip is believed of clients in the tracker’s own network only, when it reaches as far as theirs', () => {
  const { announce } = setUp();
  const claims = [
    ['127.0.0.1', '9.9.9.9'],
    ['192.168.0.7', '9.9.9.9'],
    ['fe80::1', '9.9.9.9'],
    ['8.0.0.1', '9.9.9.9'],
    ['127.0.0.1', 'example.com'],
    ['127.0.0.1', '224.0.0.1'],
    ['::ffff:8.0.0.2', '9.9.9.9'],
    ['8.0.0.1', '127.0.0.1'],
    ['8.0.0.1', '192.168.0.7'],
    ['192.168.0.7', '127.0.0.1'],
    ['192.168.0.7', '64:ff9b::7f00:1'],
    ['192.168.0.7', '10.0.0.1'],
    ['127.0.0.1', '10.0.0.1'],
    ['10.0.0.1', '169.254.169.254'],
  ];
  const told: Record<string, string> = {};
  for (const [index, [host = '', ip = '']] of claims.entries()) {
    announce('a', { ip, ...infoHash(index) }, host);
    const peers = announce('b', { compact: 0, ...infoHash(index) })['peers'] as { ip: string }[];
    told[`${host} as ${ip}`] = peers.map((peer) => peer.ip).join();
  }
  assert.deepEqual(told, {
    '127.0.0.1 as 9.9.9.9': '9.9.9.9',
    '192.168.0.7 as 9.9.9.9': '9.9.9.9',
    'fe80::1 as 9.9.9.9': '9.9.9.9',
    '8.0.0.1 as 9.9.9.9': '8.0.0.1',
    '127.0.0.1 as example.com': '127.0.0.1',
    '127.0.0.1 as 224.0.0.1': '127.0.0.1',
    '::ffff:8.0.0.2 as 9.9.9.9': '8.0.0.2',
    '8.0.0.1 as 127.0.0.1': '8.0.0.1',
    '8.0.0.1 as 192.168.0.7': '8.0.0.1',
    '192.168.0.7 as 127.0.0.1': '192.168.0.7',
    '192.168.0.7 as 64:ff9b::7f00:1': '192.168.0.7',
    '192.168.0.7 as 10.0.0.1': '10.0.0.1',
    '127.0.0.1 as 10.0.0.1': '10.0.0.1',
    '10.0.0.1 as 169.254.169.254': '10.0.0.1',
  });
});

test('an unknown event is a plain announce', () => {
  const { announce, told, tracker } = setUp();
  announce('a', { event: 'completed' });
  for (const event of ['paused', 'empty', 'update', 'STOPPED', '%00%FF', 'x'.repeat(1000)]) {
    assert.deepEqual(told('b', { event }), ['a'], event);
    assert.deepEqual(told('a', { event }), ['b'], event);
  }
  assert.deepEqual(tracker.countsOf(TORRENT), { seeds: 0, downloaded: 1, leeches: 2 });
});

test('a request that is no announce is refused with the reason', () => {
  const { ask, announce } = setUp();
  const reasons = [
    announce('a', { info_hash: 'short' }),
    announce('a', { peer_id: '%00' }),
    announce('a', { port: 0 }),
    announce('a', { port: 65_536 }),
    announce('a', { port: '80x' }),
    ask('/announce', ''),
    ask('/announce', '&&=&=%&info_hash'),
  ].map(reason);
  assert.deepEqual(reasons, [
    'info_hash is not 20 bytes',
    'peer_id is not 20 bytes',
    'port is not a number from 1 to 65535',
    'port is not a number from 1 to 65535',
    'port is not a number from 1 to 65535',
    'info_hash is not 20 bytes',
    'info_hash is not 20 bytes',
  ]);
});

test('an info-hash of percent signs, ampersands and pluses is read right, however it is escaped', () => {
  const { announce, told } = setUp();
  const hash = Buffer.from('%&+=? \n\0aaaaaaaaaaaÿ', 'latin1');
  announce('a', infoHash(hash));
  const everything = [...hash].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
  assert.deepEqual(told('b', { info_hash: everything }), ['a']);
  assert.deepEqual(told('c', { info_hash: escapeBytes(hash).replace('%2B', '+') }), ['a', 'b']);
});

test('only allowed torrents are served', () => {
  const { announce } = setUp({}, (hash) => hash.equals(TORRENT));
  assert.equal(reason(announce('a')), 'ok');
  assert.equal(reason(announce('a', infoHash(OTHER))), 'this tracker does not serve that torrent');
});

test('torrents and peers are limited: an idle torrent gives way, then the oldest of the host with the most', () => {
  const torrents = setUp({ maxTorrents: 2 });
  const listed = () => Object.keys(torrents.ask('/scrape', '')['files'] as Answer).map((hash) => hash.charCodeAt(0));
  torrents.announce('a', { ...infoHash(1), left: 0, event: 'completed' });
  torrents.announce('b', infoHash(2));
  torrents.announce('a', { ...infoHash(1), event: 'stopped' });
  torrents.announce('a', infoHash(3));
  assert.deepEqual(listed(), [2, 3]);
  torrents.announce('a', infoHash(4));
  assert.deepEqual(listed(), [2, 4]);
  torrents.announce('b', { ...infoHash(2), left: 0, event: 'completed' });
  torrents.announce('b', { ...infoHash(2), event: 'stopped' });
  torrents.announce('a', infoHash(5));
  assert.deepEqual(listed(), [4, 5], 'an idle torrent gives way, though another host has more');

  const peers = setUp({ maxPeersPerTorrent: 3 });
  const greedy = (name: string, fields: Fields = {}) => peers.announce(name, fields, '8.0.1.1');
  for (const name of ['x', 'y']) greedy(name);
  peers.announce('b');
  assert.equal(greedy('x')['incomplete'], 3);
  assert.deepEqual(peers.told('c'), ['b', 'x'], 'y was the oldest');
  assert.deepEqual(peers.told('d'), ['c', 'x'], 'b was the oldest of those with one each');

  const all = setUp({ maxPeers: 3 });
  all.announce('a', infoHash(9));
  for (const hash of [1, 2]) all.announce('g', infoHash(hash));
  assert.deepEqual(all.told('b', infoHash(9)), ['a'], 'the oldest of all is not of the greediest host');
  assert.equal(all.announce('a', infoHash(9))['incomplete'], 2);
  assert.deepEqual(Object.keys(all.ask('/scrape', '')['files'] as Answer).length, 2);

  const shared = setUp({ maxPeersOfHost: 2 });
  for (const name of ['x', 'y', 'z']) shared.announce(name, {}, '2001:db8::1');
  assert.deepEqual(shared.told('b'), ['y', 'z'], 'a host has so many rows in a torrent');
});

test('a peer that announces from another host counts there', () => {
  const { announce, told } = setUp({ maxPeersOfHost: 2 });
  for (const name of ['x', 'y']) announce(name, { key: 'k' }, '8.0.1.1');
  announce('x', { key: 'k' }, '8.0.1.2');
  announce('z', {}, '8.0.1.1');
  assert.deepEqual(told('b'), ['x', 'y', 'z']);
});

test('a host that announces everything it can leaves room for all others, and pushes out none of theirs', () => {
  const limits = { maxTorrents: 500, maxPeersPerTorrent: 1_000, maxPeers: 2_000, maxPeersOfHost: 256 };
  const { announce, ask, told } = setUp(limits);
  announce('q', infoHash(0x99), '8.0.2.1');
  const flood = (name: string, hash: Buffer) => announce(name, infoHash(hash), '8.0.9.9');
  for (let number = 0; number < 5_000; number += 1) {
    const hash = Buffer.alloc(20, 3);
    hash.writeUInt32BE(number);
    flood(`f${number}`, hash);
    if (number % 2 === 0) flood(`t${number}`, TORRENT);
  }
  for (let number = 0; number < 64; number += 1) {
    const own = Buffer.alloc(20, 0x61 + (number % 20));
    assert.equal(reason(announce(`h${number}`, {}, `8.0.3.${number}`)), 'ok');
    assert.equal(reason(announce(`h${number}`, infoHash(own), `8.0.3.${number}`)), 'ok');
    flood(`g${number}`, own);
    const hash = Buffer.alloc(20, 5);
    hash.writeUInt32BE(number);
    for (let more = 0; more < 20; more += 1) flood(`m${number}.${more}`, Buffer.from(hash).fill(more, 4, 5));
  }
  const seen = new Set<string>();
  for (let round = 0; round < 60; round += 1) for (const name of told('z', { numwant: 200 })) seen.add(name);
  assert.equal([...seen].filter((name) => name.startsWith('h')).length, 64);
  assert.ok([...seen].filter((name) => !name.startsWith('h')).length <= 256);
  const files = ask('/scrape', '')['files'] as Record<string, Answer>;
  for (const letter of ['a', 't'])
    assert.equal((files[letter.repeat(20)] as Answer)['incomplete'], letter === 'a' ? 8 : 6);
  assert.equal(files['\x99'.repeat(20)]?.['incomplete'], 1);
});

test('a torrent that a flooding host names first goes to the honest peer that joins, and outlives the flood', () => {
  const { announce, ask } = setUp({ maxTorrents: 10 });
  const flood = (hash: number) => announce('f', infoHash(hash), '8.0.9.9');
  for (let hash = 1; hash <= 5; hash += 1) flood(hash);
  announce('h', infoHash(2));
  for (let hash = 10; hash <= 40; hash += 1) flood(hash);
  const files = Object.keys(ask('/scrape', '')['files'] as Answer).map((hash) => hash.charCodeAt(0));
  assert.deepEqual([files.length, files.includes(2)], [10, true]);
});

test('a host that comes and goes, or says completed again and again, changes no count', () => {
  const { announce, ask } = setUp({ maxPeers: 5 });
  for (let round = 0; round < 100; round += 1) {
    announce('a', { event: 'started' });
    announce('a', { left: 0, event: 'completed' });
    announce('a', { event: 'started' });
    announce('a', { event: 'stopped' });
    // It has another id each time.
    announce(`${round}`, { left: 0, event: 'completed' }, '8.0.1.1');
    announce(`${round}`, { left: 0, event: 'stopped' }, '8.0.1.1');
  }
  announce('b', { left: 0, event: 'completed' });
  announce('c');
  const { complete, incomplete, downloaded } =
    Object.values(ask('/scrape', '')['files'] as Record<string, Answer>)[0] ?? {};
  // Eight peers of a host count, because several homes may share its address.
  assert.deepEqual([complete, incomplete, downloaded], [1, 1, 1 + 8 + 1]);
});

test('a peer at the port of another service is counted, but neither called back nor told to others', () => {
  for (const natCheckTries of [0, 2]) {
    const { announce, told, checks } = setUp({ natCheckTries });
    for (const port of [22, 6379, 11211])
      assert.equal(announce(`p${port}`, { port })['incomplete'], [22, 6379, 11211].indexOf(port) + 1);
    assert.deepEqual([told('b'), checks.length], [[], natCheckTries === 0 ? 0 : 1]);
    announce('p22', { port: 6881 });
    checks[1]?.answer(true);
    assert.deepEqual(
      told('c').filter((name) => name !== 'b'),
      ['p22'],
    );
  }
});

test('silent peers are forgotten in slices until none is left', () => {
  const { timeline, tracker, announce, ask } = setUp({
    maxPeersOfHost: 10_000,
    peersInTurn: 100,
    sweepInterval: MINUTE,
  });
  tracker.begin();
  for (let number = 0; number < 350; number += 1) announce(`${number}`);
  timeline.run(46 * MINUTE);
  assert.deepEqual(ask('/scrape', '')['files'], {});
});

test('a scrape counts the torrents that it names, or all of them', () => {
  const { announce, ask } = setUp();
  announce('a', { left: 0, event: 'completed' });
  announce('b');
  announce('c', infoHash(OTHER));
  const [first, second] = [TORRENT.toString('latin1'), OTHER.toString('latin1')];
  const ofFirst = { complete: 1, downloaded: 1, incomplete: 1 };
  const ofSecond = { complete: 0, downloaded: 0, incomplete: 1 };
  const flags = { min_request_interval: 60 };
  const query = (...hashes: Buffer[]) => hashes.map((hash) => `info_hash=${escapeBytes(hash)}`).join('&');
  assert.deepEqual(ask('/scrape', ''), { files: { [first]: ofFirst, [second]: ofSecond }, flags });
  assert.deepEqual(ask('/scrape', query(OTHER, Buffer.alloc(20))), { files: { [second]: ofSecond }, flags });
  assert.deepEqual(ask('/scrape', query(OTHER, TORRENT)), { files: { [second]: ofSecond, [first]: ofFirst }, flags });
  assert.deepEqual(ask('/scrape', 'info_hash=short'), { files: {}, flags });
});

/** The same to the page, the statistics, the metrics and a scrape of all. */
const shownBy = ({ get }: ReturnType<typeof setUp>): readonly string[] =>
  ['/', '/stats.json', '/metrics', '/scrape'].map((path) => get(path, '').body.toString('latin1'));

test('the page and the statistics list the torrents', () => {
  const { announce, get, timeline } = setUp({ maxListed: 1 });
  timeline.run(90_500);
  announce('a', { left: 0 });
  announce('b', infoHash(OTHER));
  const hash = TORRENT.toString('hex');
  const page = get('/', '');
  assert.equal(page.contentType, 'text/html; charset=utf-8');
  const row = `<tr><td class="n">1<td class="n">0<td class="n">0<td><code>${hash}</code>\n`;
  assert.ok(page.body.toString().includes(`<tbody>\n${row}</table>`), page.body.toString());
  assert.match(page.body.toString(), /<p>and 1 torrent not listed here\n/);
  const stats = get('/stats.json', '');
  assert.equal(stats.contentType, 'application/json');
  assert.deepEqual(JSON.parse(stats.body.toString()), {
    torrentCount: 2,
    version: '1.2.3',
    uptime: 90,
    seeds: 1,
    leeches: 1,
    announces: { http: 2, udp: 0 },
    scrapes: { http: 0, udp: 0 },
    refusals: { malformed: 0, not_served: 0, other_peer: 0 },
    completions: 0,
    torrents: [{ infoHash: hash, name: null, length: null, seeds: 1, leeches: 0, downloaded: 0 }],
  });
  assert.equal(get('/etc/passwd', '').status, 404);
});

test('the metrics count announces, refusals, scrapes and completions', () => {
  const { tracker, timeline, announce, ask, get } = setUp({}, (hash) => !hash.equals(OTHER));
  timeline.run(61_000);
  announce('a', { key: 'k', left: 0, event: 'completed' });
  announce('a', { key: 'k', left: 0, event: 'completed' });
  announce('a', { key: 'stolen' });
  announce('b', infoHash(OTHER));
  announce('b', { port: 0 });
  announce('b');
  tracker.announce('there is no tracker at that path', 4, 50);
  ask('/scrape', '');
  tracker.scrape([TORRENT, OTHER]);
  tracker.scrape([]);
  const { contentType, body } = get('/metrics', '');
  assert.equal(contentType, 'text/plain; version=0.0.4; charset=utf-8');
  const read = [...parseMetrics(body.toString())].map(([name, { type, help, samples }]) => {
    assert.match(help, /^[A-Z].*\.$/);
    return [name, type, samples] as const;
  });
  assert.deepEqual(read, [
    ['btget_info', 'gauge', [[{ version: '1.2.3' }, 1]]],
    ['btget_tracker_uptime_seconds', 'gauge', [[{}, 61]]],
    ['btget_tracker_torrents', 'gauge', [[{}, 1]]],
    [
      'btget_tracker_peers',
      'gauge',
      [
        [{ kind: 'seeds' }, 1],
        [{ kind: 'leeches' }, 1],
      ],
    ],
    [
      'btget_tracker_announces_total',
      'counter',
      [
        [{ transport: 'http' }, 6],
        [{ transport: 'udp' }, 1],
      ],
    ],
    [
      'btget_tracker_refusals_total',
      'counter',
      [
        [{ reason: 'malformed' }, 2],
        [{ reason: 'not_served' }, 1],
        [{ reason: 'other_peer' }, 1],
      ],
    ],
    [
      'btget_tracker_scrapes_total',
      'counter',
      [
        [{ transport: 'http' }, 1],
        [{ transport: 'udp' }, 2],
      ],
    ],
    ['btget_tracker_completions_total', 'counter', [[{}, 1]]],
  ]);
});

test('a private torrent is counted, and listed nowhere; whoever names it is told of it', () => {
  const known = (hash: Buffer) => ({
    name: hash.equals(OTHER) ? 'open' : 'secret',
    length: 5,
    private: !hash.equals(OTHER),
  });
  const set = setUp({}, undefined, known);
  set.announce('a');
  set.announce('b', infoHash(OTHER));
  const [page = '', stats = '', metrics = '', scrape = ''] = shownBy(set);
  for (const text of [page, stats, metrics, scrape]) {
    assert.ok(!text.includes(TORRENT.toString('hex')) && !text.includes(TORRENT.toString('latin1')));
    assert.ok(!text.includes('secret'));
  }
  assert.ok(page.includes('<bdi>open</bdi>') && page.includes('<p>and 1 torrent not listed here'), page);
  assert.deepEqual([JSON.parse(stats).torrentCount, JSON.parse(stats).torrents.length], [2, 1]);
  assert.ok(scrape.includes(OTHER.toString('latin1')));
  assert.equal(Object.keys(set.ask('/scrape', `info_hash=${escapeBytes(TORRENT)}`)['files'] as Answer).length, 1);
});

test('a private torrent whose .torrent has gone is listed nowhere, though it has peers and was fetched', () => {
  let isThere = true;
  const about = { name: 'secret', length: 5, private: true };
  const set = setUp(
    {},
    (hash) => isThere || hash.equals(OTHER),
    (hash) => (isThere && !hash.equals(OTHER) ? about : null),
  );
  set.announce('a', { event: 'completed', left: 0 });
  set.announce('b', infoHash(OTHER));
  isThere = false;
  const [page = '', stats = '', metrics = '', scrape = ''] = shownBy(set);
  for (const text of [page, stats, metrics, scrape])
    assert.ok(!text.includes(TORRENT.toString('hex')) && !text.includes(TORRENT.toString('latin1')));
  assert.deepEqual([JSON.parse(stats).torrentCount, JSON.parse(stats).torrents.length], [2, 1]);
  assert.equal(reason(set.announce('c')), 'this tracker does not serve that torrent');
});

test('what is shown to all names no peer, no host and no key', () => {
  const set = setUp();
  set.announce('peeridpeeridpeeridxy', { key: 'secretkey', port: 51_413 }, '8.7.6.5');
  for (const text of shownBy(set)) assert.doesNotMatch(text, /peerid|secretkey|51,?413|8\.7\.6\.5/);
});

test('of very many private torrents only some are looked at for a list', () => {
  let looks = 0;
  const known = () => {
    looks += 1;
    return { name: 'x', length: 1, private: true };
  };
  const { announce, get } = setUp({ maxListed: 2 }, undefined, known);
  for (let hash = 0; hash < 100; hash += 1) announce('a', infoHash(hash));
  assert.equal(JSON.parse(get('/stats.json', '').body.toString()).torrentCount, 100);
  assert.equal(looks, 20);
});

test('with the NAT check a peer is told to others when it has been called back', () => {
  const { announce, told, checks } = setUp({ natCheckTries: 2 });
  announce('a');
  announce('a');
  assert.deepEqual(
    checks.map(({ what }) => what),
    [`8.0.0.97:7001 true ${'a'.padEnd(20, '-')}`],
  );
  assert.deepEqual(told('b'), []);
  checks[0]?.answer(true);
  assert.deepEqual(told('b'), ['a']);
  assert.deepEqual(told('a'), []);
  assert.equal(checks.length, 2);
});

test('a peer that cannot be called back is called a few times and not again, unless it moves', () => {
  const { announce, told, checks } = setUp({ natCheckTries: 2 });
  for (let round = 0; round < 4; round += 1) {
    announce('a', { key: 'k' });
    checks[round]?.answer(false);
  }
  assert.equal(checks.length, 2);
  announce('a', { key: 'k', port: 7002 });
  assert.equal(checks.length, 3);
  announce('a', { key: 'k', port: 7003 });
  checks[2]?.answer(true);
  assert.deepEqual(told('b'), [], 'the answer was about the port before');
});

test('a failed check is forgotten after half an hour, and a check that gave way to others is made again', () => {
  const { timeline, announce, told, checks } = setUp({ natCheckTries: 1 });
  announce('a');
  checks[0]?.answer(null);
  announce('a');
  checks[1]?.answer(false);
  announce('a');
  assert.equal(checks.length, 2);
  timeline.run(30 * MINUTE);
  announce('a');
  checks[2]?.answer(true);
  assert.deepEqual(told('b'), ['a']);
});

test('the state is saved from time to time until the tracker stops, and a restart goes on from it', () => {
  const first = setUp({ saveInterval: 5 * MINUTE });
  first.tracker.begin();
  first.announce('a', { key: 'k', left: 0, event: 'completed' });
  first.announce('b', {}, '2001:db8::1');
  first.timeline.run(11 * MINUTE);
  assert.equal(first.saved.length, 2);
  first.tracker.stop();
  first.timeline.run(60 * MINUTE);
  assert.deepEqual([first.saved.length, first.timeline.pending], [2, 0]);
  assert.deepEqual(first.tracker.encode(), first.saved[1]);

  const second = setUp();
  assert.ok(second.tracker.restore(first.tracker.encode()));
  assert.deepEqual(second.told('c'), ['a', 'b']);
  assert.equal(second.announce('c')['downloaded'], 1);
  assert.match(String(reason(second.announce('a', { key: 'x' }))), /another key/);
});

test('a crowd that announces from ever new networks of one /48 does not push out the peers of others', () => {
  const { announce, told } = setUp({ maxPeers: 60, maxHostsOfSite: 8 });
  for (const name of ['a', 'b', 'c']) announce(name);
  announce('d', {}, '2001:db8:1:1::1');
  for (let number = 0; number < 500; number += 1) {
    const site = number % 2 === 0 ? '2001:db8:2' : '2001:db8:3';
    announce(`x${number}`, infoHash(number % 200), `${site}:${number.toString(16)}::1`);
  }
  assert.deepEqual(
    told('e', { numwant: 200 }).filter((name) => !name.startsWith('x')),
    ['a', 'b', 'c', 'd'],
  );
});
