/** Strangers name addresses of peers: services of this machine and of its network, and tar pits. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { encodeBencode } from '../../src/bencode/encode.js';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { encodeCompact } from '../../src/net/ip-address.js';
import { DEFAULT_NODE_RAW_SERVER_OPTIONS, NodeRawServer } from '../../src/net/node-raw-server.js';
import type { PeerAddress } from '../../src/net/raw-server.js';
import { createTorrent } from '../../src/session/create-torrent.js';
import { btget, btgetEnds, startSeed } from '../live/support.js';
import { scratch } from '../support/disk/scratch.js';
import { type FakeIdentity, FakeTalk } from '../support/fakes/fake-talk.js';
import { serveHttp } from '../support/fakes/http-server.js';
import { pexScript } from '../support/fakes/pex-script.js';
import { reportAttack } from './report.js';

const [TRACKER, LEECH, SEED, PROXY] = ['10.9.0.1', '10.9.0.2', '10.9.0.3', '10.9.0.4'];
const MIB = 1 << 20;

/** A service that notes each connection and what comes over it. */
async function startService(t: TestContext, host: string, port: number, reached: string[]): Promise<number> {
  const server = createServer((socket) => {
    const place = `${host}:${socket.localPort}`;
    reached.push(`${place} connected`);
    socket.on('error', () => undefined).on('data', (data) => reached.push(`${place} got ${data.toString('latin1')}`));
  });
  return listen(t, server, host, port);
}

async function listen(t: TestContext, server: Server, host: string, port: number): Promise<number> {
  t.after(() => server.close());
  server.on('connection', (socket) => t.after(() => socket.destroy()));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve);
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : assert.fail();
}

/** A peer that tells each peer that wants them of `addresses`, seventy in a message. */
async function startLiar(
  t: TestContext,
  host: string,
  identity: FakeIdentity,
  addresses: readonly PeerAddress[],
): Promise<string> {
  const gotException = (error: unknown): void => assert.ifError(error);
  const server = new NodeRawServer({ ...DEFAULT_NODE_RAW_SERVER_OPTIONS, gotException });
  t.after(() => server.close());
  const script = pexScript((tellOf) => {
    for (let begin = 0; begin < addresses.length; begin += 70) tellOf(addresses.slice(begin, begin + 70));
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(
      { host, port: 0 },
      {
        acceptsConnection: () => true,
        externalConnectionMade: (socket) => {
          const talk = new FakeTalk(server, identity, script);
          talk.attach(socket);
          return talk;
        },
      },
      (outcome) => resolve(outcome.ok && 'port' in outcome.listener.address ? outcome.listener.address.port : 0),
    );
  });
  return `${host}:${port}`;
}

const compact = (addresses: readonly PeerAddress[]): Buffer =>
  Buffer.concat(addresses.flatMap((address) => encodeCompact(address) ?? []));

test('no link, tracker or peer leads us to a service of this machine, nor to one that obeys lines', async (t) => {
  const dir = scratch(t);
  const reached: string[] = [];
  const port = await startService(t, '127.0.0.1', 0, reached);
  await startService(t, '127.0.0.1', 6379, reached);
  await startService(t, '::1', port, reached);
  for (const service of [6379, 11_211, 25, 9_200]) await startService(t, '10.9.0.30', service, reached);
  const ordinary = await startService(t, '10.9.0.31', 0, reached);
  const command = Buffer.from('\r\nFLUSHALL\r\nquit\r\n\r\n'.slice(0, 20), 'latin1');
  const services = [
    { host: '127.0.0.1', port },
    { host: '127.0.0.1', port: 6379 },
    { host: '127.8.8.8', port },
    { host: '0.0.0.0', port },
    { host: '10.9.0.255', port },
    ...[6379, 11_211, 25, 9_200].map((each) => ({ host: '10.9.0.30', port: each })),
  ];
  const liar = await startLiar(t, '10.9.0.20', { infoHash: command, peerId: Buffer.alloc(20, 'liar') }, services);
  const tracker = await serveHttp(
    t,
    (_request, response) =>
      response.end(
        encodeBencode(
          new Map<string, number | Buffer>([
            ['interval', 60],
            ['peers', compact(services)],
            ['peers6', compact([{ host: '::1', port }])],
          ]),
        ),
      ),
    TRACKER,
  );
  const named = [
    ...services.map(({ host, port: each }) => `${host}:${each}`),
    `localhost:${port}`,
    `[::1]:${port}`,
    `[::ffff:127.0.0.1]:${port}`,
    `[::ffff:7f00:1]:${port}`,
    `10.9.0.31:${ordinary}`,
  ];
  const link = [
    `magnet:?xt=urn:btih:${command.toString('hex')}`,
    ...named.map((each) => `x.pe=${encodeURIComponent(each)}`),
    `tr=${encodeURIComponent(`http://${tracker}/announce`)}`,
  ].join('&');
  const args = [link, '-d', dir, '--timeout', '6', '--peer', liar, '--no-dht'];
  const { stderr } = await btgetEnds(t, 2, ...args);
  reportAttack({
    attack: 'a link, its tracker and a peer name services on loopback and in the own network',
    figure: 'services reached',
    clean: null,
    underAttack: reached.length,
    limit: 0,
  });
  assert.deepEqual(reached, []);
  assert.match(stderr, /the link names a peer at 127\.0\.0\.1:\d+ and \d+ more, where no link may lead; --peer /);
});

