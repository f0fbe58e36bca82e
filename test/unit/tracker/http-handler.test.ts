import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SingleSocket } from '../../../src/net/raw-server.js';
import { HttpHandler } from '../../../src/tracker/http-handler.js';
import type { HttpGet } from '../../../src/tracker/http-message.js';
import { DEFAULT_HTTP_OPTIONS, type HttpOptions } from '../../../src/tracker/tracker-options.js';
import { LoggingHandler } from '../../support/fakes/logging-handler.js';
import { seededRandom } from '../../support/simulation/seeded-random.js';
import { SimulatedNetwork } from '../../support/simulation/simulated-network.js';
import { Timeline } from '../../support/simulation/timeline.js';
import { splits } from '../../support/splits.js';

const SECOND = 1000;

/** Repeats the request, so that tests see what was understood. */
const echo: HttpGet = ({ path, query, remote }) => ({
  status: 200,
  contentType: 'text/plain',
  body: Buffer.from(`${remote.host} ${path} ${query}`, 'latin1'),
});

function setUp(options: Partial<HttpOptions> = {}, get: HttpGet = echo, proxies: readonly string[] = []) {
  const timeline = new Timeline();
  const network = new SimulatedNetwork(timeline, seededRandom(1));
  const server = network.host('10.0.0.1', { chunking: 'whole' });
  const client = network.host('10.0.0.2', { chunking: 'whole' });
  const handler = new HttpHandler(server, get, { ...DEFAULT_HTTP_OPTIONS, ...options }, (host) =>
    proxies.includes(host),
  );
  server.listen({ port: 80 }, handler, (outcome) => assert.ok(outcome.ok));
  const log: string[] = [];
  const dial = (name = 'client', from = client) => {
    const events = new LoggingHandler(name, log);
    const socket = from.startConnection({ host: '10.0.0.1', port: 80 }, events);
    return { events, socket };
  };
  /** Sends `parts` a millisecond apart. */
  const send = (socket: SingleSocket, parts: readonly Buffer[]) => {
    for (const [index, part] of parts.entries()) timeline.addTask(() => socket.write([part]), 50 + index);
  };
  /** The whole answer to `request`, from a client that closes the connection when it has it. */
  const answerTo = (request: string | readonly Buffer[]) => {
    const { events, socket } = dial();
    send(socket, typeof request === 'string' ? [Buffer.from(request, 'latin1')] : request);
    timeline.runUntil(() => events.lost !== null, 60 * SECOND);
    assert.equal(events.lost?.code, 'ended');
    socket.close();
    timeline.run(SECOND);
    return events.text;
  };
  return { timeline, network, server, client, handler, log, dial, send, answerTo };
}

const REQUEST = 'GET /announce?info_hash=%00%FF&port=1 HTTP/1.1\r\nHost: tracker\r\nX-Long: value\r\n\r\n';
const ANSWER = [
  'HTTP/1.1 200 OK',
  'Content-Type: text/plain',
  'Content-Length: 42',
  'Connection: close',
  '',
  '10.0.0.2 /announce info_hash=%00%FF&port=1',
].join('\r\n');

test('a request is understood whole, byte by byte, and cut anywhere', () => {
  for (const parts of splits(Buffer.from(REQUEST), seededRandom(1))) {
    const { timeline, server, client, answerTo } = setUp();
    timeline.run(SECOND);
    const waiting = timeline.pending;
    assert.equal(answerTo(parts), ANSWER);
    assert.deepEqual([server.socketCount, client.socketCount, timeline.pending], [0, 0, waiting]);
    server.close();
    assert.equal(timeline.pending, 0);
  }
});

test('the length of the answer is told, and HEAD gets no body', () => {
  const { answerTo } = setUp();
  assert.match(
    answerTo('GET /a HTTP/1.0\n\n'),
    /^HTTP\/1\.1 200 OK\r\n.*Content-Length: 12\r\n.*\r\n\r\n10\.0\.0\.2 \/a $/s,
  );
  assert.match(answerTo('HEAD /a HTTP/1.0\n\n'), /^HTTP\/1\.1 200 OK\r\n.*Content-Length: 12\r\n.*\r\n\r\n$/s);
});

