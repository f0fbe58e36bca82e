import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { BtgetError } from '../../../../src/base/failure.js';
import { findDestinations, findUnlisted } from '../../../../src/discovery/http/http-destination.js';
import {
  DEFAULT_FETCH_OPTIONS,
  type HttpFetchOptions,
  type HttpFetchOutcome,
  httpFetch,
} from '../../../../src/discovery/http/http-fetch.js';
import { Authorities, explainTls } from '../../../../src/discovery/http/http-tls.js';
import { blocklistOf } from '../../../support/blocklist-of.js';
import {
  AUTHORITY,
  BELOW,
  BETWEEN,
  CERTIFICATE,
  CERTIFICATE_KEY,
  EXPIRED,
  LEAF,
  LEAF_KEY,
  MISNAMED,
  NOT_YET_VALID,
} from '../../../support/fakes/certificate.js';
import {
  closedPort,
  serveHttp,
  serveHttps,
  serveTcp,
  serveTcpAt,
  serveTls,
} from '../../../support/fakes/http-server.js';
import { HANGS_AFTER } from '../../../support/hang.js';
import { realTimers } from '../../../support/real-timers.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';
import { Timeline } from '../../../support/simulation/timeline.js';
import { plainTarget } from '../../../support/sourced-url.js';
import { splits } from '../../../support/splits.js';

const OPTIONS: HttpFetchOptions = { ...DEFAULT_FETCH_OPTIONS, userAgent: 'btget/0', bind: null };

function fetchUrl(url: string, options: Partial<HttpFetchOptions> = {}): Promise<HttpFetchOutcome> {
  return new Promise((resolve) => httpFetch(plainTarget(url), { ...OPTIONS, ...options }, realTimers, resolve));
}

/** A server that takes a connection and says nothing. */
async function serveSilence(context: TestContext): Promise<{ host: string; connected: Promise<Socket> }> {
  let accepted: (socket: Socket) => void = () => assert.fail('too early');
  const connected = new Promise<Socket>((resolve) => {
    accepted = resolve;
  });
  return { host: await serveTcp(context, accepted), connected };
}

const text = (outcome: HttpFetchOutcome) => (outcome.ok ? outcome.body.toString() : outcome.message);

test('a fetch sends one plain request and leaves no connection behind', async (context) => {
  const seen: IncomingMessage[] = [];
  const closed: Promise<unknown>[] = [];
  const host = await serveHttp(context, (request, response) => {
    seen.push(request);
    closed.push(once(request.socket, 'close'));
    response.end('content');
  });
  assert.equal(text(await fetchUrl(`http://${host}/a?info_hash=%00%FF#part`)), 'content');
  assert.deepEqual(
    seen.map(({ method, url, headers }) => ({ method, url, headers })),
    [
      {
        method: 'GET',
        url: '/a?info_hash=%00%FF',
        headers: { host, 'user-agent': 'btget/0', 'accept-encoding': 'gzip, deflate', connection: 'close' },
      },
    ],
  );
  await Promise.all(closed);
});

test('packed answers are unpacked: gzip, deflate, and deflate without its header', async (context) => {
  const bodies: Record<string, Buffer> = {
    '/gzip': gzipSync('content'),
    '/x-gzip': gzipSync('content'),
    '/deflate': deflateSync('content'),
    '/deflate?raw': deflateRawSync('content'),
    '/identity': Buffer.from('content'),
  };
  const host = await serveHttp(context, ({ url = '' }, response) => {
    response.setHeader('Content-Encoding', url.slice(1).replace('?raw', ''));
    response.end(bodies[url]);
  });
  for (const path of Object.keys(bodies)) assert.equal(text(await fetchUrl(`http://${host}${path}`)), 'content', path);
});

test('an answer without a body is none that is packed, whatever it says of its packing', async (context) => {
  const host = await serveHttp(context, ({ url = '' }, response) => {
    response.setHeader('Content-Encoding', url.slice(1));
    response.end();
  });
  for (const path of ['/gzip', '/deflate', '/br']) {
    const outcome = await fetchUrl(`http://${host}${path}`);
    assert.deepEqual([outcome.ok, text(outcome)], [true, ''], path);
  }
});

