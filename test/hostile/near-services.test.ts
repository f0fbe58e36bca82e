/**
 * Torrents, links and redirects name services of this machine and its network that obey lines of text. Nothing of the
 * bytes that strangers chose may arrive there, through whatever door they come.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { before, type TestContext, test } from 'node:test';
import { BtgetProcess, type Ended, runBtget } from '../support/btget-process.js';
import { scratch } from '../support/disk/scratch.js';
import { serveHttp } from '../support/fakes/http-server.js';
import { reportAttack } from './report.js';

/** In the test's namespace these lead to the machine itself, and are no addresses of its interfaces. */
const WORLD = '198.51.100.5';
const METADATA = '169.254.169.254';
const NEAR = ['127.0.0.1', '::1', '10.9.0.8', METADATA, '169.254.9.9'] as const;
/** Redis, memcached, a mail server, a name server. */
const LINE_PORTS = [6379, 11211, 25, 53] as const;
const ADMIN_PORT = 8099;
const COMMANDS = Buffer.from('\r\nFLUSHALL\r\nSHUTDOWN\r\n'.slice(0, 20));
const LINK = `magnet:?xt=urn:btih:${COMMANDS.toString('hex')}`;

before(() => {
  const place = (...args: string[]): void => {
    const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  };
  for (const host of [METADATA, '169.254.9.9']) place('addr', 'add', `${host}/32`, 'dev', 'lo');
  place('route', 'add', 'local', '198.51.100.0/24', 'dev', 'lo');
});

/** Services that answer nothing: what each has got, by its place. */
async function serveLines(context: TestContext): Promise<string[]> {
  const got: string[] = [];
  for (const host of NEAR) {
    for (const port of [...LINE_PORTS, ADMIN_PORT]) {
      const server = createServer((socket) => {
        got.push(`tcp ${host} ${port}: a connection`);
        socket.on('data', (data) => got.push(`tcp ${host} ${port}: ${data.toString('latin1').slice(0, 80)}`));
        socket.on('error', () => socket.destroy());
        context.after(() => socket.destroy());
      });
      server.listen(port, host);
      await once(server, 'listening');
      const datagrams = createSocket(host.includes(':') ? 'udp6' : 'udp4');
      datagrams.on('message', (data) => got.push(`udp ${host} ${port}: ${data.toString('latin1')}`));
      datagrams.bind(port, host);
      await once(datagrams, 'listening');
      context.after(() => {
        server.close();
        datagrams.close();
      });
    }
  }
  return got;
}

const inUrl = (host: string): string => (host.includes(':') ? `[${host}]` : host);

/** What strangers name: each service by each scheme, and the same address in other spellings. */
function hostileUrls(): string[] {
  const places = [...NEAR.map(inUrl), 'localhost', '127.1', '0x7f000001', '2130706433', '[::ffff:7f00:1]', '0.0.0.0'];
  return places.flatMap((host) => [
    ...LINE_PORTS.flatMap((port) => [`http://${host}:${port}/announce`, `udp://${host}:${port}/announce`]),
    `https://${host}:11211/announce`,
    `http://${host}:${ADMIN_PORT}/admin/reboot?now=1`,
    `http://${host}:${ADMIN_PORT}/announce?cmd=1`,
    `http://${host}:${ADMIN_PORT}/announce/../admin`,
    `udp://${host}:${ADMIN_PORT}/admin?x`,
  ]);
}

const OFFLINE = ['--no-dht', '--no-lsd', '--no-port-mapping', '--port', '0'] as const;

function linkWith(urls: readonly string[]): string {
  return `${LINK}${urls.map((url) => `&tr=${encodeURIComponent(url)}`).join('')}`;
}

