/** Web seeds that nginx serves: to btget, and to other clients by the torrents that btget makes, and the other way. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { scratch } from '../support/disk/scratch.js';
import { AUTHORITY, CERTIFICATE, CERTIFICATE_KEY, EXPIRED, LEAF, LEAF_KEY } from '../support/fakes/certificate.js';
import { closedPort } from '../support/fakes/http-server.js';
import { seededRandom } from '../support/simulation/seeded-random.js';
import { RIVALS } from './rivals.js';
import {
  btget,
  btgetEnds,
  fingerprint,
  HOSTS,
  isInstalled,
  LIBTORRENT_CREATE,
  lengthOf,
  Program,
  PYTHON,
  startSeed,
  WORLD_HOST,
} from './support.js';

const skip = isInstalled('nginx', '-v') ? false : 'nginx is not installed';
const NAMES = ['a b.bin', '100%+ü.bin', 'deep/er/#1?.bin', 'empty.bin', 'last.bin'];

interface Served {
  readonly dir: string;
  /** The folder with the content, `many`, and a bare file, `one.bin`. */
  readonly www: string;
  readonly plain: string;
  readonly secure: string;
  /** A line for each request: connection, status, URL, range, bytes of the body that were sent. */
  readonly log: () => readonly string[];
}

interface ServeOptions {
  /** In PEM. */
  readonly certificate?: string;
  readonly key?: string;
  /** Where it listens for HTTPS. */
  readonly secureHost?: string;
  /** Of the bare file. */
  readonly length?: number;
  /** Bytes a second of each connection. */
  readonly rate?: number;
}

/** nginx with random files, by HTTP at `host`, and by HTTPS. */
async function serve(
  t: TestContext,
  host: string,
  {
    certificate = CERTIFICATE,
    key = CERTIFICATE_KEY,
    secureHost = '127.0.0.1',
    length = 5_000_001,
    rate = 0,
  }: ServeOptions = {},
): Promise<Served> {
  const dir = scratch(t);
  const www = join(dir, 'www');
  mkdirSync(join(www, 'many', 'deep', 'er'), { recursive: true });
  const random = seededRandom(7);
  for (const [at, name] of NAMES.entries())
    writeFileSync(join(www, 'many', name), random.bytes(name === 'empty.bin' ? 0 : 300_000 + 77_777 * at));
  writeFileSync(join(www, 'one.bin'), random.bytes(length));
  writeFileSync(join(dir, 'cert.pem'), certificate);
  writeFileSync(join(dir, 'key.pem'), key);
  const [plain, secure] = [`${host}:${await closedPort(host)}`, `${secureHost}:${await closedPort(secureHost)}`];
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const temporary = folders.map((each) => `${each}_temp_path ${dir}/${each};`).join('\n');
  writeFileSync(
    join(dir, 'nginx.conf'),
    `user root root; daemon off; master_process off; pid ${dir}/pid; error_log stderr;
    events {}
    http {
      log_format ranges '$connection $status $request_uri $http_range $body_bytes_sent';
      access_log ${dir}/access.log ranges; ${temporary}
      root ${www}; limit_rate ${rate};
      server { listen ${plain}; }
      server { listen ${secure} ssl; ssl_certificate ${dir}/cert.pem; ssl_certificate_key ${dir}/key.pem; }
    }`,
  );
  const nginx = new Program(t, 'nginx', ['-p', dir, '-c', join(dir, 'nginx.conf')]);
  while (!(await isThere(plain))) {
    if (nginx.child.exitCode !== null) throw new Error(`nginx ended: ${nginx.stderr}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const log = (): readonly string[] => readFileSync(join(dir, 'access.log'), 'utf8').trim().split('\n').slice(1);
  return { dir, www, plain, secure, log };
}

function isThere(place: string): Promise<boolean> {
  return new Promise((resolve) => {
    get(`http://${place}/`, { agent: false }, (response) => {
      response.resume().on('end', () => resolve(true));
    }).on('error', () => resolve(false));
  });
}

const FENCE = ['--bind', '127.0.0.1', '--port', '0', '--no-dht', '--no-lsd'];

for (const version of ['1', '2', 'hybrid'])
  test(`nginx gives btget every file of a folder over few connections (version ${version})`, { skip }, async (t) => {
    const { dir, www, plain, log } = await serve(t, '127.0.0.1');
    const torrent = join(dir, 'many.torrent');
    await btgetEnds(
      t,
      0,
      'create',
      join(www, 'many'),
      '-o',
      torrent,
      '--meta-version',
      version,
      '--piece-length',
      '64K',
    );
    await btgetEnds(t, 0, torrent, '-d', join(dir, 'got'), '--web-seed', `http://${plain}/`, ...FENCE);
    assert.deepEqual(fingerprint(join(dir, 'got/many')), fingerprint(join(www, 'many')));
    const connections = new Set(log().map((line) => line.split(' ')[0]));
    assert.ok(connections.size <= 3, log().join('\n'));
    for (const line of log()) assert.match(line, /^\d+ 206 \S+ bytes=\d+-\d+ \d+$/);
  });

