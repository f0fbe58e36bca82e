import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type IpNetwork, parseIp, parseNetwork } from '../../../src/net/ip-address.js';
import {
  refusalOfAddress,
  refusalOfName,
  refusalOfStep,
  type UrlSource,
  type UrlStep,
} from '../../../src/net/url-rule.js';
import { hasCorpus, readCorpus } from '../../support/corpus.js';

/** The networks of this host: it is at 203.0.113.7, and each of them has public addresses. */
const ATTACHED: readonly IpNetwork[] = ['203.0.113.7/24', '2001:db8:7::7/64', '10.1.2.3/24'].map((text) => {
  return parseNetwork(text) ?? assert.fail(text);
});

function stepTo(source: UrlSource, text: string, redirect: UrlStep['redirect'] = null): UrlStep {
  const { protocol, port, pathname, search } = new URL(text);
  const known = protocol === 'https:' ? 443 : 80;
  return { source, port: port === '' ? known : Number(port), path: pathname, query: search, redirect };
}

/** 'ok' when the URL may lead to `address`, else the reason why it must not. */
function verdict(step: UrlStep, address: string): string {
  const ip = parseIp(address) ?? assert.fail(address);
  return refusalOfStep(step) ?? refusalOfAddress(step, ip, ATTACHED) ?? 'ok';
}

const WORLD = '198.51.100.1';
const NEAR = ['127.0.0.1', '::1', '10.9.9.9', '192.168.1.1', '172.16.0.1', '100.64.0.1', 'fd00::1'];
const OWN = ['203.0.113.7', '203.0.113.9', '2001:db8:7::7', '2001:db8:7::9'];
const LINK_LOCAL = ['169.254.1.1', 'fe80::1'];
const METADATA = ['169.254.169.254', '169.254.170.2', 'fd00:ec2::254', '100.100.100.200', '168.63.129.16'];
const WRAPPED = ['64:ff9b::7f00:1', '2002:7f00:1::', '::ffff:0:7f00:1', '2001::1', '64:ff9b:1::1', '::10.0.0.1'];
const NOWHERE = ['0.0.0.0', '::', '224.0.0.1', '255.255.255.255', 'ff02::1'];

/** What a URL of each source may reach. A new source does not compile before it has its row. */
const ENTRANCES: Readonly<
  Record<UrlSource, { readonly path: string; readonly query: string; readonly near: string; readonly port: string }>
> = {
  user: { path: 'ok', query: 'ok', near: 'ok', port: 'ok' },
  gateway: { path: 'ok', query: 'ok', near: 'ok', port: 'refused' },
  'torrent-tracker': { path: 'refused', query: 'refused', near: 'ok', port: 'refused' },
  'torrent-web-seed': { path: 'refused', query: 'refused', near: 'refused', port: 'refused' },
};
const SOURCES = Object.keys(ENTRANCES) as UrlSource[];

test('a URL reaches into our networks as far as the rule for its source allows', () => {
  for (const source of SOURCES) {
    const row = ENTRANCES[source];
    const seen = (url: string, address: string): string =>
      verdict(stepTo(source, url), address) === 'ok' ? 'ok' : 'refused';
    for (const address of [...NEAR, ...OWN]) {
      const at = `${source} ${address}`;
      assert.equal(seen('http://h:8080/announce', address), row.near, at);
      assert.equal(seen('http://h:8080/admin/reboot', address), row.path, at);
      assert.equal(seen('http://h:8080/announce?a=1', address), row.query, at);
    }
    for (const address of [WORLD, '2606:4700::1']) {
      assert.equal(seen('http://h/any/path?a=1', address), 'ok', source);
      for (const port of [6379, 11211, 25, 53, 22])
        assert.equal(seen(`http://h:${port}/announce`, address), row.port, `${source} ${port}`);
    }
    for (const address of NOWHERE) assert.equal(seen('http://h/announce', address), 'refused', `${source} ${address}`);
    for (const address of [...METADATA, ...WRAPPED, ...LINK_LOCAL]) {
      const expected = source === 'user' || (source === 'gateway' && LINK_LOCAL.includes(address)) ? 'ok' : 'refused';
      if (source !== 'gateway') assert.equal(seen('http://h/announce', address), expected, `${source} ${address}`);
    }
  }
});

test('a NAT64 address is judged by the IPv4 address within it', () => {
  for (const source of ['torrent-tracker', 'torrent-web-seed'] as const) {
    const seen = (path: string, address: string): string => verdict(stepTo(source, `http://h:8080${path}`), address);
    assert.equal(seen('/any/path?a=1', '64:ff9b::198.51.100.1'), 'ok', source);
    // Clouds have metadata services at public addresses, too.
    for (const within of ['168.63.129.16', '192.0.0.192'])
      assert.match(seen('/announce', `64:ff9b::${within}`), /metadata service/, `${source} ${within}`);
    for (const within of ['203.0.113.7', '203.0.113.9'])
      assert.match(seen('/announce?a=1', `64:ff9b::${within}`), /may name no/, `${source} ${within}`);
  }
});