function torrentWith(urls: readonly string[]): Buffer {
  const text = (value: string): string => `${Buffer.byteLength(value)}:${value}`;
  const info = `d6:lengthi5e4:name5:hello12:piece lengthi16384e6:pieces20:${'h'.repeat(20)}e`;
  return Buffer.from(`d13:announce-listl${urls.map((url) => `l${text(url)}e`).join('')}e4:info${info}e`);
}

/** The URLs of trackers that failed, which proves that they were tried. */
function failedTrackers({ out }: Ended): Set<string> {
  const events = out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
  return new Set(events.filter(({ type, ok }) => type === 'tracker' && !ok).map(({ url }) => url));
}

test('trackers that torrents and links name reach no service of ours', { timeout: 240_000 }, async (context) => {
  const got = await serveLines(context);
  const dir = scratch(context);
  const urls = hostileUrls();
  for (let first = 0; first < urls.length; first += 60) {
    const some = urls.slice(first, first + 60);
    writeFileSync(join(dir, 'x.torrent'), torrentWith(some));
    for (const source of ['x.torrent', linkWith(some)]) {
      const ended = await runBtget(context, dir, [...OFFLINE, '--json', '--timeout', '5s', source]);
      assert.equal(failedTrackers(ended).size, some.length, 'each tracker is tried, and told as failing');
    }
    await runBtget(context, dir, ['doctor', '--no-dht', '--no-port-mapping', '--port', '0', 'x.torrent']);
  }
  const figure = 'bytes and connections at line services';
  reportAttack({ attack: 'A torrent names services', figure, clean: null, underAttack: got.length, limit: 0 });
  assert.deepEqual(got, []);
});

test('redirects from the world reach no service of ours', { timeout: 240_000 }, async (context) => {
  const got = await serveLines(context);
  const dir = scratch(context);
  const targets = hostileUrls().filter((url) => !url.startsWith('udp'));
  let followed = 0;
  const world = await serveHttp(
    context,
    ({ url = '' }, response) => {
      const to = targets[Number(/\d+/.exec(url)?.[0])] ?? '';
      followed += 1;
      response.writeHead(302, { Location: to }).end();
    },
    WORLD,
  );
  const at = targets.map((_, index) => `http://${world}/${index}/announce`);
  const named = await runBtget(context, dir, [...OFFLINE, '--json', '--timeout', '10s', linkWith(at.slice(0, 90))]);
  assert.equal(failedTrackers(named).size, Math.min(90, at.length));
  const byUser = at.flatMap((url) => ['--tracker', url]);
  const asked = await runBtget(context, dir, [...OFFLINE, '--json', '--timeout', '10s', ...byUser, LINK]);
  assert.equal(failedTrackers(asked).size, at.length);
  writeFileSync(join(dir, 'list'), at.join('\n'));
  const fetched = await runBtget(context, dir, [...OFFLINE, '--timeout', '10s', '-i', 'list']);
  assert.equal(fetched.code, 6);
  assert.ok(followed >= 2 * at.length);
  const figure = 'bytes and connections at line services';
  reportAttack({ attack: 'A redirect leads to services', figure, clean: null, underAttack: got.length, limit: 0 });
  assert.deepEqual(got, []);
});

test('what the user names is asked, and so is a tracker of ours that a torrent names', async (context) => {
  const got = await serveLines(context);
  const dir = scratch(context);
  const urls = [`http://10.9.0.8:${ADMIN_PORT}/announce`];
  const named = new BtgetProcess(context, dir, [...OFFLINE, '--timeout', '5s', linkWith(urls)]);
  await named.ended;
  assert.match(got.join('\n'), /tcp 10\.9\.0\.8 8099: GET \/announce\?info_hash=%0D%0AFLUSHALL/);
  got.length = 0;
  await runBtget(context, dir, [...OFFLINE, '--timeout', '5s', '--tracker', 'http://10.9.0.8:6379/x?y=1', LINK]);
  assert.match(got.join('\n'), /tcp 10\.9\.0\.8 6379: GET \/x\?y=1&info_hash=/);
});
