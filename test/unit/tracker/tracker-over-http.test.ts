import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { type TestContext, test } from 'node:test';
import { systemRandom } from '../../../src/base/system-random.js';
import { PAGE_STYLE, writeTrackerPage } from '../../../src/cli/output/tracker-page.js';
import { DEFAULT_FETCH_OPTIONS } from '../../../src/discovery/http/http-fetch.js';
import { HttpTrackerClient } from '../../../src/discovery/trackers/http-tracker-client.js';
import type {
  AnnounceOutcome,
  AnnounceRequest,
  AnnounceResponse,
} from '../../../src/discovery/trackers/tracker-client.js';
import { DEFAULT_NODE_RAW_SERVER_OPTIONS, NodeRawServer } from '../../../src/net/node-raw-server.js';
import { HttpHandler } from '../../../src/tracker/http-handler.js';
import { DEFAULT_NAT_CHECK_OPTIONS, NatCheck } from '../../../src/tracker/nat-check.js';
import { Tracker } from '../../../src/tracker/tracker.js';
import { DEFAULT_HTTP_OPTIONS, DEFAULT_TRACKER_OPTIONS } from '../../../src/tracker/tracker-options.js';
import { answer } from '../../support/fakes/fake-tracker.js';
import { parseMetrics } from '../../support/metrics-text.js';
import { byUser } from '../../support/sourced-url.js';

const NAMED = { name: '<script>alert(1)</script>', length: 3 << 20, private: false };

/** A tracker on real sockets, put together as the command does it. Resolves to its address. */
async function startTracker(context: TestContext): Promise<{ server: NodeRawServer; host: string }> {
  const server = new NodeRawServer({
    ...DEFAULT_NODE_RAW_SERVER_OPTIONS,
    bindAddresses: { ipv4: '127.0.0.1' },
    gotException: (error) => {
      throw error;
    },
  });
  context.after(() => server.close());
  const natCheck = new NatCheck(server, systemRandom.bytes(20), DEFAULT_NAT_CHECK_OPTIONS);
  const tracker = new Tracker(
    {
      timers: server,
      random: systemRandom,
      natCheck,
      isAllowed: () => true,
      clientOf: ({ remote }) => remote.host,
      face: { version: '1', known: () => NAMED, page: { style: PAGE_STYLE, write: writeTrackerPage } },
      save: () => undefined,
    },
    DEFAULT_TRACKER_OPTIONS,
  );
  tracker.begin();
  const handler = new HttpHandler(
    server,
    (request) => tracker.get(request),
    DEFAULT_HTTP_OPTIONS,
    () => false,
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.listen({ port: 0 }, handler, (outcome) => {
      if (outcome.ok && 'port' in outcome.listener.address) resolve(outcome.listener.address.port);
      else reject(new Error('cannot listen'));
    });
  });
  return { server, host: `127.0.0.1:${port}` };
}

async function ask(url: string, method = 'GET'): Promise<{ response: IncomingMessage; body: string }> {
  const asked = request(url, { agent: false, method }).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  let body = '';
  for await (const text of response.setEncoding('latin1')) body += text;
  return { response, body };
}

async function read(url: string): Promise<{ status: number | undefined; type: string | undefined; body: string }> {
  const { response, body } = await ask(url);
  return { status: response.statusCode, type: response.headers['content-type'], body };
}

test('Node’s own HTTP client reads what the tracker answers', async (context) => {
  const { host } = await startTracker(context);
  assert.deepEqual(await read(`http://${host}/announce?info_hash=short`), {
    status: 200,
    type: 'text/plain',
    body: 'd14:failure reason25:info_hash is not 20 bytese',
  });
  assert.deepEqual(await read(`http://${host}/stats.json`), {
    status: 200,
    type: 'application/json',
    body:
      '{"torrentCount":0,"version":"1","uptime":0,"seeds":0,"leeches":0,"announces":{"http":1,"udp":0},' +
      '"scrapes":{"http":0,"udp":0},"refusals":{"malformed":1,"not_served":0,"other_peer":0},"completions":0,"torrents":[]}\n',
  });
  assert.equal((await read(`http://${host}/other`)).status, 404);
});

test('the page, the statistics and the metrics come over a socket, with what keeps a browser from harm', async (context) => {
  const { host } = await startTracker(context);
  const hash = Buffer.alloc(20, 'h');
  await read(`http://${host}/announce?info_hash=${hash}&peer_id=${'p'.repeat(20)}&port=7001&left=5`);
  for (const path of ['/', '/stats.json', '/metrics']) {
    const { response, body } = await ask(`http://${host}${path}`);
    const { headers } = response;
    assert.deepEqual(
      [response.statusCode, headers['x-content-type-options'], headers['cache-control']],
      [200, 'nosniff', 'no-store'],
    );
    assert.equal(Number(headers['content-length']), body.length);
    const head = await ask(`http://${host}${path}`, 'HEAD');
    assert.deepEqual([head.response.statusCode, head.body], [200, '']);
    assert.deepEqual({ ...head.response.headers, 'content-length': '' }, { ...headers, 'content-length': '' });
  }
  const { response, body } = await ask(`http://${host}/`);
  const [style = ''] = /(?<=<style>)[^<]*/.exec(body) ?? [];
  const digest = createHash('sha256').update(style).digest('base64');
  assert.equal(
    response.headers['content-security-policy'],
    `default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src 'sha256-${digest}'`,
  );
  assert.ok(body.includes('<bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi><td class="n">3 MiB'), body);
  const metrics = parseMetrics((await ask(`http://${host}/metrics`)).body);
  assert.deepEqual(metrics.get('btget_tracker_announces_total')?.samples[0], [{ transport: 'http' }, 1]);
});

test('two clients find each other through the tracker, and no socket is left', async (context) => {
  const { server, host } = await startTracker(context);
  const options = { ...DEFAULT_FETCH_OPTIONS, userAgent: 'btget/0', bind: { ipv4: '127.0.0.1' } };
  const client = new HttpTrackerClient(server, options);
  const announce = (name: string, port: number, event: AnnounceRequest['event']) =>
    new Promise<AnnounceOutcome>((resolve) => {
      const asked: AnnounceRequest = {
        ...byUser(`http://${host}/announce`),
        infoHash: Buffer.from('%&+ \0ÿ0123456789abcd', 'latin1'),
        peerId: Buffer.alloc(20, name),
        port,
        uploaded: 0,
        downloaded: 0,
        left: name === 'seed' ? 0 : 5,
        event,
        numwant: 50,
        key: '01234567',
        trackerId: null,
        encryption: 'none',
      };
      client.announce(asked, resolve);
    });
  const told = (fields: Partial<AnnounceResponse>) =>
    answer({ interval: 1800, minInterval: 60, ...fields }, '127.0.0.1');
  const peer = (port: number) => ({ host: '127.0.0.1', port, peerId: null });
  assert.deepEqual(await announce('seed', 7001, 'started'), told({ seeds: 1, leeches: 0 }));
  assert.deepEqual(await announce('leech', 7002, 'started'), told({ seeds: 1, leeches: 1, peers: [peer(7001)] }));
  assert.deepEqual(await announce('seed', 7001, null), told({ seeds: 1, leeches: 1, peers: [peer(7002)] }));
  assert.deepEqual(await announce('leech', 7002, 'stopped'), told({ seeds: 1, leeches: 0 }));
  while (server.socketCount > 0) await new Promise((resolve) => server.addTask(() => resolve(null), 1));
});