test('a target that is a whole URL is understood as its path and query, whatever host it names', () => {
  const { answerTo } = setUp();
  const bodies = [
    'http://tracker:80/announce?port=1&x=?',
    'HTTPS://[2001:db8::1]/a',
    'http://tracker',
    'http://t?a=/b',
  ].map((target) => answerTo(`GET ${target} HTTP/1.1\r\nHost: tracker\r\n\r\n`).split('\r\n\r\n')[1]);
  assert.deepEqual(bodies, ['10.0.0.2 /announce port=1&x=?', '10.0.0.2 /a ', '10.0.0.2 / ', '10.0.0.2 / a=/b']);
});

test('a request that is none is refused with its status', () => {
  const { answerTo } = setUp();
  const long = 'x'.repeat(9000);
  const requests: Record<string, string> = {
    'no target': 'GET\r\n\r\n',
    'HTTP/0.9': 'GET /\r\n',
    'target of another scheme': 'GET ftp://other/ HTTP/1.1\r\n\r\n',
    'target with a user name': 'GET http://me@tracker/ HTTP/1.1\r\n\r\n',
    'target without a host': 'GET http:///announce HTTP/1.1\r\n\r\n',
    'target of a tunnel': 'CONNECT other:443 HTTP/1.1\r\n\r\n',
    'target of no path': 'GET announce HTTP/1.1\r\n\r\n',
    'too many words': 'GET / x HTTP/1.1\r\n\r\n',
    'HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'other version': 'GET / HTTP/2.0\r\n\r\n',
    POST: 'POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc',
    'TLS hello': '\u0016\u0003\u0001\u0002\u0000\n',
    BitTorrent: '\u0013BitTorrent protocol\0\0\0\0\0\0\0\0\n',
    'long first line': `GET /${long}`,
    'long header': `GET / HTTP/1.1\r\nX: ${long}`,
    'many headers': `GET / HTTP/1.1\r\n${'X: 1\r\n'.repeat(6000)}`,
    '199 header lines': `GET / HTTP/1.1\r\n${'X: 1\r\n'.repeat(199)}\r\n`,
    '200 header lines': `GET / HTTP/1.1\r\n${'X: 1\r\n'.repeat(200)}\r\n`,
    'nothing but lines': '\n\n\n',
  };
  const statuses = Object.entries(requests).map(([name, request]): [string, string] => [
    name,
    answerTo(request).split('\r\n')[0]?.slice(9) ?? '',
  ]);
  assert.deepEqual(Object.fromEntries(statuses), {
    'no target': '400 Bad Request',
    'HTTP/0.9': '505 HTTP Version Not Supported',
    'target of another scheme': '400 Bad Request',
    'target with a user name': '400 Bad Request',
    'target without a host': '400 Bad Request',
    'target of a tunnel': '400 Bad Request',
    'target of no path': '400 Bad Request',
    'too many words': '400 Bad Request',
    'HTTP/2': '400 Bad Request',
    'other version': '505 HTTP Version Not Supported',
    POST: '405 Method Not Allowed',
    'TLS hello': '400 Bad Request',
    BitTorrent: '400 Bad Request',
    'long first line': '414 URI Too Long',
    'long header': '431 Request Header Fields Too Large',
    'many headers': '431 Request Header Fields Too Large',
    '199 header lines': '200 OK',
    '200 header lines': '431 Request Header Fields Too Large',
    'nothing but lines': '400 Bad Request',
  });
});

test('a request that comes too slowly is cut off after its time', () => {
  const { timeline, server, log, dial, send } = setUp();
  const { socket } = dial();
  send(socket, [Buffer.from('GET /')]);
  for (let second = 1; second < 60; second += 1) {
    timeline.addTask(() => socket.write([Buffer.from('a')]), second * SECOND);
  }
  const events = () => log.filter((line) => !line.endsWith('flushed'));
  timeline.run(9 * SECOND);
  assert.deepEqual(events(), ['client made']);
  timeline.run(2 * SECOND);
  assert.deepEqual(events(), ['client made', 'client data 113', 'client lost ended']);
  timeline.run(60 * SECOND);
  assert.equal(server.socketCount, 0);
});