test('a refusal keeps its status and Retry-After, though its body does not unpack', async (context) => {
  const bodies: Record<string, Buffer> = {
    '/gzip': Buffer.from('plain'),
    '/x-gzip': gzipSync(Buffer.alloc(2 << 20)),
    '/deflate': deflateSync('sorry').subarray(0, 5),
    '/br': Buffer.from('plain'),
    '/identity': Buffer.alloc(0),
  };
  const host = await serveHttp(context, ({ url = '' }, response) => {
    response.writeHead(503, 'Too Busy', { 'Content-Encoding': url.slice(1), 'Retry-After': '600' });
    response.end(bodies[url]);
  });
  const message = 'HTTP status 503 Too Busy';
  for (const path of Object.keys(bodies))
    assert.deepEqual(
      await fetchUrl(`http://${host}${path}`),
      { ok: false, code: 'status', status: 503, message, body: Buffer.alloc(0), retryAfter: 600 },
      path,
    );
});

test('an answer that is too long, before or after unpacking, is refused', async (context) => {
  const host = await serveHttp(context, ({ url }, response) => {
    if (url === '/bomb') {
      response.setHeader('Content-Encoding', 'gzip');
      response.end(gzipSync(Buffer.alloc(2 << 20)));
    } else if (url === '/claimed') {
      response.setHeader('Content-Length', 1e9);
      response.write('x');
    } else if (url === '/exact') response.end(Buffer.alloc(1 << 20));
    else {
      const pour = () => {
        while (!response.destroyed && response.write(Buffer.alloc(1 << 16)));
      };
      response.on('drain', pour);
      pour();
    }
  });
  for (const path of ['/bomb', '/claimed', '/endless']) {
    const outcome = await fetchUrl(`http://${host}${path}`);
    assert.deepEqual(
      outcome,
      { ok: false, code: 'bad-answer', message: 'the answer is longer than 1048576 bytes' },
      path,
    );
  }
  const exact = await fetchUrl(`http://${host}/exact`);
  assert.equal(exact.ok && exact.body.length, 1 << 20);
});

test('each kind of broken answer has its own failure', async (context) => {
  const answers: Record<string, string> = {
    'not HTTP': 'SSH-2.0-OpenSSH_9.6\r\n',
    'closed without a word': '',
    'cut short': 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort',
    'cut short in a chunk': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nshort',
    'headers without end': `HTTP/1.1 200 OK\r\n${'X-Header: value\r\n'.repeat(4000)}`,
    'gzip that is none': 'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nplain',
    'gzip cut short': `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n${gzipSync('plain').toString('latin1', 0, 15)}`,
    'unknown packing': 'HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\nplain',
    'plain and old': 'HTTP/1.0 200 OK\r\n\r\nplain',
  };
  const told: Record<string, string> = {};
  for (const [name, answer] of Object.entries(answers)) {
    const host = await serveTcp(context, (socket) => {
      socket.once('data', () => socket.end(answer, 'latin1'));
    });
    const outcome = await fetchUrl(`http://${host}/`);
    told[name] = outcome.ok ? `ok ${outcome.body}` : `${outcome.code}: ${outcome.message}`;
  }
  assert.deepEqual(told, {
    'not HTTP': 'bad-answer: not an HTTP answer: it does not begin with HTTP/',
    'closed without a word': 'unreachable: the connection was closed early',
    'cut short': 'unreachable: the connection was closed early',
    'cut short in a chunk': 'unreachable: the connection was closed early',
    'headers without end': 'bad-answer: not an HTTP answer: it has more than 1000 lines of headers',
    'gzip that is none': 'bad-answer: the answer does not unpack: incorrect header check',
    'gzip cut short': 'bad-answer: the answer does not unpack: unexpected end of file',
    'unknown packing': 'bad-answer: the answer is packed in a way that was not asked for',
    'plain and old': 'ok plain',
  });
});

