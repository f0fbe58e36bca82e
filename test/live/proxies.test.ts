/** Whole downloads on a machine whose only way out is a proxy of Debian's, and not one packet beside it. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { formatMagnet, linkOf } from '../../src/metainfo/magnet.js';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { scratch } from '../support/disk/scratch.js';
import { writeNoise } from '../support/noise.js';
import { startDht } from './dht-nodes.js';
import { CAN_WATCH } from './machine.js';
import {
  BEYOND,
  LOGIN,
  NAMES,
  PROXIES,
  PROXY,
  ProxiedMachine,
  type ProxyProgram,
  type Watched,
} from './proxied-machine.js';
import { btget, btgetEnds, fingerprint, isInstalled, Program } from './support.js';

const MiB = 1 << 20;
const MISSING = Object.values(PROXIES).filter(({ installed }) => !installed);
for (const { name, package: debian } of MISSING)
  console.log(`live tests with ${name} skipped: it is not installed (Debian package ${debian})`);
const hasNginx = isInstalled('nginx', '-v');
const needs = (...proxies: readonly ProxyProgram[]) => ({
  timeout: 240_000,
  skip: !CAN_WATCH || !hasNginx || proxies.some(({ installed }) => !installed),
});

interface World {
  readonly dir: string;
  readonly machine: ProxiedMachine;
  readonly watched: Watched;
  readonly torrent: string;
  readonly link: string;
  /** By name. */
  readonly urls: WorldUrls;
  /** Where the seed listens. */
  readonly seed: string;
}

interface WorldUrls {
  readonly http: string;
  readonly udp: string;
  readonly web: string;
}

/** What a world has besides a machine behind a proxy and a torrent of 3 MiB. */
interface WorldOptions {
  readonly trackers: readonly ('http' | 'udp')[];
  readonly hasSeed: boolean;
  readonly hasWebSeed: boolean;
}

/** Nobody is there. What goes to them beside a proxy is seen. */
const STRAYS = ['--peer', '198.51.100.3:6881', '--peer', '[2001:db8:9::7]:6881', '--dht-node', '[2001:db8:9::5]:6991'];
const STRAY_TRACKERS = ['udp://198.51.100.1:6969/announce', 'udp://[2001:db8:9::9]:6969/announce'].flatMap((url) => [
  '--tracker',
  url,
]);

const DEFAULT_WORLD: WorldOptions = { trackers: ['http'], hasSeed: true, hasWebSeed: false };
let worlds = 0;

/** nginx with the torrent and its content, a tracker, and a seed that the tracker knows by its address. */
async function makeWorld(t: TestContext, given: Partial<WorldOptions> = {}): Promise<World> {
  const { trackers, hasSeed, hasWebSeed } = { ...DEFAULT_WORLD, ...given };
  worlds += 1;
  const [trackerPort, webPort] = [7_000 + worlds, 8_000 + worlds];
  const announced = `${NAMES.tracker}:${trackerPort}/announce`;
  const urls = { http: `http://${announced}`, udp: `udp://${announced}`, web: `http://${NAMES.web}:${webPort}` };
  const dir = scratch(t);
  const machine = new ProxiedMachine(t, dir);
  await machine.ready();
  const content = join(dir, 'www');
  writeNoise(content, { 'data.bin': 3 * MiB });
  const torrent = join(content, 'data.torrent');
  const named = trackers.flatMap((kind) => ['--tracker', urls[kind]]);
  if (hasWebSeed) named.push('--web-seed', `${urls.web}/data.bin`);
  await btgetEnds(t, 0, 'create', join(content, 'data.bin'), '-o', torrent, ...named);
  await startNginx(t, dir, content, `${BEYOND.web}:${webPort}`);
  const tracker = btget(t, 'tracker', '--bind', BEYOND.tracker, '--port', String(trackerPort), '--interval', '5');
  await tracker.until((output) => /http:\/\/\S+\/announce/.exec(output));
  const seed = hasSeed ? await startSeed(t, torrent, content, `http://${BEYOND.tracker}:${trackerPort}/announce`) : '';
  const link = formatMagnet(linkOf(parseMetainfo(readFileSync(torrent))));
  return { dir, machine, watched: await machine.watch(), torrent, link, urls, seed };
}

