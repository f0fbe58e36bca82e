import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DEFAULT_FETCH_OPTIONS,
  type HttpFetchOptions,
  type HttpFetchOutcome,
  httpFetch,
} from '../../../../src/discovery/http/http-fetch.js';
import { isExcepted } from '../../../../src/discovery/http/http-proxies.js';
import type { ProxyEvents } from '../../../../src/session/node-proxy.js';
import { openWayOut, type WayOutOptions } from '../../../../src/session/node-way-out.js';
import { blocklistOf } from '../../../support/blocklist-of.js';
import { CERTIFICATE } from '../../../support/fakes/certificate.js';
import { closedPort, serveHttp, serveHttps, serveTcp } from '../../../support/fakes/http-server.js';
import { serveHttpProxy, serveSocks5 } from '../../../support/fakes/proxy-server.js';
import { realTimers } from '../../../support/real-timers.js';
import { plainTarget } from '../../../support/sourced-url.js';

const DIRECT: WayOutOptions = { bind: null, caCertificates: null, proxy: null, httpProxies: null };

function fetchBy(
  way: Partial<WayOutOptions>,
  url: string,
  { source = 'user', ...options }: Partial<HttpFetchOptions> & { source?: 'user' | 'torrent-tracker' } = {},
): Promise<HttpFetchOutcome & { troubles: string[] }> {
  const troubles: string[] = [];
  const events: ProxyEvents = {
    troubled: (message) => troubles.push(message),
    recovered: (message) => troubles.push(message),
    carriesNoDatagrams: (message) => troubles.push(message),
  };
  const { bind, authorities, proxies } = openWayOut({ ...DIRECT, ...way }, null, events);
  const all = { ...DEFAULT_FETCH_OPTIONS, userAgent: 'btget/0', bind, authorities, proxies, ...options };
  return new Promise((resolve) =>
    httpFetch({ ...plainTarget(url), source }, all, realTimers, (outcome) => resolve({ ...outcome, troubles })),
  );
}

const text = (outcome: HttpFetchOutcome) =>
  outcome.ok ? outcome.body.toString() : `${outcome.code}: ${outcome.message}`;

test('by each kind of proxy a host is asked whose name the proxy alone knows', async (context) => {
  const names = { 'mirror.test': '127.0.0.1' };
  const host = await serveHttp(context, (request, response) => response.end(`${request.url} ${request.headers.host}`));
  const port = host.split(':')[1];
  const [socks, http] = [await serveSocks5(context, { names }), await serveHttpProxy(context, { names })];
  for (const proxy of [`socks5://${socks.place}`, `socks5h://${socks.place}`, `http://${http.place}`])
    assert.equal(text(await fetchBy({ proxy }, `http://mirror.test:${port}/a?b#c`)), `/a?b mirror.test:${port}`);
  assert.deepEqual(socks.asked, [`mirror.test:${port}`, `mirror.test:${port}`]);
  assert.deepEqual(http.asked, [`GET http://mirror.test:${port}/a?b`]);
});

test('by each kind of proxy the certificate of an https server is checked against the name in the URL', async (context) => {
  const names = { 'localhost.test': '127.0.0.1', '127.0.0.2': '127.0.0.1' };
  const host = await serveHttps(context, (_request, response) => response.end('content'));
  const port = host.split(':')[1];
  const [socks, http] = [await serveSocks5(context, { names }), await serveHttpProxy(context, { names })];
  for (const proxy of [`socks5://${socks.place}`, `http://${http.place}`]) {
    const way = { proxy, caCertificates: CERTIFICATE };
    assert.equal(text(await fetchBy(way, `https://localhost:${port}/`)), 'content');
    assert.match(text(await fetchBy(way, `https://localhost.test:${port}/`)), /its certificate is for localhost/);
    assert.match(text(await fetchBy(way, `https://127.0.0.2:${port}/`)), /not for 127.0.0.2/);
  }
  assert.deepEqual(http.asked.slice(0, 2), [`CONNECT 127.0.0.1:${port}`, `CONNECT localhost.test:${port}`]);
});