test('nginx over https is believed when its authority is named, and only then', { skip }, async (t) => {
  const { dir, www, secure } = await serve(t, '127.0.0.1');
  const torrent = join(dir, 'one.torrent');
  await btgetEnds(t, 0, 'create', join(www, 'one.bin'), '-o', torrent);
  const seed = ['--web-seed', `https://${secure}/one.bin`, ...FENCE];
  const refused = btget(t, torrent, '-d', join(dir, 'no'), '--json', ...seed);
  const warning = await refused.event('warning', ({ code }) => code === 'web-seed');
  assert.match(String(warning['message']), /its certificate is self-signed/);
  await btgetEnds(t, 0, torrent, '-d', join(dir, 'got'), ...seed, '--ca-certificate', join(dir, 'cert.pem'));
  assert.ok(readFileSync(join(dir, 'got/one.bin')).equals(readFileSync(join(www, 'one.bin'))));
});

for (const rival of RIVALS.filter(({ name }) => name === 'libtorrent' || name === 'aria2'))
  test(`${rival.name} downloads from the web seed of a torrent that btget made`, {
    skip: skip || !rival.installed,
  }, async (t) => {
    const { dir, www, plain, log } = await serve(t, HOSTS.rival);
    const torrent = join(dir, 'many.torrent');
    await btgetEnds(t, 0, 'create', join(www, 'many'), '-o', torrent, '--web-seed', `http://${plain}/`);
    mkdirSync(join(dir, 'theirs'));
    const { complete } = await rival.start(t, { torrent, dir: join(dir, 'theirs'), host: HOSTS.rival, peers: [] });
    await complete();
    assert.ok(log().length > 0);
    assert.deepEqual(fingerprint(join(dir, 'theirs/many')), fingerprint(join(www, 'many')));
  });

/** Makes a torrent whose web seed is `url`. */
interface Maker {
  readonly name: string;
  readonly installed: boolean;
  readonly make: (content: string, torrent: string, url: string) => { status: number | null; stderr: Buffer };
}

const MAKERS: readonly Maker[] = [
  ...['1', '2', 'hybrid'].map((version) => ({
    name: `libtorrent (version ${version})`,
    installed: spawnSync(PYTHON, ['-c', 'import libtorrent']).status === 0,
    make: (content: string, torrent: string, url: string) =>
      spawnSync(PYTHON, [LIBTORRENT_CREATE], { input: JSON.stringify([content, 65_536, version, torrent, url]) }),
  })),
  {
    name: 'mktorrent',
    installed: isInstalled('mktorrent', '-h'),
    make: (content, torrent, url) => spawnSync('mktorrent', ['-l', '16', '-w', url, '-o', torrent, content]),
  },
];

const WORLD_FENCE = ['--bind', HOSTS.btget, '--port', '0', '--no-dht', '--no-lsd'];

for (const { name, installed, make } of MAKERS)
  test(`a torrent that ${name} made leads btget to its web seed`, { skip: skip || !installed }, async (t) => {
    const { dir, www, plain, log } = await serve(t, WORLD_HOST);
    for (const [content, url] of [
      ['many', `http://${plain}/`],
      ['one.bin', `http://${plain}/one.bin`],
    ] as const) {
      const torrent = join(dir, `${content}.torrent`);
      const { status, stderr } = make(join(www, content), torrent, url);
      assert.equal(status, 0, String(stderr));
      await btgetEnds(t, 0, torrent, '-d', join(dir, 'got'), ...WORLD_FENCE);
    }
    assert.deepEqual(fingerprint(join(dir, 'got')), fingerprint(www));
    for (const line of log()) assert.match(line, /^\d+ 206 /);
  });