test('a client that takes no answer is cut off after its time', () => {
  const { timeline, network, server, dial, send } = setUp();
  const { socket } = dial();
  send(socket, [Buffer.from(REQUEST)]);
  timeline.run(65);
  network.silence('10.0.0.2');
  timeline.run(14 * SECOND);
  assert.equal(server.socketCount, 1);
  timeline.run(2 * SECOND);
  assert.equal(server.socketCount, 0);
});

test('a client that goes on sending after the answer is cut off at once', () => {
  const { timeline, server, dial, send } = setUp();
  const { socket } = dial();
  send(socket, [Buffer.from(REQUEST), ...Array.from({ length: 10 }, () => Buffer.alloc(8192))]);
  // The request comes after 60 ms and 32 KiB more by 65 ms. The client reacts to the answer not before 80 ms.
  timeline.run(62);
  assert.equal(server.socketCount, 1);
  timeline.run(13);
  assert.equal(server.socketCount, 0);
});

test('a client that is lost within its request leaves nothing behind', () => {
  const { timeline, server, handler, dial, send } = setUp();
  const { socket } = dial();
  send(socket, [Buffer.from('GET /')]);
  timeline.run(SECOND);
  socket.close();
  timeline.run(SECOND);
  const { socket: other } = dial();
  send(other, [Buffer.from('GET /')]);
  timeline.run(SECOND);
  handler.close();
  assert.equal(server.socketCount, 0);
  timeline.run(60 * SECOND);
});

/** A greedy host has 20 slow connections. Then ten other hosts ask, each over one. Which hosts get an answer? */
function crowd(proxies: readonly string[]) {
  const { timeline, network, dial, send } = setUp({ maxConnections: 8 }, echo, proxies);
  const greedy = network.host('10.0.0.3', { chunking: 'whole' });
  const drips = Array.from({ length: 20 }, (_, number) => dial(`drip ${number}`, greedy));
  timeline.run(SECOND);
  for (const { socket } of drips) socket.write([Buffer.from('G')]);
  let answered = 0;
  for (let number = 0; number < 10; number += 1) {
    const other = dial(`other ${number}`, network.host(`10.0.1.${number}`, { chunking: 'whole' }));
    send(other.socket, [Buffer.from(REQUEST)]);
    timeline.run(SECOND / 10);
    if (other.events.text.startsWith('HTTP/1.1 200')) answered += 1;
    other.socket.close();
  }
  return { open: drips.filter(({ events }) => events.lost === null).length, answered };
}

test('when there are too many connections, the oldest of the host with the most is closed for the new one', () => {
  const { open, answered } = crowd([]);
  assert.equal(answered, 10);
  assert.ok(open <= 8, `${open} connections`);
});

test('each connection of a trusted proxy counts as a host of its own, and the oldest of all gives way', () => {
  const { timeline, network, dial } = setUp({ maxConnections: 3 }, echo, ['10.0.0.2']);
  const other = network.host('10.0.0.3', { chunking: 'whole' });
  const proxied = ['p1', 'p2'].map((name) => dial(name));
  timeline.run(SECOND);
  const direct = ['d1', 'd2'].map((name) => dial(name, other));
  timeline.run(SECOND);
  const lost = () => [...proxied, ...direct].map(({ events }) => events.lost !== null);
  assert.deepEqual(lost(), [false, false, true, false]);
  dial('p3');
  timeline.run(SECOND);
  assert.deepEqual(lost(), [true, false, true, false]);
});

test('the whole head must come within ten seconds of the opening, even if its bytes keep coming', () => {
  const { timeline, dial } = setUp();
  const { events, socket } = dial();
  for (let second = 1; second < 30; second += 1) timeline.addTask(() => socket.write([Buffer.from('G')]), second * 500);
  timeline.run(9.5 * SECOND);
  assert.equal(events.text, '');
  timeline.run(SECOND);
  assert.match(events.text, /^HTTP\/1.1 408 /);
});