test('odd answers with a clear meaning are read, however the bytes come', async (context) => {
  const answers: Record<string, string> = {
    'longer than its length': 'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\ncontent and more',
    'longer, and closed':
      'HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\ncontentHTTP/1.1 500 No\r\n\r\n',
    'bare line feeds': 'HTTP/1.1 200 OK\nContent-Length: 7\n\ncontent',
    'a folded header': 'HTTP/1.1 200 OK\r\nX-A: b\r\n  c\r\nContent-Length: 7\r\n\r\ncontent',
    'odd case and blanks': 'HTTP/1.1 200 OK\r\ncOnTeNt-LENGTH : 7\r\n\r\ncontent',
    'no reason': 'HTTP/1.1 200\r\nContent-Length: 7\r\n\r\ncontent',
    'no length': 'HTTP/1.0 200 OK\r\n\r\ncontent',
    'extensions and trailers':
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7 ;a=b\r\ncontent\r\n0\r\nX-Trailer: 1\r\n\r\n',
    'length and chunks':
      'HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n7\r\ncontent\r\n0\r\n\r\n',
    'interim answers': 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\ncontent',
    'its length twice': 'HTTP/1.1 200 OK\r\nContent-Length: 7\r\nContent-Length: 7\r\n\r\ncontent',
    'its length in a list': 'HTTP/1.1 200 OK\r\nContent-Length: 7, 7\r\n\r\ncontent',
    'a blank in the name of a header': 'HTTP/1.1 200 OK\r\nX A: b\r\nContent-Length: 7\r\n\r\ncontent',
    'a version of another kind': 'HTTP/2 200\r\nContent-Length: 7\r\n\r\ncontent',
    'chunks with bare line feeds': 'HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n7\ncontent\n0\n\n',
    'a control character': 'HTTP/1.1 200 OK\r\nX-A: a\u0001b\r\nContent-Length: 7\r\n\r\ncontent',
  };
  for (const [name, answer] of Object.entries(answers)) {
    for (const parts of splits(Buffer.from(answer, 'latin1'), seededRandom(1), 2)) {
      const host = await serveTcp(context, (socket) => {
        socket.setNoDelay(true).once('data', () => {
          const [next, ...rest] = parts;
          const send = (part: Buffer | undefined, left: readonly Buffer[]): void => {
            if (part === undefined) socket.end();
            else socket.write(part, () => send(left[0], left.slice(1)));
          };
          send(next, rest);
        });
      });
      assert.equal(text(await fetchUrl(`http://${host}/`)), 'content', name);
    }
  }
});

test('redirects are followed five times, and only to where a URL may lead', async (context) => {
  const host = await serveHttp(context, ({ url = '' }, response) => {
    const steps = /^\/steps\/(\d)$/.exec(url)?.[1];
    const to = new URL(url, 'http://x').searchParams.get('to');
    if (url === '/steps/0') response.end('arrived');
    else {
      response.writeHead(302, { Location: steps === undefined ? (to ?? url) : `${Number(steps) - 1}` });
      response.end();
    }
  });
  const told: Record<string, string> = {};
  const paths = ['steps/5', 'steps/6', 'loop'];
  const targets = [
    'file:///etc/passwd',
    'unix:/run/x',
    'http://0.0.0.0/',
    'http://[::]/',
    'http://224.0.0.1/',
    'http://[',
    'udp://x',
  ];
  for (const path of [...paths, ...targets.map((target) => `?to=${encodeURIComponent(target)}`)]) {
    told[decodeURIComponent(path)] = text(await fetchUrl(`http://${host}/${path}`));
  }
  assert.deepEqual(told, {
    'steps/5': 'arrived',
    'steps/6': 'more than 5 redirects',
    loop: 'more than 5 redirects',
    '?to=file:///etc/passwd': 'redirected: file: urls are not fetched',
    '?to=unix:/run/x': 'redirected: unix: urls are not fetched',
    '?to=http://0.0.0.0/': '0.0.0.0 is no address to connect to',
    '?to=http://[::]/': ':: is no address to connect to',
    '?to=http://224.0.0.1/': '224.0.0.1 is no address to connect to',
    '?to=http://[': 'redirected: not a url: http://[',
    '?to=udp://x': 'redirected: udp: urls are not fetched',
  });
});

test('a redirect to another scheme is refused, and the failure says where it would have led', async (context) => {
  const link = 'magnet:?xt=urn:btih:abc&dn=ä b';
  const host = await serveHttp(context, ({ url }, response) => {
    // Node writes a header as Latin-1, but servers mean UTF-8.
    const to = url === '/magnet' ? Buffer.from(link).toString('latin1') : url === '/ftp' ? 'FTP://x/' : 'http://[';
    response.writeHead(301, { Location: to }).end();
  });
  const told: (string | undefined)[] = [];
  for (const path of ['magnet', 'ftp', 'broken']) {
    const outcome = await fetchUrl(`http://${host}/${path}`);
    assert.ok(!outcome.ok && outcome.code === 'forbidden', path);
    told.push(outcome.redirect);
  }
  assert.deepEqual(told, [link, 'FTP://x/', undefined]);
});