/** Seconds that a download takes, and after which the seed that the tracker named was dialled. */
async function download(t: TestContext, liars: number): Promise<{ wall: number; dialled: number }> {
  const dir = scratch(t);
  mkdirSync(join(dir, 'seed'));
  writeFileSync(join(dir, 'seed', 'data'), Buffer.alloc(10 * MIB, 'tar pit'));
  const bytes = await createTorrent(join(dir, 'seed', 'data'), { pieceLength: 64 * 1024 });
  const torrent = join(dir, 'data.torrent');
  writeFileSync(torrent, bytes);
  const { infoHash } = parseMetainfo(bytes);
  const seed = await startSeed(t, SEED, torrent, join(dir, 'seed'), '--no-trackers', '--no-dht', '--max-upload', '1M');
  let namedAt = 0;
  let dialledAt = 0;
  const proxy = createServer((near) => {
    dialledAt ||= performance.now();
    const far = connect({ host: SEED, port: Number(seed.split(':')[1]), localAddress: PROXY });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const)
      from.on('error', () => to.destroy()).pipe(to);
  });
  const proxyPort = await listen(t, proxy, PROXY, 0);
  // All of 10.9.0.0/24 leads to this machine: a pit at each address that nobody else has.
  const pits = createServer((socket) => socket.on('error', () => undefined).resume());
  const pitPort = await listen(t, pits, '0.0.0.0', 0);
  const hosts = Array.from({ length: 210 }, (_, index) => ({ host: `10.9.0.${41 + index}`, port: pitPort }));
  const tracker = await serveHttp(
    t,
    (_request, response) => {
      setTimeout(() => {
        namedAt ||= performance.now();
        const peers = compact([{ host: PROXY, port: proxyPort }]);
        response.end(
          encodeBencode(
            new Map<string, number | Buffer>([
              ['interval', 60],
              ['peers', peers],
            ]),
          ),
        );
      }, 3_000);
    },
    TRACKER,
  );
  const named = await Promise.all(
    Array.from({ length: liars }, (_, number) => {
      const peerId = Buffer.from(`-XX0001-liar${`${number}`.padStart(8, '0')}`);
      return startLiar(t, `10.9.0.${10 + number}`, { infoHash, peerId }, hosts);
    }),
  );
  const began = performance.now();
  const peers = named.flatMap((liar) => ['--peer', liar]);
  const trackers = ['--tracker', `http://${tracker}/announce`];
  const leech = btget(t, torrent, '-d', join(dir, 'leech'), '--bind', LEECH, '--no-dht', ...peers, ...trackers);
  assert.equal(await leech.ended, 0, leech.stderr);
  return { wall: (performance.now() - began) / 1000, dialled: (dialledAt - namedAt) / 1000 };
}

test('tar pits that peers name do not keep us from the seed that the tracker names', async (t) => {
  const clean = await download(t, 0);
  for (const liars of [1, 10]) {
    const attacked = await download(t, liars);
    const attack = `${liars === 1 ? 'one peer names' : `${liars} peers name`} 210 tar pits before the tracker names the seed`;
    const rows = [
      {
        attack,
        figure: 'seed dialled after it was named, s',
        clean: clean.dialled,
        underAttack: attacked.dialled,
        limit: 3,
      },
      { attack, figure: 'wall, s', clean: clean.wall, underAttack: attacked.wall, limit: clean.wall * 1.25 + 1 },
    ];
    for (const row of rows) {
      reportAttack(row);
      assert.ok(row.underAttack <= row.limit, `${row.figure}: ${row.underAttack}, at most ${row.limit}`);
    }
  }
});
