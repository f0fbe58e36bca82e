import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { DEFAULT_FETCH_OPTIONS } from '../../../../src/discovery/http/http-fetch.js';
import { HttpTrackerClient } from '../../../../src/discovery/trackers/http-tracker-client.js';
import type {
  AnnounceOutcome,
  AnnounceRequest,
  ScrapeOutcome,
} from '../../../../src/discovery/trackers/tracker-client.js';
import { answer } from '../../../support/fakes/fake-tracker.js';
import { serveHttp, serveTcp } from '../../../support/fakes/http-server.js';
import { realTimers } from '../../../support/real-timers.js';
import { Timeline } from '../../../support/simulation/timeline.js';
import { byUser } from '../../../support/sourced-url.js';

const OPTIONS = { ...DEFAULT_FETCH_OPTIONS, userAgent: 'btget/0', bind: null };

const request = (url: string): AnnounceRequest => ({
  ...byUser(url),
  infoHash: Buffer.alloc(20, 0xfe),
  peerId: Buffer.alloc(20, 'p'),
  port: 6881,
  uploaded: 0,
  downloaded: 0,
  left: 0,
  event: 'started',
  numwant: 50,
  key: '01234567',
  trackerId: null,
  encryption: 'none',
});

function announce(url: string): Promise<AnnounceOutcome> {
  const client = new HttpTrackerClient(realTimers, OPTIONS);
  return new Promise((resolve) => client.announce(request(url), resolve));
}

test('an announce is sent and its answer is read, packed or not', async (context) => {
  const urls: (string | undefined)[] = [];
  const host = await serveHttp(context, ({ url }, response) => {
    urls.push(url);
    response.setHeader('Content-Encoding', 'gzip');
    response.end(gzipSync('d8:intervali900e5:peers6:\u0001\u0002\u0003\u0004\u0005\u0006e'));
  });
  assert.deepEqual(
    await announce(`http://${host}/announce?passkey=1`),
    answer({ interval: 900, peers: [{ host: '1.2.3.4', port: 0x0506, peerId: null }] }, '127.0.0.1'),
  );
  assert.deepEqual(urls, [
    `/announce?passkey=1&info_hash=${'%FE'.repeat(20)}&peer_id=${'p'.repeat(20)}&port=6881&uploaded=0&downloaded=0&left=0` +
      '&key=01234567&compact=1&numwant=50&event=started',
  ]);
});

test('a scrape goes to the URL beside that of the announce, and fails as an announce does', async (context) => {
  const torrent = Buffer.alloc(20, 'a');
  const host = await serveHttp(context, ({ url = '' }, response) => {
    const isRight = url === `/scrape?info_hash=${'a'.repeat(20)}`;
    response.end(isRight ? `d5:filesd20:${torrent}d8:completei3eeee` : 'd14:failure reason2:noe');
  });
  const client = new HttpTrackerClient(realTimers, OPTIONS);
  const scrape = (url: string): Promise<ScrapeOutcome> =>
    new Promise((resolve) => client.scrape(byUser(url), [torrent], resolve));
  const torrents = [{ seeds: 3, downloaded: null, leeches: null }];
  assert.deepEqual(await scrape(`http://${host}/announce`), { ok: true, torrents });
  const refused = await scrape(`http://${host}/other/announce`);
  assert.deepEqual(refused, { ok: false, code: 'refused', message: 'no' });
  assert.equal((await scrape(`http://${host}/`)).ok, false);
});

test('every way in which a tracker fails has its code', async (context) => {
  const host = await serveHttp(context, ({ url = '' }, response) => {
    const status = Number(/^\/(\d+)/.exec(url)?.[1]);
    const said = url.includes('said');
    response.writeHead(status, status === 503 ? { 'Retry-After': '90' } : {});
    response.end(said ? 'd14:failure reason12:unregistered8:retry ini2ee' : 'le');
  });
  const paths = ['200', '200?said', '403', '403?said', '503', '503?said'];
  const outcomes: Record<string, unknown> = {};
  for (const path of paths) outcomes[path] = await announce(`http://${host}/${path}`);
  outcomes['udp'] = await announce('udp://tracker.test:80');
  assert.deepEqual(outcomes, {
    '200': { ok: false, code: 'bad-answer', message: 'the answer is not a dictionary' },
    '200?said': { ok: false, code: 'refused', message: 'unregistered', retryAfter: 120 },
    '403': { ok: false, code: 'bad-answer', message: 'HTTP status 403 Forbidden' },
    '403?said': { ok: false, code: 'refused', message: 'unregistered', retryAfter: 120 },
    '503': { ok: false, code: 'bad-answer', message: 'HTTP status 503 Service Unavailable', retryAfter: 90 },
    '503?said': { ok: false, code: 'refused', message: 'unregistered', retryAfter: 90 },
    udp: { ok: false, code: 'forbidden', message: 'udp: urls are not fetched' },
  });
});

test('a refusal with an HTTP error keeps its intervals, and "never" too', async (context) => {
  const host = await serveHttp(context, ({ url }, response) => {
    response.writeHead(429, { 'Retry-After': '90' });
    const wish = url?.startsWith('/never') ? '8:retry in5:never' : '8:intervali7200e';
    response.end(`d14:failure reason4:busy${wish}e`);
  });
  const busy = { ok: false, code: 'refused', message: 'busy' };
  assert.deepEqual(await announce(`http://${host}/later`), { ...busy, interval: 7200, retryAfter: 90 });
  assert.deepEqual(await announce(`http://${host}/never`), { ...busy, retryAfter: Number.POSITIVE_INFINITY });
});

test('a URL that we refuse fails later, on the timeline, and not after the call was cancelled', () => {
  const timeline = new Timeline();
  const log: string[] = [];
  const client = new HttpTrackerClient(timeline, OPTIONS);
  for (const url of ['udp://a', 'http://0.0.0.0/']) {
    client.announce(request(url), (outcome) => log.push(`${url} ${outcome.ok}`));
    client.announce(request(url), () => log.push('cancelled')).cancel();
  }
  assert.deepEqual(log, []);
  timeline.run(100_000);
  assert.deepEqual(log, ['udp://a false', 'http://0.0.0.0/ false']);
  assert.equal(timeline.pending, 0);
});

test('a request that is under way when the client is closed is given up, and never answered', async (context) => {
  let asked: () => void = () => undefined;
  const isAsked = new Promise<void>((resolve) => {
    asked = resolve;
  });
  let hungUp: () => void = () => undefined;
  const isHungUp = new Promise<void>((resolve) => {
    hungUp = resolve;
  });
  const host = await serveTcp(context, (socket) => socket.once('data', asked).once('close', hungUp));
  const client = new HttpTrackerClient(realTimers, OPTIONS);
  const log: string[] = [];
  client.announce(request(`http://${host}/announce`), () => log.push('answered'));
  await isAsked;
  client.close();
  await isHungUp;
  assert.deepEqual(log, []);
});