test('a redirect with bytes beyond ASCII leads to just these bytes, be they UTF-8 or not', async (context) => {
  const seen: string[] = [];
  const host = await serveHttp(context, ({ url = '' }, response) => {
    seen.push(url);
    const to: Readonly<Record<string, Buffer>> = {
      '/utf8': Buffer.from('/Café %C3%A9?a=ä&b=%e4'),
      '/latin1': Buffer.from('/Caf\xe9?a=\xe4', 'latin1'),
      '/host': Buffer.from('http://Größe.test/x'),
    };
    const location = to[url];
    if (location === undefined) response.end('content');
    // Node writes a header as Latin-1: a byte for each character.
    else response.writeHead(302, { Location: location.toString('latin1') }).end();
  });
  const find: typeof findDestinations = (name, bind, step, answered) => {
    if (name.endsWith('.test')) seen.push(name);
    return findDestinations(name.endsWith('.test') ? '224.0.0.1' : name, bind, step, answered);
  };
  for (const path of ['utf8', 'latin1']) assert.equal(text(await fetchUrl(`http://${host}/${path}`)), 'content', path);
  await fetchUrl(`http://${host}/host`, { findDestinations: find });
  assert.deepEqual(seen, [
    ...['/utf8', '/Caf%C3%A9%20%C3%A9?a=%C3%A4&b=%e4'],
    ...['/latin1', '/Caf%E9?a=%E4'],
    ...['/host', 'xn--gre-6ka8i.test'],
  ]);
});

test('a redirect is judged by the address that we dialled, whatever the name meant before', async (context) => {
  const log: unknown[] = [];
  const host = await serveHttp(context, (_, response) => {
    response.writeHead(302, { Location: 'http://rebound.test:81/admin?a=1' });
    response.end();
  });
  const port = Number(host.split(':')[1]);
  const outcome = await fetchUrl(`http://tracker.test:${port}/a?own=1`, {
    findDestinations: (name, bind, step, answered) => {
      log.push([name, step]);
      if (step.redirect !== null) {
        const fromTheWorld = { ...step, redirect: { ...step.redirect, host: '8.8.8.8' } };
        return findDestinations('127.0.0.1', bind, fromTheWorld, answered);
      }
      answered({ ok: true, destinations: [{ host: '127.0.0.1', localAddress: undefined, by: null }] });
      return { cancel: () => undefined };
    },
  });
  const redirect = { host: '127.0.0.1', query: '?own=1', isAtOrigin: false };
  assert.deepEqual(log, [
    ['tracker.test', { source: 'user', port, path: '/a', query: '?own=1', redirect: null }],
    ['rebound.test', { source: 'user', port: 81, path: '/admin', query: '?a=1', redirect }],
  ]);
  assert.equal(text(outcome), 'a redirect from a public address to 127.0.0.1 is not followed');
});

test('a redirect is at the origin as long as none before it has left the origin', async (context) => {
  const log: string[] = [];
  const isAtOrigin = (from: string): Promise<string> => {
    log.length = 0;
    const find: typeof findDestinations = (name, bind, step, answered) => {
      log.push(`${name} ${step.redirect?.isAtOrigin}`);
      return findDestinations('127.0.0.1', bind, step, answered);
    };
    return fetchUrl(from, { findDestinations: find }).then((outcome) => `${text(outcome)}: ${log.join()}`);
  };
  let other = '';
  const steps: Record<string, () => string> = {
    ...{ '/a': () => '/b', '/b': () => '/c', '/away': () => `http://${other}/back` },
  };
  const host = await serveHttp(context, ({ url }, response) => {
    const location = steps[url ?? '']?.();
    if (location === undefined) response.end('content');
    else response.writeHead(302, { Location: location }).end();
  });
  other = await serveHttp(context, (_, response) => response.writeHead(302, { Location: `http://${host}/a` }).end());
  const at = '127.0.0.1';
  assert.equal(await isAtOrigin(`http://${host}/a`), `content: ${at} undefined,${at} true,${at} true`);
  assert.equal(
    await isAtOrigin(`http://${host}/away`),
    `content: ${at} undefined,${at} false,${at} false,${at} false,${at} false`,
  );
});

test('a cookie of a redirect goes back to the host and path that it is for, and nowhere else', async (context) => {
  const seen: string[] = [];
  const other = await serveHttp(
    context,
    (request, response) => {
      seen.push(`other ${request.headers.cookie}`);
      response.end('content');
    },
    '127.0.0.2',
  );
  const cookies = [
    'a=1; Path=/',
    'b=2; Path=/in; HttpOnly',
    'c=3; Secure',
    'd=4; Max-Age=0',
    'e=\u00e9',
    'f=6; Domain=127.0.0.2',
  ];
  const host = await serveHttp(context, (request, response) => {
    seen.push(`${request.url} ${request.headers.cookie}`);
    const steps: Record<string, string> = { '/': '/in/x', '/in/x': '/inside', '/inside': `http://${other}/` };
    response.writeHead(302, {
      Location: steps[request.url ?? ''],
      ...(request.url === '/' ? { 'Set-Cookie': cookies } : {}),
    });
    response.end();
  });
  for (let fetches = 0; fetches < 2; fetches += 1) {
    seen.length = 0;
    assert.equal(text(await fetchUrl(`http://${host}/`)), 'content');
    assert.deepEqual(seen, ['/ undefined', '/in/x a=1; b=2; f=6', '/inside a=1; f=6', 'other undefined']);
  }
});