/** Resolves to the address of a seed, when the tracker knows it. */
async function startSeed(t: TestContext, torrent: string, dir: string, tracker: string): Promise<string> {
  const announce = ['--no-dht', '--no-trackers', '--tracker', tracker, '--json'];
  const seed = btget(t, 'seed', torrent, '-d', dir, '--bind', BEYOND.seed, ...announce);
  await seed.event('tracker', ({ ok }) => ok === true);
  const { port } = await seed.event('listening');
  return `${BEYOND.seed}:${port}`;
}

async function startNginx(t: TestContext, dir: string, root: string, place: string): Promise<void> {
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  for (const each of folders) mkdirSync(join(dir, each));
  const temporary = folders.map((each) => `${each}_temp_path ${dir}/${each};`).join('\n');
  writeFileSync(
    join(dir, 'nginx.conf'),
    `user root root; daemon off; master_process off; pid ${dir}/pid; error_log stderr;
    events {}
    http { access_log off; ${temporary} root ${root}; server { listen ${place}; } }`,
  );
  const nginx = new Program(t, 'nginx', ['-p', dir, '-c', join(dir, 'nginx.conf')]);
  while (!(await isThere(place))) {
    if (nginx.child.exitCode !== null) throw new Error(`nginx ended: ${nginx.stderr}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function isThere(place: string): Promise<boolean> {
  return new Promise((resolve) => {
    get(`http://${place}/`, { agent: false }, (response) => {
      response.resume().on('end', () => resolve(true));
    }).on('error', () => resolve(false));
  });
}

const warnings = (program: Program, code: string): readonly string[] =>
  program
    .events()
    .filter((event) => event['type'] === 'warning' && event['code'] === code)
    .map(({ message }) => String(message));

/** Everything is there, nothing went beside the proxy, and its password is nowhere. */
async function assertWhole(world: World, leech: Program): Promise<void> {
  assert.equal(await leech.ended, 0, leech.stdout + leech.stderr);
  const { dir, watched } = world;
  assert.equal(fingerprint(join(dir, 'leech'))['data.bin'], fingerprint(join(dir, 'www'))['data.bin']);
  assert.deepEqual(await watched.beside(), []);
  assertSecret(leech.stdout + leech.stderr);
}

/** `text` has no password of a proxy, in any form. */
function assertSecret(text: string): void {
  const basic = Buffer.from(`${LOGIN.user}:${LOGIN.password}`).toString('base64');
  for (const secret of [LOGIN.user, LOGIN.password, basic, WRONG.password]) assert.ok(!text.includes(secret), text);
}

const WRONG = { user: LOGIN.user, password: 'swordfish' };

