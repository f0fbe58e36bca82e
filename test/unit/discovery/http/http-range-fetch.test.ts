import assert from 'node:assert/strict';
import type { IncomingMessage, RequestListener } from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import type { Timers } from '../../../../src/base/clock.js';
import { SecretUrl } from '../../../../src/base/secret-url.js';
import { findDestinations } from '../../../../src/discovery/http/http-destination.js';
import {
  DEFAULT_RANGE_FETCH_OPTIONS,
  HttpRangeFetcher,
  type RangeFetchOptions,
} from '../../../../src/discovery/http/http-range-fetch.js';
import { Authorities } from '../../../../src/discovery/http/http-tls.js';
import { NodeTimers } from '../../../../src/net/node-timers.js';
import type { UrlSource } from '../../../../src/net/url-rule.js';
import { UNHEARD } from '../../../../src/session/node-proxy.js';
import { openWayOut } from '../../../../src/session/node-way-out.js';
import { CERTIFICATE } from '../../../support/fakes/certificate.js';
import { closedPort, serveHttp, serveHttps, serveTcp } from '../../../support/fakes/http-server.js';
import { serveHttpProxy, serveSocks5 } from '../../../support/fakes/proxy-server.js';
import { HANGS_AFTER } from '../../../support/hang.js';
import { Timeline } from '../../../support/simulation/timeline.js';

const CONTENT = Buffer.from('0123456789'.repeat(10));

/** An honest server of one file. */
const honest: RequestListener = (request, response) => {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
  const body = CONTENT.subarray(Number(first), Number(last) + 1);
  response.writeHead(206, { 'Content-Range': `bytes ${first}-${last}/100`, 'Content-Length': body.length }).end(body);
};

class Fetching {
  readonly #fetcher: HttpRangeFetcher;
  readonly #timers = new NodeTimers();

  constructor(t: TestContext, options: Partial<RangeFetchOptions> = {}) {
    this.#fetcher = new HttpRangeFetcher({
      ...DEFAULT_RANGE_FETCH_OPTIONS,
      ...{ userAgent: 'btget/test', bind: { ipv4: '127.0.0.1' }, authorities: null },
      ...options,
    });
    t.after(() => this.#fetcher.close());
  }

  /** What became of a fetch: its status, its bytes and its end. */
  get(url: string, begin = 0, end = 10, source: UrlSource = 'user', timers: Timers = this.#timers): Promise<string> {
    return new Promise((resolve) => {
      let status = 0;
      let body = '';
      this.#fetcher.fetch({ url: new SecretUrl(url), source, begin, end }, timers, {
        gotHead: (head) => {
          status = head.status;
        },
        gotData: (bytes) => {
          body += bytes.toString('latin1');
        },
        ended: ({ kind, message }) => resolve(kind === 'whole' ? `${status} ${body}` : `${kind}: ${message}`),
      });
    });
  }
}

/** A server that redirects everything to `location`. */
const redirect = (t: TestContext, location: string): Promise<string> =>
  serveHttp(t, (_request, response) => response.writeHead(302, { Location: location }).end());