test('fifty cookies of no more than 4 KiB are kept, and 8 KiB of them are sent', async (context) => {
  const seen: number[][] = [];
  const cookie = (name: number, length: number): string => `${name}=`.padEnd(length, 'x');
  const many = Array.from({ length: 60 }, (_, name) => cookie(name, 100));
  const steps: readonly (readonly [setCookies: readonly string[], to: string])[] = [
    [[cookie(60, 4097), cookie(61, 4096)], '/1'],
    [['61=; Max-Age=0', ...many], '/2'],
    [[...many.map((text) => `${text}; Max-Age=0`), ...[1, 2, 3].map((name) => cookie(name, 4000))], '/3'],
    [[], ''],
  ];
  const host = await serveHttp(context, ({ headers }, response) => {
    const [setCookies, to] = steps[seen.length] ?? [[], ''];
    seen.push((headers.cookie ?? '').split('; ').map((pair) => Number(pair.split('=')[0])));
    response.writeHead(to === '' ? 200 : 302, { Location: to, 'Set-Cookie': [...setCookies] }).end('content');
  });
  assert.equal(text(await fetchUrl(`http://${host}/`)), 'content');
  const first50 = Array.from({ length: 50 }, (_, name) => name);
  assert.deepEqual(seen, [[0], [61], first50, [1, 2]]);
});

test('of one answer a hundred cookies are looked at', async (context) => {
  const seen: unknown[] = [];
  const many = Array.from({ length: 99 }, () => 'x');
  const host = await serveHttp(context, ({ headers }, response) => {
    seen.push(headers.cookie);
    const end = seen.length === 2 ? {} : { Location: '/again', 'Set-Cookie': [...many, 'last=1', 'beyond=1'] };
    response.writeHead(seen.length === 2 ? 200 : 302, end).end('content');
  });
  assert.equal(text(await fetchUrl(`http://${host}/`)), 'content');
  assert.deepEqual(seen, [undefined, 'last=1']);
});

test('a cookie for secure connections is taken and given back over https only', async (context) => {
  const seen: string[] = [];
  const handle: RequestListener = ({ url, headers, socket }, response) => {
    seen.push(`${'encrypted' in socket ? 'https' : 'http'} ${url} ${headers.cookie}`);
    const steps: Record<string, string> = { '/': '/again', '/again': plain, '/plain': `https://${secure}/back` };
    const location = steps[url ?? ''];
    response.setHeader('Set-Cookie', [`plain${seen.length}=1; Path=/`, `secure${seen.length}=1; Path=/; Secure`]);
    if (location !== undefined) response.writeHead(302, { Location: location });
    response.end('content');
  };
  const secure = await serveHttps(context, handle);
  const plain = `http://${await serveHttp(context, handle)}/plain`;
  const authorities = new Authorities(CERTIFICATE);
  assert.equal(text(await fetchUrl(`https://${secure}/`, { authorities })), 'content');
  assert.deepEqual(seen, [
    'https / undefined',
    'https /again plain1=1; secure1=1',
    'http /plain plain1=1; plain2=1',
    'https /back plain1=1; secure1=1; plain2=1; secure2=1; plain3=1',
  ]);
});

test('a user name and password go as Basic authorization, and stay with the server that they are for', async (context) => {
  const seen: string[] = [];
  const other = await serveHttp(context, (request, response) => {
    seen.push(`other ${request.headers.authorization}`);
    response.end('content');
  });
  const host = await serveHttp(context, (request, response) => {
    seen.push(`own ${request.url} ${request.headers.authorization}`);
    response.writeHead(302, { Location: request.url === '/' ? '/moved' : `http://${other}/` });
    response.end();
  });
  assert.equal(text(await fetchUrl(`http://us%40er:p%3Ass%C3%A9%2@${host}/`)), 'content');
  const basic = `Basic ${Buffer.from('us@er:p:ssé%2').toString('base64')}`;
  assert.deepEqual(seen, [`own / ${basic}`, `own /moved ${basic}`, 'other undefined']);
});