test('a proxy that wants a password gets it, and no message has it', async (context) => {
  const host = await serveHttp(context, (_request, response) => response.end('content'));
  for (const [serve, scheme] of [
    [serveSocks5, 'socks5'],
    [serveHttpProxy, 'http'],
  ] as const) {
    const { place } = await serve(context, { password: 'me:a:b@c' });
    assert.equal(text(await fetchBy({ proxy: `${scheme}://me:a%3Ab%40c@${place}` }, `http://${host}/`)), 'content');
    for (const wrong of ['me:secret@', '']) {
      const outcome = await fetchBy({ proxy: `${scheme}://${wrong}${place}` }, `http://${host}/`);
      const told = [text(outcome), ...outcome.troubles].join('\n');
      assert.match(told, wrong === '' ? /wants a user name and a password/ : /does not take the user name/);
      assert.ok(!told.includes('secret'), told);
    }
  }
});

test('status 401 of tinyproxy is the refusal of a wrong password, and that of a host is its own', async (context) => {
  const head = 'HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n';
  for (const [server, http, https] of [
    ['tinyproxy/1.11.1', /^unreachable: the proxy \S+ does not take the user name/, /does not take the user name/],
    ['nginx', /^status: HTTP status 401/, /does not take the user name/],
  ] as const) {
    const answer = `${head}Server: ${server}\r\n\r\n`;
    const place = await serveTcp(context, (socket) => socket.once('data', () => socket.end(answer)));
    const proxy = `http://me:secret@${place}`;
    const plain = await fetchBy({ proxy }, 'http://host.test/');
    assert.match(text(plain), http);
    assert.equal(plain.troubles.length, server === 'nginx' ? 0 : 1);
    // To CONNECT nobody but the proxy answers.
    assert.match(text(await fetchBy({ proxy }, 'https://host.test/')), https);
  }
});

test('a proxy that is not there is the fault of the proxy, and nothing is asked beside it', async (context) => {
  let requests = 0;
  const host = await serveHttp(context, (_request, response) => {
    requests += 1;
    response.end();
  });
  const silent = await serveTcp(context, () => undefined);
  const dead = `127.0.0.1:${await closedPort()}`;
  for (const [proxy, says] of [
    [`socks5://${dead}`, 'the connection was refused'],
    [`http://${dead}`, 'the connection was refused'],
    [`socks5://${silent}`, `by the proxy ${silent} in time`],
    ['socks5://proxy.invalid:1080', 'proxy.invalid is not looked up'],
  ] as const) {
    const way = { proxy, bind: '127.0.0.1' };
    const limit = proxy.endsWith(silent) ? { connectLimit: 300 } : {};
    const outcome = await fetchBy(way, `http://${host}/`, limit);
    assert.match(text(outcome), new RegExp(`^(unreachable|timeout|forbidden): .*${says}`));
  }
  assert.equal(requests, 0);
});

test('what the proxy does not reach is the fault of the host, and does not trouble the proxy', async (context) => {
  const socks = await serveSocks5(context);
  const outcome = await fetchBy({ proxy: `socks5://${socks.place}` }, 'http://unknown.test/');
  assert.equal(text(outcome), `unreachable: the proxy ${socks.place} cannot reach the host`);
  assert.deepEqual(outcome.troubles, []);
});

test('a stranger leads by a proxy neither to near addresses nor to names of private networks', async (context) => {
  const socks = await serveSocks5(context);
  const proxy = `socks5://${socks.place}`;
  for (const host of [
    '127.0.0.1',
    '10.0.0.1',
    '169.254.169.254',
    '[::1]',
    'router',
    'printer.local',
    'a.home.arpa',
    'localhost',
  ]) {
    const outcome = await fetchBy({ proxy }, `http://${host}:8080/announce?x=1`, { source: 'torrent-tracker' });
    assert.match(text(outcome), /^forbidden: /, host);
  }
  assert.deepEqual(socks.asked, []);
});

