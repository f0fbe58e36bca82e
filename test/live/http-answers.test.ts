/** What curl reads of odd answers, btget reads alike. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { DEFAULT_FETCH_OPTIONS, type HttpFetchOutcome, httpFetch } from '../../src/discovery/http/http-fetch.js';
import { serveTcp } from '../support/fakes/http-server.js';
import { realTimers } from '../support/real-timers.js';
import { plainTarget } from '../support/sourced-url.js';
import { isInstalled } from './support.js';

const OK = 'HTTP/1.1 200 OK\r\n';
const SEVEN = 'Content-Length: 7\r\n\r\ncontent';
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;

const ANSWERS: readonly string[] = [
  OK + SEVEN,
  `${OK}Content-Length: 7\r\n${SEVEN}`,
  `${OK}Content-Length: 7, 7\r\n\r\ncontent`,
  `${OK}Content-Length: 7 bytes\r\n\r\ncontent`,
  `${OK}Content-Length: +7\r\n\r\ncontent`,
  `${OK}Content-Length:\r\n\r\ncontent`,
  `${OK}Content-Length: -7\r\n\r\ncontent`,
  `${OK}Content-Length: 8\r\n\r\ncontent`,
  `${OK}Content-Length: 3\r\n\r\ncontent`,
  `${OK}Content-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n7\r\ncontent\r\n0\r\n\r\n`,
  `${OK}X A: b\r\n${SEVEN}`,
  `${OK}X(\u00e9): b\r\n${SEVEN}`,
  `${OK}: b\r\n${SEVEN}`,
  `${OK}garbage\r\n${SEVEN}`,
  `${OK}X: a\0b\r\n${SEVEN}`,
  `${OK}X: a\rb\r\n${SEVEN}`,
  `${OK}X: a\u0001b\r\n${SEVEN}`,
  `${OK}X: a\r\n b\r\n${SEVEN}`,
  `${OK}Content-Length : 7\r\n\r\ncontent`,
  `${OK}\r\ncontent`,
  `HTTP/2 200\r\n${SEVEN}`,
  `HTTP/2.0 200 OK\r\n${SEVEN}`,
  `HTTP/1.2 200 OK\r\n${SEVEN}`,
  `HTTP/1.0 200 OK\r\n\r\ncontent`,
  `HTTP/1.1 200\r\n${SEVEN}`,
  `HTTP/1.1 200 \r\n${SEVEN}`,
  `HTTP/1.1 200OK\r\n${SEVEN}`,
  `HTTP/1.1  200 OK\r\n${SEVEN}`,
  `http/1.1 200 OK\r\n${SEVEN}`,
  `HTTP/1.1 2000 OK\r\n${SEVEN}`,
  `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n${OK}${SEVEN}`,
  'HTTP/1.1 200 OK\nContent-Length: 7\n\ncontent',
  'HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n7\ncontent\n0\n\n',
  `${CHUNKED}3;a=b\r\ncon\r\n0004  \r\ntent\r\n0\r\nX: y\r\n\r\n`,
  `${CHUNKED}7\r\ncontent\r\n0\r\n`,
  `${CHUNKED}7\r\ncontent0\r\n\r\n`,
  `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n7\r\ncontent\r\n0\r\n\r\n`,
  `${OK}Transfer-Encoding: identity\r\n${SEVEN}`,
  `HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\ncontent\r\n0\r\n\r\n`,
  'd8:intervali60ee',
  'ICY 200 OK\r\n\r\ncontent',
  '',
];

/** The body, or null for a failure. */
async function readByCurl(url: string): Promise<string | null> {
  const args = ['--disable', '--silent', '--http1.1', '--noproxy', '*', '--max-time', '20', url];
  const curl = spawn('curl', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  let body = '';
  curl.stdout.setEncoding('latin1').on('data', (text: string) => {
    body += text;
  });
  const [code] = await once(curl, 'close');
  return code === 0 ? body : null;
}

async function readByUs(url: string): Promise<string | null> {
  const options = { ...DEFAULT_FETCH_OPTIONS, userAgent: 'btget/0', bind: null };
  const outcome = await new Promise<HttpFetchOutcome>((resolve) =>
    httpFetch(plainTarget(url), options, realTimers, resolve),
  );
  return outcome.ok ? outcome.body.toString('latin1') : null;
}

if (isInstalled('curl', '--version')) {
  test('what curl reads of an odd answer is read alike, and what it refuses is refused', {
    timeout: 60_000,
  }, async (t) => {
    const byCurl: Record<string, string | null> = {};
    const byUs: Record<string, string | null> = {};
    for (const answer of ANSWERS) {
      const host = await serveTcp(t, (socket) => {
        socket.once('data', () => socket.end(answer, 'latin1'));
      });
      byCurl[answer] = await readByCurl(`http://${host}/`);
      byUs[answer] = await readByUs(`http://${host}/`);
    }
    assert.equal(byCurl[OK + SEVEN], 'content');
    assert.deepEqual(byUs, byCurl);
  });
} else console.log('live test against curl skipped: it is not installed (Debian package curl)');