test('a status other than success comes with its body and Retry-After', async (context) => {
  const host = await serveHttp(context, ({ url = '' }, response) => {
    response.writeHead(503, 'Too Busy', { 'Retry-After': decodeURIComponent(url.slice(1)) });
    response.end('sorry');
  });
  const retryAfters: (number | null)[] = [];
  const past = ['Thu, 01 Jan 1970 00:00:00 GMT', 'Thursday, 01-Jan-70 00:00:00 GMT', 'Thu Jan  1 00:00:00 1970'];
  const values = ['120', '99999999999', ...past, 'Fri, 31 Dec 9999 23:59:59 GMT', 'Fri Dec 31 23:59:59 9999', 'soon'];
  for (const value of values) {
    const outcome = await fetchUrl(`http://${host}/${encodeURIComponent(value)}`);
    assert.ok(!outcome.ok && outcome.code === 'status');
    assert.deepEqual([outcome.status, outcome.message, `${outcome.body}`], [503, 'HTTP status 503 Too Busy', 'sorry']);
    retryAfters.push(outcome.retryAfter);
  }
  assert.deepEqual(retryAfters, [120, 86_400, 0, 0, 0, 86_400, 86_400, null]);
});

test('a server that never answers is given up after the time limit, and its connection is closed', async (context) => {
  const timeline = new Timeline();
  const { host, connected } = await serveSilence(context);
  const log: string[] = [];
  httpFetch(plainTarget(`http://${host}/`), OPTIONS, timeline, (outcome) => {
    log.push(`${timeline.now()} ${outcome.ok ? 'ok' : outcome.code}`);
  });
  const socket = await connected;
  await once(socket, 'data');
  timeline.run(59_999);
  assert.deepEqual(log, []);
  timeline.run(1);
  assert.deepEqual(log, ['60000 timeout']);
  assert.equal(timeline.pending, 0);
  socket.resume();
  await once(socket, 'close');
});

test('a cancelled fetch never answers, and its connection is closed', async (context) => {
  const timeline = new Timeline();
  const { host, connected } = await serveSilence(context);
  const call = httpFetch(plainTarget(`http://${host}/`), OPTIONS, timeline, () => assert.fail('answered'));
  const socket = await connected;
  await once(socket, 'data');
  call.cancel();
  socket.resume();
  await once(socket, 'close');
  assert.equal(timeline.pending, 0);

  httpFetch(plainTarget('nonsense'), OPTIONS, timeline, () => assert.fail('answered')).cancel();
  timeline.run(100_000);
});

test('a refused connection is reported as such, and another address of the name is tried before', async (context) => {
  const port = await closedPort();
  assert.deepEqual(await fetchUrl(`http://127.0.0.1:${port}/`), {
    ok: false,
    code: 'unreachable',
    message: 'the connection was refused',
  });
  const host = await serveHttp(context, (_, response) => response.end('by IPv6'), '::1');
  assert.equal(text(await fetchUrl(`http://localhost:${host.split(':').at(-1)}/`)), 'by IPv6');
  assert.equal(text(await fetchUrl(`http://${host}/`)), 'by IPv6');
});

test('an address that hangs up, says nothing or refuses is passed over for the next one of the name', {
  timeout: HANGS_AFTER,
}, async (context) => {
  const timeline = new Timeline();
  const silent = await serveSilence(context);
  const port = Number(silent.host.split(':')[1]);
  const log: string[] = [];
  await serveTcpAt(context, '127.0.0.2', port, (socket) => socket.destroy());
  await serveTcpAt(context, '127.0.0.3', port, (socket) => {
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nthird'));
  });
  const findThree: typeof findDestinations = (_name, _bind, _step, answered) => {
    const at = (address: string) => ({ host: address, localAddress: undefined, by: null });
    answered({ ok: true, destinations: [at('127.0.0.1'), at('127.0.0.2'), at('127.0.0.3')] });
    return { cancel: () => undefined };
  };
  const options = { ...OPTIONS, findDestinations: findThree };
  let answered: () => void = () => undefined;
  const telling = new Promise<void>((resolve) => {
    answered = resolve;
  });
  const timers = {
    now: () => timeline.now(),
    addTask: (task: () => void, delay: number) =>
      delay === 0 ? realTimers.addTask(task, 0) : timeline.addTask(task, delay),
  };
  httpFetch(plainTarget(`http://three.test:${port}/`), options, timers, (outcome) => {
    log.push(text(outcome));
    answered();
  });
  await once(await silent.connected, 'data');
  timeline.run(19_999);
  assert.deepEqual(log, []);
  timeline.run(1);
  await telling;
  assert.deepEqual(log, ['third']);
});

