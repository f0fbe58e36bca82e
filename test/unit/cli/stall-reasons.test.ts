import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BtgetError } from '../../../src/base/failure.js';
import {
  dhtNews,
  gaveUp,
  type StallFacts,
  stallReasons,
  type UserLimits,
} from '../../../src/cli/output/stall-reasons.js';
import type { TrackerAnswer } from '../../../src/discovery/trackers/rerequester.js';
import { TRACKER_ANSWER, TRACKER_REFUSAL } from '../../support/fakes/fake-tracker.js';
import { makeStatus } from './support/fake-session.js';

const failing: TrackerAnswer = { ...TRACKER_REFUSAL, url: 'http://u/' };
const NO_PROXIES = { proxy: null, httpProxies: null };
const NO_LIMITS: UserLimits = { maxDownload: null, maxPeers: 80, encryption: 'allow', proxies: NO_PROXIES };

type Changes = Omit<Partial<StallFacts>, 'status'> & { readonly status?: Parameters<typeof makeStatus>[0] };

function reasons({ status = {}, ...more }: Changes) {
  const facts = {
    trackers: { some: true, reports: [TRACKER_ANSWER] },
    dht: { use: 'off' },
    limits: NO_LIMITS,
    proxyTrouble: null,
    ...more,
  } as const;
  return stallReasons({ ...facts, status: makeStatus({ state: 'stalled', ...status }) });
}

const codes = (changes: Changes): string =>
  reasons(changes)
    .map(({ code }) => code)
    .join();
const trackers = (...reports: TrackerAnswer[]) => ({ some: true, reports });
const dht = (nodes: number, routersReached = 0, more: object = {}) =>
  ({ use: 'on', nodes, routersAsked: 4, routersReached, routersUnknown: 0, ...more }) as const;
const NO_TRACKERS = { some: false, reports: [] };
const reach = { waiting: 1, dialled: 6, answered: 0, refused: 2, silent: 3, turnedAway: 1 };

test('without a peer the reasons tell what became of the dials, the trackers and the DHT', () => {
  const rows: readonly [Changes, string][] = [
    [{ trackers: trackers() }, 'trackers-silent,dht-off'],
    [{ trackers: trackers(failing) }, 'trackers-failing,dht-off'],
    [{ trackers: trackers(failing), proxyTrouble: 'the proxy is dead' }, 'proxy,trackers-failing,dht-off'],
    [{ trackers: trackers(TRACKER_ANSWER) }, 'no-peers,dht-off'],
    [{ trackers: trackers(TRACKER_ANSWER, failing) }, 'no-peers,dht-off,trackers-failing'],
    [{ trackers: NO_TRACKERS }, 'no-trackers,dht-off'],
    [{ trackers: NO_TRACKERS, dht: { use: 'private' } }, 'no-trackers,private'],
    [{ trackers: NO_TRACKERS, dht: dht(0) }, 'dht-unreached,no-trackers'],
    [{ trackers: NO_TRACKERS, dht: dht(9), status: { reach } }, 'peers-unreachable,dht-no-peers,no-trackers'],
    [{ trackers: NO_TRACKERS, dht: dht(0, 0, { routersAsked: 0 }) }, 'no-trackers,dht-unreached'],
    [{ trackers: trackers(), dht: dht(0) }, 'trackers-silent,dht-unreached'],
    [{ dht: { use: 'private' } }, 'no-peers,private'],
    [{ dht: dht(0) }, 'no-peers,dht-unreached'],
    [{ dht: dht(30, 4) }, 'no-peers,dht-no-peers'],
    [{ status: { webSeeds: { known: 2, inUse: 0, received: 0, fault: 'no' } } }, 'web-seeds-failing,no-peers,dht-off'],
    [{ status: { reach } }, 'peers-unreachable,dht-off'],
    [{ status: { reach: { ...reach, dialled: 0 } } }, 'dht-off'],
  ];
  for (const [changes, expected] of rows) assert.equal(codes(changes), expected);
});

test('with peers the reasons tell whether they have missing pieces, and whether they serve us', () => {
  const rows: readonly [Changes, string][] = [
    [{ status: { peers: 2, seeds: 1, useful: 1 } }, 'choked'],
    [{ status: { peers: 2, useful: 2 } }, 'choked,no-seeds'],
    [{ status: { peers: 2 } }, 'peers-lack-pieces,no-seeds'],
    [
      { status: { peers: 2, seeds: 1, useful: 1, unchokedBy: 1 }, trackers: trackers(failing) },
      'nothing-sent,trackers-failing',
    ],
    [{ status: { peers: 2, useful: 2, seeds: 2, reach } }, 'choked,peers-unreachable'],
  ];
  for (const [changes, expected] of rows) assert.equal(codes(changes), expected);
});