test('the path of a tracker near us is /announce and nothing else, however it is spelled', () => {
  const seen = (path: string): string => verdict(stepTo('torrent-tracker', `http://h${path}`), '127.0.0.1');
  assert.equal(seen('/announce'), 'ok');
  assert.equal(seen('/a/../announce#x'), 'ok');
  for (const path of ['/', '/announce/', '/announce/x', '/announce.php', '/announcement', '/Announce', '/x/announce']) {
    assert.match(seen(path), /may name only \/announce there/, path);
  }
  for (const path of ['/announce/../admin', '/announce%2f..%2fadmin', '//announce', '/announce;x', '/scrape']) {
    assert.match(seen(path), /may name only \/announce there/, path);
  }
});

test('a udp tracker near us needs no path, and has no query', () => {
  const step: UrlStep = { source: 'torrent-tracker', port: 6969, path: '', query: '', redirect: null };
  assert.equal(verdict(step, '127.0.0.1'), 'ok');
  assert.equal(verdict({ ...step, path: '/announce' }, '127.0.0.1'), 'ok');
  assert.notEqual(verdict({ ...step, path: '/x' }, '127.0.0.1'), 'ok');
  assert.notEqual(verdict({ ...step, query: '?x' }, '127.0.0.1'), 'ok');
  assert.notEqual(verdict({ ...step, port: 11211 }, WORLD), 'ok');
});

test('a redirect leads no nearer to us than the server that sent it, whatever form the address has', () => {
  const from = (host: string): UrlStep['redirect'] => ({ host, query: '', isAtOrigin: false });
  for (const source of ['user', 'torrent-tracker', 'torrent-web-seed'] as const) {
    for (const address of [...NEAR, ...OWN, ...LINK_LOCAL, ...METADATA, ...WRAPPED, ...NOWHERE]) {
      const told = verdict(stepTo(source, 'http://h/announce', from(WORLD)), address);
      assert.notEqual(told, 'ok', `${source} ${address}`);
    }
    assert.equal(verdict(stepTo(source, 'http://h/any?a=1', from(WORLD)), '8.8.8.8'), 'ok');
    const isNearAllowed = verdict(stepTo(source, 'http://h/announce', from('192.168.1.1')), '10.0.0.1') === 'ok';
    assert.equal(isNearAllowed, source !== 'torrent-web-seed', source);
    assert.notEqual(verdict(stepTo(source, 'http://h/announce', from('192.168.1.1')), '127.0.0.1'), 'ok');
    assert.notEqual(verdict(stepTo(source, 'http://h:6379/announce', from('127.0.0.1')), '127.0.0.1'), 'ok');
    for (const address of METADATA)
      assert.notEqual(verdict(stepTo(source, 'http://h/announce', from('127.0.0.1')), address), 'ok', address);
  }
  // A server at a public address of ours is open to the world, so a redirect from there leads only to itself.
  assert.equal(verdict(stepTo('user', 'http://h/b?a=1', from('203.0.113.7')), '203.0.113.7'), 'ok');
  for (const address of ['127.0.0.1', '10.1.2.3', '203.0.113.9'])
    assert.notEqual(verdict(stepTo('user', 'http://h/', from('203.0.113.7')), address), 'ok', address);
});

test('a redirect that stays where the user led us may go to any port, and no other one may', () => {
  for (const port of [22, 6379, 9200])
    for (const host of [WORLD, '127.0.0.1']) {
      const seen = (source: UrlSource, isAtOrigin: boolean): string =>
        verdict(stepTo(source, `http://h:${port}/b`, { host, query: '', isAtOrigin }), host);
      const refusal = `a redirect to port ${port} is not followed: it is that of another kind of service`;
      assert.equal(seen('user', true), 'ok');
      assert.equal(seen('user', false), refusal);
      for (const source of SOURCES.filter((each) => each !== 'user')) assert.equal(seen(source, true), refusal, source);
    }
});

test('a redirect that stays where the user led us is judged by its address as any other one', () => {
  const seen = (address: string): string =>
    verdict(stepTo('user', 'http://h:9200/b', { host: WORLD, query: '', isAtOrigin: true }), address);
  assert.equal(seen('8.8.8.8'), 'ok');
  for (const address of [...NEAR, ...OWN, ...LINK_LOCAL, ...METADATA, ...WRAPPED, ...NOWHERE])
    assert.notEqual(seen(address), 'ok', address);
});