test('nginx over https is refused when its certificate is for another name, too old, or of nobody known', {
  skip,
}, async (t) => {
  const good = await serve(t, '127.0.0.1', { certificate: LEAF, key: LEAF_KEY });
  const other = await serve(t, '127.0.0.1', { certificate: LEAF, key: LEAF_KEY, secureHost: '127.0.0.2' });
  const old = await serve(t, '127.0.0.1', { certificate: EXPIRED, key: LEAF_KEY });
  const authority = join(good.dir, 'authority.pem');
  writeFileSync(authority, AUTHORITY);
  const torrent = join(good.dir, 'one.torrent');
  await btgetEnds(t, 0, 'create', join(good.www, 'one.bin'), '-o', torrent);
  const trusting = ['--ca-certificate', authority];
  const port = good.secure.split(':')[1];
  const rows: readonly [url: string, more: readonly string[], message: RegExp][] = [
    [`https://${other.secure}/one.bin`, trusting, /^web seed \S+: 127\.0\.0\.2:\d+: its certificate is for /],
    [`https://${old.secure}/one.bin`, trusting, /^web seed \S+: 127\.0\.0\.1:\d+: its certificate has expired/],
    [`https://${good.secure}/one.bin`, [], /^web seed \S+: 127\.0\.0\.1:\d+: its certificate comes from an authority/],
  ];
  for (const [at, [url, more, message]] of rows.entries()) {
    const args = [torrent, '-d', join(good.dir, `no-${at}`), '--json', '--web-seed', url, ...FENCE, ...more];
    const refused = btget(t, ...args);
    const warning = await refused.event('warning', ({ code }) => code === 'web-seed');
    assert.match(String(warning['message']), message);
    await refused.interrupt();
  }
  assert.deepEqual([...good.log(), ...other.log(), ...old.log()], [], 'nothing was asked for');
  const url = `https://localhost:${port}/one.bin`;
  await btgetEnds(t, 0, torrent, '-d', join(good.dir, 'got'), '--web-seed', url, ...FENCE, ...trusting);
  assert.equal(good.log().length > 0, true);
});

const MEGABYTE = 1_000_000;

interface Shared {
  /** How much of the file the mirror sent. */
  readonly share: number;
  /** Of each request to the mirror, how much of its range was sent. */
  readonly requests: readonly number[];
}

/** Downloads from a mirror and seeds, and notes how fast that was. */
async function download(
  t: TestContext,
  what: string,
  served: Served,
  torrent: string,
  args: readonly string[],
): Promise<Shared> {
  const before = served.log().length;
  const dir = join(served.dir, `got ${what}`);
  const begun = performance.now();
  await btgetEnds(t, 0, torrent, '-d', dir, ...WORLD_FENCE, ...args);
  const elapsed = (performance.now() - begun) / 1000;
  assert.deepEqual(readFileSync(join(dir, 'one.bin')), readFileSync(join(served.www, 'one.bin')));
  const length = lengthOf(join(dir, 'one.bin'));
  const answers = served
    .log()
    .slice(before)
    .map((line) => /bytes=(\d+)-(\d+) (\d+)$/.exec(line)?.slice(1).map(Number) as [number, number, number]);
  const sent = answers.reduce((sum, [, , each]) => sum + each, 0);
  const rate = length / MEGABYTE / elapsed;
  t.diagnostic(
    `${what}: ${elapsed.toFixed(2)} s, ${rate.toFixed(1)} MB/s, ${(sent / MEGABYTE).toFixed(1)} MB by the mirror`,
  );
  return { share: sent / length, requests: answers.map(([first, last, each]) => each / (last + 1 - first)) };
}

test('a mirror and a peer of the same rate each send about half, so both are faster than either alone', {
  skip,
}, async (t) => {
  const served = await serve(t, WORLD_HOST, { length: 40 * MEGABYTE, rate: 4 * MEGABYTE });
  const torrent = join(served.dir, 'one.torrent');
  await btgetEnds(t, 0, 'create', join(served.www, 'one.bin'), '-o', torrent, '--piece-length', '256K');
  const peer = ['--peer', await startSeed(t, HOSTS.other, torrent, served.www, '--max-upload', '4M', '--no-dht')];
  const mirror = ['--web-seed', `http://${served.plain}/one.bin`];
  assert.equal((await download(t, 'the mirror alone', served, torrent, mirror)).share, 1);
  assert.equal((await download(t, 'the peer alone', served, torrent, peer)).share, 0);
  const { share } = await download(t, 'the mirror and the peer', served, torrent, [...mirror, ...peer]);
  assert.ok(share > 0.3 && share < 0.7, `the mirror sent ${share} of the file`);
});

test('a mirror of half a MB/s beside a fast swarm is not waited for', { skip }, async (t) => {
  // What is asked of it at once, 1 MiB, takes longer than the whole download.
  const served = await serve(t, WORLD_HOST, { length: 200 * MEGABYTE, rate: MEGABYTE / 2 });
  const torrent = join(served.dir, 'one.torrent');
  await btgetEnds(t, 0, 'create', join(served.www, 'one.bin'), '-o', torrent, '--piece-length', '256K');
  const peers: string[] = [];
  for (const host of [HOSTS.other, HOSTS.rival])
    peers.push('--peer', await startSeed(t, host, torrent, served.www, '--no-dht'));
  const mirror = ['--web-seed', `http://${served.plain}/one.bin`];
  assert.equal((await download(t, 'the swarm alone', served, torrent, peers)).share, 0);
  const { requests } = await download(t, 'the swarm and a mirror of half a MB/s', served, torrent, [
    ...mirror,
    ...peers,
  ]);
  assert.ok((requests.at(-1) as number) < 1, `the peers took over nothing of ${requests.join(', ')}`);
});