// Most of it is waiting.
describe('behind a proxy', { concurrency: 4 }, () => {
  test('the watcher sees what leaves without --proxy', needs(), async (t) => {
    const { dir, machine, watched, link } = await makeWorld(t, { hasSeed: false });
    const leech = machine.btget(link, '-d', join(dir, 'leech'), ...STRAYS, ...STRAY_TRACKERS, '--timeout', '6');
    assert.equal(await leech.ended, 2, leech.stderr);
    const seen = await watched.beside();
    for (const target of [
      'UDP 198.51.100.53:53',
      'TCP 198.51.100.3:6881',
      'TCP [2001:db8:9::7]:6881',
      'UDP 198.51.100.1:6969',
      'UDP [2001:db8:9::5]:6991',
      'UDP 239.192.152.143:6771',
      `UDP ${PROXY.host}:5351`,
    ])
      assert.ok(seen.includes(target), `${target} in ${seen}`);
  });

  for (const proxy of [PROXIES.microsocks, PROXIES.dante, PROXIES.tinyproxy])
    for (const login of [null, LOGIN])
      for (const by of ['a magnet link', 'the URL of a .torrent'])
        test(
          `${proxy.name}${login === null ? '' : ' with a password'} carries a download by ${by}`,
          needs(proxy),
          async (t) => {
            const world = await makeWorld(t);
            const { dir, machine, link, urls } = world;
            await machine.startProxy(proxy, login);
            const source = by === 'a magnet link' ? link : `${urls.web}/data.torrent`;
            const leech = machine.btget(
              source,
              '-d',
              join(dir, 'leech'),
              '--json',
              ...machine.proxied(proxy, login),
              ...STRAYS,
            );
            await leech.until((output) => /\n/.exec(output));
            assertSecret(readFileSync(`/proc/${leech.child.pid}/cmdline`, 'latin1'));
            await assertWhole(world, leech);
            assert.deepEqual(warnings(leech, 'proxy'), []);
            const told = warnings(leech, 'proxy-udp');
            assert.equal(told.length, proxy === PROXIES.dante ? 0 : 1, told.join('\n'));
          },
        );

  test(
    'who listens in spite of a proxy asks neither the gateway nor the network for peers',
    needs(PROXIES.microsocks),
    async (t) => {
      const world = await makeWorld(t);
      const { dir, machine, link } = world;
      await machine.startProxy(PROXIES.microsocks, null);
      const way = [...machine.proxied(PROXIES.microsocks, null), '--listen-anyway'];
      const leech = machine.btget(link, '-d', join(dir, 'leech'), '--json', ...way, ...STRAYS);
      await leech.event('listening');
      await assertWhole(world, leech);
    },
  );

  test('dante carries a tracker over UDP that only it can find', needs(PROXIES.dante), async (t) => {
    const world = await makeWorld(t, { trackers: ['udp'] });
    const { dir, machine, link, urls } = world;
    await machine.startProxy(PROXIES.dante, LOGIN);
    const leech = machine.btget(link, '-d', join(dir, 'leech'), '--json', ...machine.proxied(PROXIES.dante, LOGIN));
    await assertWhole(world, leech);
    const asked = leech.events().filter(({ type }) => type === 'tracker');
    assert.ok(asked.length > 0 && asked.every(({ ok, url }) => ok === true && url === urls.udp), leech.stdout);
  });

  test('dante carries the DHT, and nobody else is needed', needs(PROXIES.dante), async (t) => {
    const world = await makeWorld(t, { trackers: [], hasSeed: false });
    const { dir, machine, torrent, link } = world;
    const dht = await startDht(t);
    const nodes = dht.addresses.slice(0, 3).flatMap(({ host, port }) => ['--dht-node', `${host}:${port}`]);
    btget(t, 'seed', torrent, '-d', join(dir, 'www'), '--bind', '10.9.0.4', ...nodes);
    await dht.hasPeer(parseMetainfo(readFileSync(torrent)).infoHash as Buffer, '10.9.0.4');
    await machine.startProxy(PROXIES.dante, LOGIN);
    const proxied = machine.proxied(PROXIES.dante, LOGIN);
    await assertWhole(world, machine.btget(link, '-d', join(dir, 'leech'), '--json', ...proxied, ...nodes));
  });

  for (const proxy of [PROXIES.microsocks, PROXIES.tinyproxy])
    test(`${proxy.name} carries a download from a web seed alone`, needs(proxy), async (t) => {
      const world = await makeWorld(t, { trackers: [], hasSeed: false, hasWebSeed: true });
      const { dir, machine, torrent } = world;
      await machine.startProxy(proxy, LOGIN);
      const options = ['--json', ...machine.proxied(proxy, LOGIN), '--stop-timeout', '10'];
      await assertWhole(world, machine.btget(torrent, '-d', join(dir, 'leech'), ...options));
    });

  for (const proxy of [PROXIES.microsocks, PROXIES.dante, PROXIES.tinyproxy])
    test(`the wrong password for ${proxy.name} is said, and nothing is tried beside it`, needs(proxy), async (t) => {
      const { dir, machine, watched, torrent, urls, seed } = await makeWorld(t);
      await machine.startProxy(proxy, LOGIN);
      const proxied = machine.proxied(proxy, WRONG);
      const options = ['--json', ...proxied, '--stop-timeout', '5', '--peer', seed];
      const leech = machine.btget(torrent, '-d', join(dir, 'leech'), ...options);
      assert.equal(await leech.ended, 2, leech.stdout + leech.stderr);
      const told = warnings(leech, 'proxy');
      assert.equal(told.length, 1, leech.stdout);
      assert.match(told[0] ?? '', /^the proxy 192\.0\.2\.254:1080 does not take the user name and the password: /);
      const fetched = machine.btget(`${urls.web}/data.torrent`, '-d', join(dir, 'leech'), ...proxied);
      assert.equal(await fetched.ended, 6, fetched.stderr);
      assert.match(fetched.stderr, /does not take the user name and the password/);
      for (const { stdout, stderr } of [leech, fetched]) assertSecret(stdout + stderr);
      assert.deepEqual(await watched.beside(), []);
    });

  test(
    'a proxy that hangs is waited for, and carries the download when it goes on',
    needs(PROXIES.microsocks),
    async (t) => {
      const world = await makeWorld(t);
      const { dir, machine, torrent, seed } = world;
      const proxy = await machine.startProxy(PROXIES.microsocks);
      proxy.child.kill('SIGSTOP');
      const options = ['--json', ...machine.proxied(PROXIES.microsocks), '--peer', seed];
      const leech = machine.btget(torrent, '-d', join(dir, 'leech'), ...options);
      const { message } = await leech.event('warning', ({ code }) => code === 'proxy');
      assert.match(String(message), /^the proxy 192\.0\.2\.254:1080 does not answer/);
      proxy.child.kill('SIGCONT');
      await assertWhole(world, leech);
    },
  );

  for (const proxy of [PROXIES.dante, PROXIES.tinyproxy])
    test(`${proxy.name} dies in the middle and comes back: the download goes on`, needs(proxy), async (t) => {
      const world = await makeWorld(t, { trackers: ['http', 'udp'] });
      const { dir, machine, torrent } = world;
      const first = await machine.startProxy(proxy, LOGIN);
      const options = ['--json', ...machine.proxied(proxy, LOGIN), '--max-download', '500K'];
      const leech = machine.btget(torrent, '-d', join(dir, 'leech'), ...options);
      await leech.event('progress', ({ downloaded }) => Number(downloaded) > 0);
      first.child.kill('SIGKILL');
      await first.ended;
      // The relay of datagrams is asked for again soon, and peers after a minute.
      if (proxy === PROXIES.dante) {
        const { message } = await leech.event('warning', ({ code }) => code === 'proxy');
        assert.match(String(message), /^the proxy 192\.0\.2\.254:1080 (refuses connections|was lost)/);
      } else {
        const at = leech.events().length;
        await leech.until(() =>
          leech
            .events()
            .slice(at)
            .find(({ peers }) => peers === 0),
        );
      }
      await machine.startProxy(proxy, LOGIN);
      await assertWhole(world, leech);
    });

  test(
    'a tracker over UDP behind dante without UDP is not asked, and that is said once',
    needs(PROXIES.dante),
    async (t) => {
      const { dir, machine, watched, torrent } = await makeWorld(t, { trackers: ['udp'] });
      await machine.startProxy(PROXIES.danteWithoutUdp, LOGIN);
      const options = [
        '--json',
        ...machine.proxied(PROXIES.danteWithoutUdp, LOGIN),
        '--stop-timeout',
        '5',
        ...STRAY_TRACKERS,
      ];
      const leech = machine.btget(torrent, '-d', join(dir, 'leech'), ...options);
      assert.equal(await leech.ended, 2, leech.stdout + leech.stderr);
      assert.equal(warnings(leech, 'proxy-udp').length, 1, leech.stdout);
      assert.deepEqual(warnings(leech, 'proxy'), []);
      assert.deepEqual(await watched.beside(), []);
    },
  );

  test('the doctor says what a proxy carries, and asks trackers by it alone', needs(PROXIES.dante), async (t) => {
    const { machine, watched, torrent } = await makeWorld(t, { trackers: ['http', 'udp'] });
    for (const proxy of [PROXIES.dante, PROXIES.danteWithoutUdp]) {
      const running = await machine.startProxy(proxy, LOGIN);
      const doctor = machine.btget('doctor', torrent, '--json', ...machine.proxied(proxy, LOGIN));
      const code = await doctor.ended;
      const carries = proxy === PROXIES.dante;
      const found = doctor.events().map(({ check, state }) => `${check} ${state}`);
      const about = found.filter((each) => /^(proxy|proxy-udp|tracker) /.test(each));
      const udp = carries ? ['proxy-udp ok', 'tracker ok'] : ['proxy-udp warning', 'tracker failed'];
      assert.deepEqual(about.sort(), ['proxy ok', 'tracker ok', ...udp].sort(), doctor.stdout + doctor.stderr);
      assert.equal(code, carries ? 0 : 6);
      assertSecret(doctor.stdout + doctor.stderr);
      running.child.kill('SIGKILL');
      await running.ended;
    }
    const dead = machine.btget('doctor', torrent, '--json', ...machine.proxied(PROXIES.dante, LOGIN));
    assert.equal(await dead.ended, 6, dead.stdout + dead.stderr);
    assert.deepEqual(await watched.beside(), []);
  });
});