test('a name of a private network is for the user, and for a redirect that stays where the user led us', () => {
  const seen = (source: UrlSource, redirect: UrlStep['redirect']): boolean =>
    refusalOfName(stepTo(source, 'http://nas.lan/b', redirect), 'nas.lan') === null;
  const redirect = { host: 'nas.lan', query: '' };
  assert.equal(seen('user', null), true);
  assert.equal(seen('user', { ...redirect, isAtOrigin: true }), true);
  assert.equal(seen('user', { ...redirect, isAtOrigin: false }), false);
  assert.equal(seen('torrent-tracker', null), false);
  assert.equal(seen('torrent-tracker', { ...redirect, isAtOrigin: true }), false);
});

test('a redirect to a place near us may repeat the query that we sent, and have no other', () => {
  const redirect = { host: '192.168.1.2', query: '?info_hash=x&left=1', isAtOrigin: false };
  const seen = (url: string): string => verdict(stepTo('torrent-tracker', url, redirect), '192.168.1.1');
  assert.equal(seen('https://h/announce?info_hash=x&left=1'), 'ok');
  assert.equal(seen('https://h/scrape'), 'ok');
  assert.notEqual(seen('https://h/announce?info_hash=x&left=2'), 'ok');
  assert.notEqual(seen('https://h/admin?info_hash=x&left=1'), 'ok');
});

test('a query with a key of our announce is refused when a torrent names it, whatever its case and escapes', () => {
  const seen = (query: string): string => verdict(stepTo('torrent-tracker', `http://h/a?${query}`), WORLD);
  for (const key of ['info_hash', 'peer_id', 'port', 'uploaded', 'downloaded', 'left', 'event', 'compact', 'numwant'])
    assert.match(seen(`${key}=1`), /ours to say/, key);
  for (const key of ['key', 'ip', 'ipv6', 'trackerid', 'supportcrypto', 'iNfO_hAsH', '%69p', '%2569p', ' ip', 'a;ip'])
    assert.equal(/ours to say/.test(seen(`x=1&${key}=1`)), key !== '%2569p', key);
  assert.equal(seen('passkey=1&authkey=2&x=port'), 'ok');
  assert.equal(verdict(stepTo('user', 'http://h/a?ip=192.0.2.1'), WORLD), 'ok');
});

test('a gateway may serve its description at the port of SSDP, as some do', () => {
  assert.equal(verdict(stepTo('gateway', 'http://h:1900/igd.xml'), '192.168.1.1'), 'ok');
  assert.notEqual(verdict(stepTo('torrent-tracker', 'http://h:1900/announce'), WORLD), 'ok');
});

interface SsrfVectors {
  readonly tracker: readonly { readonly url: string; readonly request_sent: boolean }[];
  readonly web_seed: readonly { readonly url?: string; readonly redirect?: readonly string[]; readonly ok: boolean }[];
}

/** The other client's cases name addresses by words. */
const PLACES: Readonly<Record<string, readonly [address: string, query: string]>> = {
  global: [WORLD, ''],
  'global?query': [WORLD, '?query'],
  local: ['192.168.1.14', ''],
  'local?query': ['192.168.1.14', '?query'],
  'host resolving to local': ['192.168.1.13', ''],
  '192.168.1.13': ['192.168.1.13', ''],
};

test('we allow no URL that libtorrent refuses, and refuse one that it allows only for a web seed near us', () => {
  if (!hasCorpus('vectors of requests into our own network')) return;
  const { ssrf } = JSON.parse(readCorpus('vectors/more-vectors.json').toString()) as { readonly ssrf: SsrfVectors };
  for (const { url, request_sent } of ssrf.tracker) {
    const host = new URL(url).hostname.replace(/^\[(.*)\]$/, '$1');
    const address = host === 'localhost' ? '127.0.0.1' : host === 'tracker.com' ? WORLD : host;
    assert.equal(verdict(stepTo('torrent-tracker', url), address) === 'ok', request_sent, url);
  }
  for (const { url, redirect, ok } of ssrf.web_seed) {
    if (url !== undefined) {
      const step = url.startsWith('http')
        ? stepTo('torrent-web-seed', url)
        : stepTo('torrent-web-seed', 'http://h/1?q');
      assert.notEqual(verdict(step, '192.168.1.13'), 'ok', url);
      continue;
    }
    const [from, to] = (redirect ?? []).map((place) => PLACES[place] ?? assert.fail(place));
    assert.ok(from !== undefined && to !== undefined);
    const step = stepTo('torrent-web-seed', `http://h/1${to[1]}`, { host: from[0], query: from[1], isAtOrigin: false });
    assert.equal(verdict(step, to[0]) === 'ok', ok && to[0] === WORLD, String(redirect));
  }
});
