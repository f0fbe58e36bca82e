/** Web seeds that nginx serves: to btget, and to other clients by the torrents that btget makes. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { scratch } from '../support/disk/scratch.js';
import { CERTIFICATE, CERTIFICATE_KEY } from '../support/fakes/certificate.js';
import { closedPort } from '../support/fakes/http-server.js';
import { seededRandom } from '../support/simulation/seeded-random.js';
import { RIVALS } from './rivals.js';
import { btget, btgetEnds, fingerprint, HOSTS, isInstalled, Program } from './support.js';

const skip = isInstalled('nginx', '-v') ? false : 'nginx is not installed';
const NAMES = ['a b.bin', '100%+ü.bin', 'deep/er/#1?.bin', 'empty.bin', 'last.bin'];

interface Served {
  readonly dir: string;
  /** The folder with the content, `many`, and a bare file, `one.bin`. */
  readonly www: string;
  readonly plain: string;
  readonly secure: string;
  readonly log: () => readonly string[];
}

/** nginx with random files, by HTTP at `host` and by HTTPS at 127.0.0.1. */
async function serve(t: TestContext, host: string): Promise<Served> {
  const dir = scratch(t);
  const www = join(dir, 'www');
  mkdirSync(join(www, 'many', 'deep', 'er'), { recursive: true });
  const random = seededRandom(7);
  for (const [at, name] of NAMES.entries())
    writeFileSync(join(www, 'many', name), random.bytes(name === 'empty.bin' ? 0 : 300_000 + 77_777 * at));
  writeFileSync(join(www, 'one.bin'), random.bytes(5_000_001));
  writeFileSync(join(dir, 'cert.pem'), CERTIFICATE);
  writeFileSync(join(dir, 'key.pem'), CERTIFICATE_KEY);
  const [plain, secure] = [`${host}:${await closedPort(host)}`, `127.0.0.1:${await closedPort()}`];
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const temporary = folders.map((each) => `${each}_temp_path ${dir}/${each};`).join('\n');
  writeFileSync(
    join(dir, 'nginx.conf'),
    `user root root; daemon off; master_process off; pid ${dir}/pid; error_log stderr;
    events {}
    http {
      log_format ranges '$connection $status $request_uri $http_range';
      access_log ${dir}/access.log ranges; ${temporary}
      root ${www};
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
    for (const line of log()) assert.match(line, /^\d+ 206 \S+ bytes=\d+-\d+$/);
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