test('a limit of the user or a failure of the disk comes first', () => {
  const limits = (more: object) => ({ ...NO_LIMITS, ...more });
  assert.equal(codes({ limits: limits({ maxDownload: 100 }) }), 'limited,no-peers,dht-off');
  assert.equal(codes({ limits: limits({ maxDownload: 100_000 }) }), 'no-peers,dht-off');
  assert.equal(codes({ limits: limits({ maxPeers: 2 }), status: { peers: 2, useful: 1, seeds: 1 } }), 'limited,choked');
  assert.equal(codes({ status: { diskFailure: new BtgetError('disk-full', 'no space left') } }), 'disk-paused');
});

test('what the limit holds back is nobody else’s fault', () => {
  const held = {
    limits: { ...NO_LIMITS, maxDownload: 20_480 },
    trackers: trackers(failing),
    status: { limited: true, webSeeds: { known: 1, inUse: 1, received: 9, fault: null } },
  };
  const message = '--max-download holds it back: it lets 20 KiB/s through';
  assert.deepEqual(reasons(held), [{ code: 'limited', message, hint: 'raise --max-download' }]);
});

test('where peers hang up and the user lets us dial in one way alone, that is the likeliest reason', () => {
  const said = (encryption: UserLimits['encryption']): string | undefined =>
    reasons({ limits: { ...NO_LIMITS, encryption }, status: { reach } }).find(({ code }) => code === 'encryption')
      ?.message;
  assert.match(said('off') ?? '', /^1 dial ended by the peer before it answered: .*--encryption off/);
  assert.match(said('require') ?? '', /^1 dial ended by the peer before it answered: .*--encryption requires/);
  assert.deepEqual([said('allow'), said('prefer')], [undefined, undefined]);
  assert.equal(codes({ limits: { ...NO_LIMITS, encryption: 'off' }, status: { reach } }).split(',')[0], 'encryption');
});

test('the sentences name the failing trackers and the numbers', () => {
  const said = (changes: Changes): string =>
    reasons(changes)
      .map(({ message }) => message)
      .join('; ');
  assert.equal(
    said({ status: { reach }, dht: dht(0, 1) }),
    '6 dials to peers: 3 silent, 2 refused, 1 hung up, 1 to be tried again; no node of the DHT answers, 1 of 4 routers reached',
  );
  assert.equal(
    said({ trackers: trackers(...Array.from({ length: 5 }, () => failing)) }),
    '5 trackers failing: http://u/: unregistered; http://u/: unregistered; http://u/: unregistered, and 2 more; the DHT is switched off',
  );
});

test('metadata that does not fit the link comes first, and peers that were reached are not called unreachable', () => {
  const link = { state: 'metadata', length: 0, falseMetadata: 1 } as const;
  const gone = { waiting: 0, dialled: 1, answered: 1, refused: 0, silent: 0, turnedAway: 0 };
  const said = (status: Changes['status'] = {}): unknown =>
    reasons({ status })
      .slice(0, 2)
      .map(({ code, message, hint }) => `${code}: ${message} (${hint})`);
  const mixed = 'where the link has two info-hashes, they may be those of two torrents';
  assert.deepEqual(said({ ...link, reach: gone }), [
    `no-metadata: 1 peer gave metadata that does not fit the link (${mixed})`,
    'peers-unreachable: 1 dial to peers: 1 reached, and parted from (null)',
  ]);
  assert.deepEqual(said({ ...link, falseMetadata: 3, peers: 2, reach: gone }), [
    `no-metadata: 3 peers gave metadata that does not fit the link; 2 peers connected, none has given the metadata yet (${mixed})`,
  ]);
  assert.deepEqual(said({ reach: { ...reach, dialled: 8, answered: 2 } }), [
    'peers-unreachable: 8 dials to peers: 2 reached, and parted from, 3 silent, 2 refused, 1 hung up, 1 to be tried again (btget doctor says what works from here)',
    'dht-off: the DHT is switched off (null)',
  ]);
});

test('what the user can do stands apart from the reason', () => {
  const rows: readonly [Changes, string, string | null][] = [
    [{ trackers: NO_TRACKERS }, 'no-trackers', '--tracker and --peer name some'],
    [{ dht: dht(0) }, 'dht-unreached', 'a firewall may hold UDP back'],
    [{ dht: dht(0, 0, { routersUnknown: 4 }) }, 'dht-unreached', 'look at the name servers of this machine'],
    [{ dht: dht(0, 0, { routersAsked: 0 }) }, 'dht-unreached', '--dht-node names a node to begin with'],
    [{ limits: { ...NO_LIMITS, maxDownload: 100 } }, 'limited', 'raise --max-download'],
    [{ trackers: trackers() }, 'trackers-silent', null],
    [{ status: { diskFailure: new BtgetError('io', 'no', { hint: 'look' }) } }, 'disk-paused', 'look'],
  ];
  for (const [changes, code, hint] of rows) {
    const found = reasons(changes).find((each) => each.code === code);
    assert.equal(found?.hint, hint);
    assert.ok(hint === null || !found?.message.includes(hint));
  }
});