test('the fence binds the socket, and refuses what it cannot reach without asking a name server', async (context) => {
  const host = await serveHttp(context, (request, response) => response.end(request.socket.remoteAddress));
  const bind = { ipv4: '127.0.0.2' };
  const told: Record<string, string> = {};
  const urls = [
    `http://${host}/`,
    'http://tracker.invalid/',
    'http://192.0.2.1/',
    'http://[::1]/',
    'http://[2001:db8::1]/',
  ];
  for (const url of urls) {
    const outcome = await fetchUrl(url, { bind });
    told[url.replace(host, 'host')] = outcome.ok ? `${outcome.body}` : `${outcome.code}: ${outcome.message}`;
  }
  assert.deepEqual(told, {
    'http://host/': '127.0.0.2',
    'http://tracker.invalid/': 'forbidden: bound to loopback, so tracker.invalid is not looked up',
    'http://192.0.2.1/': 'forbidden: 192.0.2.1 is outside of the addresses that we are bound to',
    'http://[::1]/': 'forbidden: ::1 is outside of the addresses that we are bound to',
    'http://[2001:db8::1]/': 'forbidden: 2001:db8::1 is outside of the addresses that we are bound to',
  });
});

test('a certificate is checked against the name in the URL', async (context) => {
  const host = await serveHttps(context, (request, response) => response.end(`${request.headers.host}`));
  const port = host.split(':')[1];
  const authorities = new Authorities(CERTIFICATE);
  assert.equal(text(await fetchUrl(`https://localhost:${port}/`, { authorities })), `localhost:${port}`);
  assert.equal(text(await fetchUrl(`https://${host}/`, { authorities })), host);
  const misnamed = await serveHttps(context, (_, response) => response.end('content'), '127.0.0.2');
  assert.equal(
    text(await fetchUrl(`https://${misnamed}/`, { authorities })),
    'its certificate is for localhost, 127.0.0.1, not for 127.0.0.2 (use the name that it is for)',
  );
});

test('whatever is wrong with a certificate or with TLS is said in our own words, with what can be done', async (context) => {
  const key = LEAF_KEY;
  const good = { cert: LEAF, key };
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  const weak = { maxVersion: 'TLSv1.2', ciphers: 'NULL-SHA256:eNULL@SECLEVEL=0' } as const;
  const servers: Record<string, Promise<string>> = {
    'self-signed': serveTls(context, { cert: CERTIFICATE, key: CERTIFICATE_KEY }),
    expired: serveTls(context, { cert: EXPIRED, key }),
    'not yet valid': serveTls(context, { cert: NOT_YET_VALID, key }),
    misnamed: serveTls(context, { cert: MISNAMED, key }),
    'issued by who is not told': serveTls(context, { cert: BELOW, key }),
    'TLS 1.1': serveTls(context, { ...good, ...old }),
    'no cipher': serveTls(context, { ...good, ...weak }),
    'wants a certificate': serveTls(context, { ...good, requestCert: true, rejectUnauthorized: true }),
    HTTP: serveHttp(context, (_, response) => response.end('content')),
    SSH: serveTcp(context, (socket) => socket.once('data', () => socket.end('SSH-2.0-OpenSSH_9.6\r\n'))),
    'nothing at all': serveTcp(context, (socket) => socket.once('data', () => socket.end())),
    good: serveTls(context, good),
  };
  const authorities = new Authorities(AUTHORITY);
  const told: Record<string, string> = {};
  for (const [name, serving] of Object.entries(servers)) {
    const url = `https://localhost:${(await serving).split(':')[1]}/`;
    const outcome = await fetchUrl(url, { authorities });
    told[name] = outcome.ok ? 'ok' : `${outcome.code}: ${outcome.message}`;
  }
  const unknown = await fetchUrl(`https://${await serveTls(context, good)}/`);
  told['unknown authority'] = text(unknown);
  told['its root comes along'] = text(
    await fetchUrl(`https://${await serveTls(context, { cert: LEAF + AUTHORITY, key })}/`),
  );
  const trust = '(--ca-certificate FILE names an authority to trust)';
  const notKnown = `its certificate comes from an authority that is not known here ${trust}`;
  const clock = 'is the clock of this machine right?';
  const noTls = 'unreachable: what answers there does not speak TLS (is it an http: URL?)';
  assert.deepEqual(told, {
    'self-signed': `unreachable: its certificate is self-signed, so no authority vouches for it ${trust}`,
    expired: `unreachable: its certificate has expired (the server must get a new one; ${clock})`,
    'not yet valid': `unreachable: its certificate is not valid yet (${clock})`,
    misnamed:
      'unreachable: its certificate is for other.example, *.third.example, not for localhost (use the name that it is for)',
    'issued by who is not told': `unreachable: ${notKnown}`,
    'TLS 1.1': 'unreachable: it and btget have no version of TLS in common (btget speaks 1.2 and 1.3)',
    'no cipher': 'unreachable: it and btget have no cipher of TLS in common',
    'wants a certificate': 'unreachable: it asks for a certificate of ours, and btget has none',
    HTTP: noTls,
    SSH: noTls,
    'nothing at all': 'unreachable: the connection was closed early',
    good: 'ok',
    'unknown authority': notKnown,
    'its root comes along': notKnown,
  });
});