describe('a fetch of a range', { timeout: HANGS_AFTER }, () => {
  it('asks for the range, unpacked, in our name, and keeps the connection', async (t) => {
    const seen: string[] = [];
    let connections = 0;
    const host = await serveHttp(t, (request, response) => {
      if (request.socket.bytesWritten === 0) connections += 1;
      seen.push([request.headers.range, request.headers['accept-encoding'], request.headers['user-agent']].join());
      honest(request, response);
    });
    const fetching = new Fetching(t);
    assert.equal(await fetching.get(`http://${host}/f`), '206 0123456789');
    assert.equal(await fetching.get(`http://${host}/f`, 95, 100), '206 56789');
    assert.deepEqual(seen, ['bytes=0-9,identity,btget/test', 'bytes=95-99,identity,btget/test']);
    assert.equal(connections, 1);
  });

  it('follows redirects, remembers where they led, and asks anew when the file is there no more', async (t) => {
    let isGone = false;
    const end = await serveHttp(t, (request, response) => {
      if (isGone) response.writeHead(403).end();
      else honest(request, response);
    });
    const other = await serveHttp(t, honest);
    let asked = 0;
    const front = await serveHttp(t, (_request, response) => {
      asked += 1;
      response.writeHead(307, { Location: `http://${isGone ? other : end}/f` }).end();
    });
    const fetching = new Fetching(t);
    for (let turn = 0; turn < 3; turn += 1) assert.equal(await fetching.get(`http://${front}/`), '206 0123456789');
    assert.equal(asked, 1);
    isGone = true;
    assert.equal(await fetching.get(`http://${front}/`), '206 0123456789');
    assert.equal(asked, 2);
  });

  it('follows a redirect with bytes beyond ASCII to just these bytes, be they UTF-8 or not', async (t) => {
    const seen: (string | undefined)[] = [];
    const host = await serveHttp(t, (request, response) => {
      if (request.url === '/utf8') response.writeHead(302, { Location: Buffer.from('/Café').toString('latin1') }).end();
      else if (request.url === '/latin1') response.writeHead(302, { Location: '/Caf\xe9' }).end();
      else {
        seen.push(request.url);
        honest(request, response);
      }
    });
    for (const path of ['utf8', 'latin1'])
      assert.equal(await new Fetching(t).get(`http://${host}/${path}`), '206 0123456789');
    assert.deepEqual(seen, ['/Caf%C3%A9', '/Caf%E9']);
  });

  it('knows whether redirects have left the origin of the url, also where it remembers the place', async (t) => {
    const steps: Record<string, string> = {};
    const host = await serveHttp(t, (request, response) => {
      const location = steps[request.url ?? ''];
      if (location === undefined) honest(request, response);
      else response.writeHead(302, { Location: location }).end();
    });
    const other = await redirect(t, `http://${host}/a`);
    Object.assign(steps, { '/a': '/b', '/b': '/c', '/away': `http://${other}/` });
    const log: unknown[] = [];
    const find: typeof findDestinations = (name, bind, step, answered) => {
      log.push(step.redirect?.isAtOrigin);
      return findDestinations(name, bind, step, answered);
    };
    const fetching = new Fetching(t, { findDestinations: find });
    for (const [path, ...expected] of [
      ['a', undefined, true, true, true],
      ['away', undefined, false, false, false, false, false],
    ]) {
      for (let turn = 0; turn < 2; turn += 1)
        assert.equal(await fetching.get(`http://${host}/${path}`), '206 0123456789');
      assert.deepEqual(log.splice(0), expected);
    }
  });

  it('gives a password to its own server alone, and shows it to nobody', async (t) => {
    const seen: (string | undefined)[] = [];
    const other = await serveHttp(t, (request, response) => {
      seen.push(request.headers.authorization);
      honest(request, response);
    });
    const own = await serveHttp(t, (request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(302, { Location: request.url === '/a' ? '/b' : `http://${other}/c` }).end();
    });
    assert.equal(await new Fetching(t).get(`http://user:secret99@${own}/a`), '206 0123456789');
    const basic = `Basic ${Buffer.from('user:secret99').toString('base64')}`;
    assert.deepEqual(seen, [basic, basic, undefined]);
    const failed = await new Fetching(t).get(`http://user:secret99@127.0.0.1:${await closedPort()}/`);
    assert.match(failed, /^unreachable: /);
    assert.doesNotMatch(failed, /secret99/);
  });

  it('gives the cookie of a redirect back to the host that set it, in that fetch alone', async (t) => {
    const seen: string[] = [];
    const note = (request: IncomingMessage): void => {
      seen.push(`${request.url} ${request.headers.cookie}`);
    };
    const other = await serveHttp(
      t,
      (request, response) => {
        note(request);
        honest(request, response);
      },
      '127.0.0.2',
    );
    const host = await serveHttp(t, (request, response) => {
      note(request);
      const isKnown = request.headers.cookie === 'seen=1';
      if (!isKnown) response.writeHead(302, { Location: request.url, 'Set-Cookie': 'seen=1; Path=/' }).end();
      else if (request.url === '/away') response.writeHead(302, { Location: `http://${other}/there` }).end();
      else honest(request, response);
    });
    const fetching = new Fetching(t);
    for (let turn = 0; turn < 2; turn += 1) {
      assert.equal(await fetching.get(`http://${host}/f`), '206 0123456789');
      assert.deepEqual(seen.splice(0), ['/f undefined', '/f seen=1']);
    }
    assert.equal(await fetching.get(`http://${host}/away`), '206 0123456789');
    assert.deepEqual(seen.splice(0), ['/away undefined', '/away seen=1', '/there undefined']);
    assert.equal(await fetching.get(`http://${host}/away`), '206 0123456789');
    assert.deepEqual(seen, ['/there undefined']);
  });

  it('does not remember a place that gives the file only with a cookie', async (t) => {
    const seen: string[] = [];
    const host = await serveHttp(t, (request, response) => {
      seen.push(`${request.url} ${request.headers.cookie}`);
      if (request.url === '/') response.writeHead(302, { Location: '/f', 'Set-Cookie': 'seen=1' }).end();
      else if (request.headers.cookie === 'seen=1') honest(request, response);
      else response.end('a page to log in');
    });
    const fetching = new Fetching(t);
    for (let turn = 0; turn < 2; turn += 1) assert.equal(await fetching.get(`http://${host}/`), '206 0123456789');
    assert.deepEqual(seen, ['/ undefined', '/f seen=1', '/ undefined', '/f seen=1']);
  });

  it('ends a ring of redirects, and follows none from https to http', async (t) => {
    const ring = await serveHttp(t, (request, response) =>
      response.writeHead(302, { Location: `${request.url}x` }).end(),
    );
    assert.match(await new Fetching(t).get(`http://${ring}/`), /^bad-answer: more than 5 redirects/);
    const plain = await serveHttp(t, honest);
    const secure = await serveHttps(t, (_request, response) =>
      response.writeHead(302, { Location: `http://${plain}/` }).end(),
    );
    const fetching = new Fetching(t, { authorities: new Authorities(CERTIFICATE) });
    assert.equal(await fetching.get(`https://${secure}/`), 'forbidden: redirected from https to http');
  });

  it('over https wants a certificate that it trusts', async (t) => {
    const host = await serveHttps(t, honest);
    assert.match(await new Fetching(t).get(`https://${host}/`), /^unreachable: its certificate is self-signed/);
    const fetching = new Fetching(t, { authorities: new Authorities(CERTIFICATE) });
    assert.equal(await fetching.get(`https://${host}/`), '206 0123456789');
  });

  it('of a torrent does not lead into our network, not by a redirect either', async (t) => {
    const host = await serveHttp(t, honest);
    const fetching = new Fetching(t);
    assert.match(await fetching.get(`http://${host}/`, 0, 10, 'torrent-web-seed'), /^forbidden: .*--web-seed/);
    // The first server counts as one of the world, which is served from here.
    const front = await redirect(t, `http://${host}/`);
    const world: typeof findDestinations = (name, bind, step, answered) => {
      if (step.redirect !== null) return findDestinations(name, bind, step, answered);
      answered({ ok: true, destinations: [{ host: '127.0.0.1', localAddress: undefined, by: null }] });
      return { cancel: () => undefined };
    };
    const outcome = await new Fetching(t, { findDestinations: world }).get(
      `http://${front}/`,
      0,
      10,
      'torrent-web-seed',
    );
    assert.match(outcome, /^forbidden: .*this machine/);
  });

  for (const [kind, serve] of [
    ['socks5', serveSocks5],
    ['http', serveHttpProxy],
  ] as const)
    it(`goes by a proxy that looks the name up, several times over one connection: ${kind}`, async (t) => {
      const names = { 'mirror.test': '127.0.0.1' };
      const [plain, secure] = [await serveHttp(t, honest), await serveHttps(t, honest)];
      const { place, asked } = await serve(t, { names, password: 'me:word' });
      const fetchingBy = (proxy: string): Fetching => {
        const way = { bind: '127.0.0.1', caCertificates: CERTIFICATE, proxy, httpProxies: null };
        const { authorities, proxies } = openWayOut(way, null, UNHEARD);
        return new Fetching(t, { authorities, proxies });
      };
      const fetching = fetchingBy(`${kind}://me:word@${place}`);
      const url = `http://mirror.test:${plain.split(':')[1]}/`;
      for (const begin of [0, 10, 20]) assert.equal(await fetching.get(url, begin, begin + 10), '206 0123456789');
      assert.equal(await fetching.get(`https://${secure}/`), '206 0123456789');
      assert.equal(asked.length, 2);
      const refused = await fetchingBy(`${kind}://me:wrong@${place}`).get(url);
      assert.equal(refused, `no-proxy: the proxy ${place} does not take the user name and the password`);
    });

  it('blames the proxy for what is the fault of the proxy, and nobody else', async (t) => {
    const closed = await closedPort();
    const mute = await serveTcp(t, () => undefined);
    const unlike = await serveTcp(t, (socket) => socket.end('220 ftp here\r\n'));
    const refusing = await serveSocks5(t, { refusal: 5 });
    const rows: readonly [proxy: string, expected: RegExp][] = [
      [`socks5://127.0.0.1:${closed}`, /^no-proxy: the proxy 127\.0\.0\.1:\d+: the connection was refused$/],
      [`http://127.0.0.1:${closed}`, /^no-proxy: the proxy 127\.0\.0\.1:\d+: the connection was refused$/],
      [`socks5://${unlike}`, /^no-proxy: the proxy 127\.0\.0\.1:\d+ does not answer as a SOCKS5 proxy does$/],
      [`socks5://${refusing.place}`, /^unreachable: the proxy /],
      // It may wait for the server.
      [`socks5://${mute}`, /^unreachable: no answer from 192\.0\.2\.1 in time$/],
    ];
    for (const [proxy, expected] of rows) {
      const way = { bind: '127.0.0.1', caCertificates: null, proxy, httpProxies: null };
      const { proxies } = openWayOut(way, null, UNHEARD);
      const limit = proxy.endsWith(mute) ? { headLimit: 300 } : {};
      assert.match(await new Fetching(t, { proxies, ...limit }).get('http://192.0.2.1/'), expected, proxy);
    }
  });

  it('blames a proxy that does not take the connection in time', (t) => {
    const troubles: string[] = [];
    const events = { ...UNHEARD, troubled: (message: string) => troubles.push(message) };
    const way = { bind: '127.0.0.1', caCertificates: null, proxy: 'socks5://127.0.0.1:9', httpProxies: null };
    const { proxies } = openWayOut(way, null, events);
    const files = new HttpRangeFetcher({
      ...DEFAULT_RANGE_FETCH_OPTIONS,
      ...{ userAgent: 'btget/test', bind: { ipv4: '127.0.0.1' }, authorities: null, proxies },
    });
    t.after(() => files.close());
    // The time goes by before anything can come from a socket.
    const tasks: (() => void)[] = [];
    const timers = {
      now: () => 0,
      addTask: (task: () => void) => {
        tasks.push(task);
        return { cancel: () => undefined };
      },
    };
    const ends: string[] = [];
    const target = { url: new SecretUrl('http://192.0.2.1/'), source: 'user' as const, begin: 0, end: 10 };
    files.fetch(target, timers, {
      gotHead: () => undefined,
      gotData: () => undefined,
      ended: ({ kind, message }) => ends.push(`${kind}: ${message}`),
    });
    for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) task();
    const trouble = 'no answer from the proxy 127.0.0.1:9 in time';
    assert.deepEqual([ends, troubles], [[`no-proxy: ${trouble}`], [trouble]]);
  });

  it('tells a name that nobody knows from one that could not be looked up, and from a rule', async (t) => {
    for (const [failure, expected] of [
      [{ code: 'unreachable', fault: 'unknown-name' }, 'no-host'],
      [{ code: 'unreachable' }, 'no-answer'],
      [{ code: 'unreachable', fault: 'proxy' }, 'no-proxy'],
      [{ code: 'forbidden', fault: 'proxy' }, 'no-proxy'],
      [{ code: 'forbidden' }, 'forbidden'],
    ] as const) {
      const failing: typeof findDestinations = (_name, _bind, _step, answered) => {
        answered({ ok: false, message: 'why', ...failure });
        return { cancel: () => undefined };
      };
      const fetching = new Fetching(t, { findDestinations: failing });
      assert.equal(await fetching.get('http://mirror.test/'), `${expected}: why`);
    }
  });

  it('asks anew when the place where redirects led has no name any more', async (t) => {
    const [gone, other] = [await serveHttp(t, honest), await serveHttp(t, honest)];
    let isGone = false;
    const front = await serveHttp(t, (_request, response) => {
      const [, port] = (isGone ? other : gone).split(':');
      response.writeHead(307, { Location: `http://${isGone ? 'other' : 'gone'}.test:${port}/f` }).end();
    });
    const find: typeof findDestinations = (name, bind, step, answered) => {
      if (name !== 'gone.test' || !isGone)
        return findDestinations(name.endsWith('.test') ? '127.0.0.1' : name, bind, step, answered);
      answered({ ok: false, code: 'unreachable', fault: 'unknown-name', message: 'no such name' });
      return { cancel: () => undefined };
    };
    const fetching = new Fetching(t, { findDestinations: find });
    assert.equal(await fetching.get(`http://${front}/`), '206 0123456789');
    isGone = true;
    assert.equal(await fetching.get(`http://${front}/`), '206 0123456789');
  });

  it('ends when the server is silent, breaks off, or speaks no HTTP', async (t) => {
    const head = 'HTTP/1.1 206 x\r\nContent-Length: 10\r\n\r\n01234';
    const silent = await serveTcp(t, (socket) => socket.once('data', () => socket.write(head)));
    // A fetch has only the limit that must end it: on a busy machine any other one may end it too.
    const unhurried = new Fetching(t, { silenceLimit: 200 });
    assert.equal(await unhurried.get(`http://${silent}/`), 'cut: the server sends nothing any more');
    const fetching = new Fetching(t);
    const broken = await serveTcp(t, (socket) => socket.once('data', () => socket.end(head)));
    assert.match(await fetching.get(`http://${broken}/`), /^cut: /);
    const other = await serveTcp(t, (socket) => socket.once('data', () => socket.end('220 ftp here\r\n')));
    assert.match(await fetching.get(`http://${other}/`), /^bad-answer: /);
    for (const doubt of ['Content-Length: x', 'Content-Length: 5\r\nContent-Length: 6', 'Transfer-Encoding: gzip']) {
      const doubtful = await serveTcp(t, (socket) =>
        socket.once('data', () => socket.end(`HTTP/1.1 206 x\r\n${doubt}\r\n\r\n01234`)),
      );
      assert.match(await fetching.get(`http://${doubtful}/`), /^bad-answer: /, doubt);
    }
    const mute = await serveTcp(t, () => undefined);
    assert.match(await new Fetching(t, { headLimit: 300 }).get(`http://${mute}/`), /^unreachable: no answer/);
  });

  it('goes on over a new connection when the server has closed the kept one', async (t) => {
    let count = 0;
    const host = await serveTcp(t, (socket) => {
      socket.once('data', () => {
        count += 1;
        socket.write('HTTP/1.1 206 x\r\nContent-Length: 2\r\n\r\nok');
        socket.once('data', () => socket.destroy());
      });
    });
    const fetching = new Fetching(t);
    for (let turn = 0; turn < 3; turn += 1) assert.equal(await fetching.get(`http://${host}/`), '206 ok');
    assert.equal(count, 3);
  });

  it('goes on over a new connection when the kept ones are dead, though nobody has said so', async (t) => {
    const log: string[] = [];
    let connections = 0;
    const waiting: (() => void)[] = [];
    const time = new Timeline();
    const host = await serveTcp(t, (socket) => {
      connections += 1;
      const name = `connection ${connections}`;
      let asked = 0;
      socket.on('data', () => {
        asked += 1;
        log.push(`${name}: request ${asked}`);
        const answer = (): unknown => socket.write('HTTP/1.1 206 x\r\nContent-Length: 2\r\n\r\nok');
        if (asked > 1) time.run(DEFAULT_RANGE_FETCH_OPTIONS.headLimit);
        else if (connections > 2) answer();
        else waiting.push(answer);
        if (waiting.length === 2) for (const each of waiting.splice(0)) each();
      });
    });
    const fetching = new Fetching(t);
    const url = `http://${host}/`;
    assert.deepEqual(await Promise.all([fetching.get(url), fetching.get(url)]), ['206 ok', '206 ok']);
    log.length = 0;
    assert.equal(await fetching.get(url, 0, 10, 'user', time), '206 ok');
    assert.equal(log.length, 2, log.join());
    assert.match(log.join(), /^connection [12]: request 2,connection 3: request 1$/);
  });

  it('keeps a connection only when it is clear that the answer is over, and nothing came behind it', async (t) => {
    const answers: Readonly<Record<string, readonly [answer: string, connections: number]>> = {
      'a length': ['HTTP/1.1 206 x\r\nContent-Length: 2\r\n\r\nok', 1],
      chunks: ['HTTP/1.1 206 x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n', 1],
      closed: ['HTTP/1.1 206 x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok', 3],
      'an old version': ['HTTP/1.0 206 x\r\nContent-Length: 2\r\n\r\nok', 3],
      'more than its length': ['HTTP/1.1 206 x\r\nContent-Length: 2\r\n\r\nok!', 3],
    };
    for (const [name, [answer, expected]] of Object.entries(answers)) {
      let connections = 0;
      const host = await serveTcp(t, (socket) => {
        connections += 1;
        socket.on('data', () => socket.write(answer));
      });
      const fetching = new Fetching(t);
      for (let turn = 0; turn < 3; turn += 1) assert.equal(await fetching.get(`http://${host}/`), '206 ok', name);
      assert.equal(connections, expected, name);
    }
  });

  it('closes a kept connection on which something comes that nobody has asked for', async (t) => {
    let closed: () => void = () => undefined;
    const isClosed = new Promise<void>((resolve) => {
      closed = resolve;
    });
    let say: (text: string) => void = () => undefined;
    const host = await serveTcp(t, (socket) => {
      say = (text) => socket.write(text);
      socket.once('close', closed);
      socket.once('data', () => say('HTTP/1.1 206 x\r\nContent-Length: 2\r\n\r\nok'));
    });
    assert.equal(await new Fetching(t).get(`http://${host}/`), '206 ok');
    say('more');
    await isClosed;
  });

  it('asks each host over connections of its own, though their address is the same', async (t) => {
    const seen = new Map<unknown, (string | undefined)[]>();
    const host = await serveHttp(t, (request, response) => {
      seen.set(request.socket, [...(seen.get(request.socket) ?? []), request.headers.host]);
      honest(request, response);
    });
    const other = host.replace('127.0.0.1', 'localhost');
    const fetching = new Fetching(t);
    for (const each of [host, other, host, other])
      assert.equal(await fetching.get(`http://${each}/`), '206 0123456789');
    assert.deepEqual(
      [...seen.values()],
      [
        [host, host],
        [other, other],
      ],
    );
  });

  it('keeps at most eight connections to a host', async (t) => {
    let open = 0;
    let closed: () => void = () => undefined;
    const areClosed = new Promise<void>((resolve) => {
      closed = resolve;
    });
    const waiting: (() => void)[] = [];
    const host = await serveTcp(t, (socket) => {
      open += 1;
      socket.once('close', () => {
        open -= 1;
        if (open === 8) closed();
      });
      socket.once('data', () => {
        waiting.push(() => socket.write('HTTP/1.1 206 x\r\nContent-Length: 2\r\n\r\nok'));
        if (waiting.length === 12) for (const answer of waiting) answer();
      });
    });
    const fetching = new Fetching(t);
    const answers = await Promise.all(Array.from({ length: 12 }, () => fetching.get(`http://${host}/`)));
    assert.deepEqual(new Set(answers), new Set(['206 ok']));
    await areClosed;
  });

  it('reads nothing while it is paused, and the rest afterwards', async (t) => {
    const LENGTH = 64 * 1024 * 1024;
    let isStuck: () => void = () => undefined;
    const stuck = new Promise<void>((resolve) => {
      isStuck = resolve;
    });
    const host = await serveTcp(t, (socket) => {
      socket.once('data', () => {
        socket.write(`HTTP/1.1 206 x\r\nContent-Length: ${LENGTH}\r\n\r\n`);
        let left = LENGTH;
        const pour = (): void => {
          // What does not fit waits here: the pipe between us is full.
          for (; left > 0; left -= 65_536) if (!socket.write(Buffer.alloc(65_536)) && left < LENGTH - 65_536) break;
          left -= 65_536;
          if (left > 0) socket.once('drain', pour);
          isStuck();
        };
        pour();
      });
    });
    const files = new HttpRangeFetcher({
      ...DEFAULT_RANGE_FETCH_OPTIONS,
      ...{ userAgent: 'btget/test', bind: { ipv4: '127.0.0.1' }, authorities: null },
    });
    t.after(() => files.close());
    let length = 0;
    let paused: () => void = () => undefined;
    const isPaused = new Promise<void>((resolve) => {
      paused = resolve;
    });
    const url = new SecretUrl(`http://${host}/`);
    const ended = new Promise<string>((resolve) => {
      const fetch = files.fetch({ url, source: 'user', begin: 0, end: LENGTH }, new NodeTimers(), {
        gotHead: () => undefined,
        gotData: (bytes) => {
          length += bytes.length;
          if (length > bytes.length) return;
          fetch.pause();
          paused();
        },
        ended: ({ kind }) => resolve(kind),
      });
      void Promise.all([isPaused, stuck]).then(async () => {
        const before = length;
        // Meanwhile another fetch goes all the way.
        const other = await serveHttp(t, honest);
        assert.equal(await new Fetching(t).get(`http://${other}/`), '206 0123456789');
        assert.equal(length, before);
        fetch.resume();
      });
    });
    assert.equal(await ended, 'whole');
    assert.equal(length, LENGTH);
  });

  it('names the host that was asked at last, when it fails', async (t) => {
    const closed = `127.0.0.1:${await closedPort()}`;
    const front = await redirect(t, `http://${closed}/f`);
    const busy = await serveHttp(t, (_request, response) => response.writeHead(503).end());
    const before = await redirect(t, `http://${busy}/f`);
    const files = new HttpRangeFetcher({
      ...DEFAULT_RANGE_FETCH_OPTIONS,
      ...{ userAgent: 'btget/test', bind: { ipv4: '127.0.0.1' }, authorities: null },
    });
    t.after(() => files.close());
    const named = (host: string): Promise<string> =>
      new Promise((resolve) => {
        const target = { url: new SecretUrl(`http://${host}/`), source: 'user' as const, begin: 0, end: 10 };
        const fetch = files.fetch(target, new NodeTimers(), {
          gotHead: (head) => {
            resolve(`${head.host} ${head.status}`);
            fetch.cancel();
          },
          gotData: () => undefined,
          ended: (end) => resolve(`${end.host} ${end.kind}`),
        });
      });
    assert.equal(await named(front), `${closed} unreachable`);
    assert.equal(await named(before), `${busy} 503`);
  });
});