test('where a proxy is to blame, the user hears how to do without it or to look at it', () => {
  const dead = 'the proxy 127.0.0.1:9: the connection was refused';
  const webSeeds = { known: 1, inUse: 0, received: 0, fault: `web seed http://w/a: ${dead}` };
  const hints = (proxies: UserLimits['proxies'], fault = webSeeds.fault, message = dead): unknown =>
    reasons({
      status: { webSeeds: { ...webSeeds, fault } },
      trackers: trackers({ ...failing, message }, failing),
      limits: { ...NO_LIMITS, proxies },
    })
      .slice(0, 2)
      .map(({ code, hint }) => `${code}: ${hint}`);
  const by = (http: string | null, https: string | null = null) => ({
    proxy: null,
    httpProxies: { http, https, except: [] },
  });
  const other = ['web-seeds-failing: --web-seed names another one', 'trackers-failing: null'];
  const without = ['web-seeds-failing: --no-proxy does without it', 'trackers-failing: --no-proxy does without it'];
  const look = 'btget doctor --proxy URL looks at the proxy';
  assert.deepEqual(hints(by('http://me:secret@127.0.0.1:9')), without);
  assert.deepEqual(hints(by(null, 'socks5://127.0.0.1:9')), without);
  assert.deepEqual(hints(by('http://127.0.0.1:8')), other);
  assert.deepEqual(hints(NO_PROXIES), other);
  assert.deepEqual(hints({ proxy: 'socks5://127.0.0.1:9', httpProxies: null }), [
    `web-seeds-failing: ${look}`,
    `trackers-failing: ${look}`,
  ]);
  const unusable = 'http_proxy: ftp:// is no proxy; --no-proxy does without it';
  const itself = ['web-seeds-failing: null', 'trackers-failing: null'];
  assert.deepEqual(hints(by(null), unusable, unusable), itself);
});

test('an end of patience is one line with the likeliest reason and what to do', () => {
  const { message, hint } = gaveUp('nothing came for 5s', reasons({ trackers: NO_TRACKERS, dht: dht(0) })[0], 'go on');
  assert.equal(message, 'gave up: nothing came for 5s: no node of the DHT answers, 0 of 4 routers reached');
  assert.equal(hint, 'a firewall may hold UDP back; go on');
  const unknown = gaveUp('x', undefined, 'go on');
  assert.deepEqual([unknown.message, unknown.hint], ['gave up: x', 'go on']);
  assert.equal(gaveUp('x', undefined, null).hint, null);
});

test('no reason tells the passkey of a tracker', () => {
  const url = 'http://u/0123456789abcdef0123456789abcdef/announce?passkey=hunter22';
  const said = reasons({ trackers: trackers({ ...failing, url, message: `no answer of ${url}` }) });
  assert.match(said[0]?.message ?? '', /failing: http:\/\/u\//);
  assert.doesNotMatch(JSON.stringify(said), /hunter22|0123456789abcdef0123456789abcdef/);
});

test('a single web seed is not counted, and of several none gives what is missing', () => {
  const said = (known: number): string | undefined =>
    reasons({ status: { webSeeds: { known, inUse: 0, received: 0, fault: 'no' } } })[0]?.message;
  assert.equal(said(1), 'the web seed does not give what is missing here; the last fault: no');
  assert.equal(said(2), 'none of 2 web seeds gives what is missing here; the last fault: no');
});

test('the news of the DHT sum up its families and routers', () => {
  assert.deepEqual(dhtNews(null), { use: 'off' });
  const family = { externalHost: null, sent: 0, received: 0, stored: { torrents: 0, peers: 0 } };
  const status = {
    families: [
      { family: 4, good: 5, questionable: 2, ...family },
      { family: 6, good: 1, questionable: 0, ...family },
    ],
    routers: [
      { host: 'a', port: 1, state: 'reached' },
      { host: 'b', port: 1, state: 'silent' },
      { host: 'c', port: 1, state: 'unknown' },
    ],
  } as const;
  const expected = { use: 'on', nodes: 8, routersAsked: 3, routersReached: 1, routersUnknown: 1 };
  assert.deepEqual(dhtNews(status), expected);
});