test('an authority that the user names is trusted too, even one between a root and a server', async (context) => {
  const host = await serveTls(context, { cert: BELOW, key: LEAF_KEY });
  assert.equal(text(await fetchUrl(`https://${host}/`, { authorities: new Authorities(BETWEEN) })), 'content');
  const all = new Authorities(`some text\n${CERTIFICATE}more\r\n${BETWEEN.replaceAll('\n', '\r\n')}`);
  assert.equal(text(await fetchUrl(`https://${host}/`, { authorities: all })), 'content');
  const own = await serveHttps(context, (_, response) => response.end('content'));
  assert.equal(text(await fetchUrl(`https://${own}/`, { authorities: all })), 'content');
  const besides = new Authorities(CERTIFICATE, () => [AUTHORITY]);
  const leaf = await serveTls(context, { cert: LEAF, key: LEAF_KEY });
  for (const trusted of [leaf, own])
    assert.equal(text(await fetchUrl(`https://${trusted}/`, { authorities: besides })), 'content');
});

test('a file without a certificate, or with a broken one, is a usage error', () => {
  const broken = CERTIFICATE.replace('MIIB', 'AAAA');
  for (const [pem, why] of [
    ['', /no certificate in PEM form/],
    [CERTIFICATE_KEY, /no certificate in PEM form/],
    [broken, /^certificate 1 cannot be read$/],
    [`${CERTIFICATE}${broken}`, /^certificate 2 cannot be read$/],
  ] as const)
    assert.throws(
      () => new Authorities(pem),
      (error) => error instanceof BtgetError && error.code === 'usage' && why.test(error.message),
    );
});

test('verdicts on a certificate that no test server causes are told in our own words too', () => {
  const words = (code: string, message: string): string => explainTls(Object.assign(new Error(message), { code }), 'a');
  assert.match(words('CERT_REVOKED', 'certificate revoked'), /^its certificate was revoked by its authority \(/);
  assert.match(words('UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'x; try running Node.js'), /--ca-certificate FILE/);
  assert.match(words('UNSPECIFIED', 'EE certificate key too weak'), /is too weak/);
  assert.equal(words('INVALID_PURPOSE', 'try running Node.js'), 'its certificate is not good: INVALID_PURPOSE');
  assert.equal(words('ERR_SSL_X', 'try running Node.js'), 'the TLS handshake failed: ERR_SSL_X');
  assert.equal(
    words('ERR_TLS_CERT_ALTNAME_INVALID', 'x'),
    'its certificate names no host, not for a (use the name that it is for)',
  );
  assert.equal(
    words('EPROTO', 'write EPROTO 80:error:0A:SSL routines:f:odd thing:rec.c:1:'),
    'the TLS handshake failed: odd thing',
  );
});

test('a tracker on the blocklist is not dialled, whether it is named by address or by name', async (context) => {
  let dialled = 0;
  const place = await serveHttp(context, (_, response) => {
    dialled += 1;
    response.end('content');
  });
  const port = place.split(':').at(-1);
  const blocklist = blocklistOf('127.0.0.0/8', '::1');
  const options = { ...OPTIONS, findDestinations: findUnlisted(blocklist) };
  const fetchBy = (url: string) =>
    new Promise<string>((resolve) => {
      httpFetch(plainTarget(url), options, realTimers, (outcome) => resolve(text(outcome)));
    });
  for (const host of ['127.0.0.1', '[::ffff:127.0.0.1]', 'localhost'])
    assert.match(await fetchBy(`http://${host}:${port}/`), /is on the blocklist/, host);
  assert.deepEqual([dialled, blocklist.status.refusedOut], [0, 4]);
  const other = { ...OPTIONS, findDestinations: findUnlisted(null) };
  await new Promise<void>((resolve) => httpFetch(plainTarget(`http://${place}/`), other, realTimers, () => resolve()));
  assert.equal(dialled, 1);
});