test('the blocklist holds for addresses that are asked by a proxy, and not for the proxy', async (context) => {
  const socks = await serveSocks5(context);
  const events = { troubled: () => undefined, recovered: () => undefined, carriesNoDatagrams: () => undefined };
  const way = { ...DIRECT, proxy: `socks5://${socks.place}` };
  const { proxies } = openWayOut(way, blocklistOf('192.0.2.0/24', '127.0.0.0/8'), events);
  const options = { ...DEFAULT_FETCH_OPTIONS, userAgent: 'btget/0', bind: null, proxies };
  const outcome = await new Promise<HttpFetchOutcome>((resolve) =>
    httpFetch(plainTarget('http://192.0.2.1/'), options, realTimers, resolve),
  );
  assert.equal(text(outcome), 'forbidden: 192.0.2.1 is on the blocklist');
});

test('proxies of the environment carry each scheme by its own, and leave out the hosts of NO_PROXY', async (context) => {
  const host = await serveHttp(context, (_request, response) => response.end('content'));
  const [first, second] = [await serveHttpProxy(context), await serveSocks5(context)];
  const httpProxies = { http: `http://${first.place}`, https: `socks5://${second.place}`, except: ['127.0.0.2'] };
  assert.equal(text(await fetchBy({ httpProxies }, `http://${host}/`)), 'content');
  await fetchBy({ httpProxies }, `https://${host}/`);
  assert.deepEqual([first.asked, second.asked], [[`GET http://${host}/`], [host]]);
  const other = await serveHttp(context, (_request, response) => response.end('straight'), '127.0.0.2');
  assert.equal(text(await fetchBy({ httpProxies }, `http://${other}/`)), 'straight');
  assert.equal(first.asked.length, 1);
});

test('a proxy of the environment that cannot be used fails the requests that it would carry, and no others', async (t) => {
  const host = await serveHttp(t, (_request, response) => response.end('content'));
  const unusable = { unusable: 'ALL_PROXY: no proxy' };
  const httpProxies = { http: unusable, https: unusable, except: ['127.0.0.2'] };
  assert.equal(text(await fetchBy({ httpProxies }, `http://${host}/`)), 'unreachable: ALL_PROXY: no proxy');
  assert.equal(text(await fetchBy({ httpProxies: { ...httpProxies, http: null } }, `http://${host}/`)), 'content');
  const other = await serveHttp(t, (_request, response) => response.end('straight'), '127.0.0.2');
  assert.equal(text(await fetchBy({ httpProxies }, `http://${other}/`)), 'straight');
});

test('an entry of NO_PROXY names a host, what is below it, an address, a network, and a port of them', () => {
  const rows: readonly (readonly [entry: string, url: string, isExcepted: boolean])[] = [
    ['*', 'http://a.test/', true],
    ['a.test', 'http://a.test/', true],
    ['A.Test', 'http://a.test/', true],
    ['.a.test', 'http://b.a.test/', true],
    ['.a.test', 'http://a.test/', true],
    ['*.a.test', 'http://b.a.test/', true],
    ['a.test', 'http://b.a.test/', true],
    ['a.test', 'http://ba.test/', false],
    ['a.test:80', 'http://a.test/', true],
    ['a.test:443', 'https://a.test/', true],
    ['a.test:81', 'http://a.test/', false],
    ['10.0.0.0/8', 'http://10.1.2.3/', true],
    ['10.0.0.0/8', 'http://11.1.2.3/', false],
    ['10.1.2.3', 'http://10.1.2.3:8080/', true],
    ['10.1.2.3:80', 'http://10.1.2.3:8080/', false],
    ['0.1.2.3', 'http://10.1.2.3/', false],
    ['::1', 'http://[::1]/', true],
    ['[::1]:80', 'http://[::1]/', true],
    ['[::1]:81', 'http://[::1]/', false],
    ['fd00::/8', 'http://[fd12::1]/', true],
    ['', 'http://a.test/', false],
    ['.', 'http://a.test/', false],
  ];
  for (const [entry, url, expected] of rows) assert.equal(isExcepted(entry, new URL(url)), expected, `${entry} ${url}`);
});
