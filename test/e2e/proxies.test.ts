/** What the command line makes of proxies: those of the environment, and the one of --proxy. All of it on loopback. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { BtgetProcess, type Ended, FIXTURES, LOOPBACK, runBtget } from '../support/btget-process.js';
import { closedPort, serveHttp, serveTcp } from '../support/fakes/http-server.js';
import { serveHttpProxy, serveSocks5 } from '../support/fakes/proxy-server.js';
import { HANGS_AFTER } from '../support/hang.js';

const dir = mkdtempSync(join(tmpdir(), 'btget-proxies-'));
after(() => rmSync(dir, { recursive: true }));
const TORRENT = join(FIXTURES, 'one-piece.torrent');
const CONTENT = readFileSync(join(FIXTURES, 'one-piece.txt'));
/** They mean something to the proxy alone. */
const NAMES = { 'tracker.test': '127.0.0.1', 'web.test': '127.0.0.1' };
const USER = 'alice77';
const PASSWORD = 'hunter22';
const LOGIN = `${USER}:${PASSWORD}`;
const OFFLINE = ['--bind', '127.0.0.1', '--port', '0', '--no-dht'];
const NOTHING = Buffer.alloc(0);

interface World {
  /** The port of the tracker and of the .torrent. */
  readonly port: string;
  /** The query of each announce. */
  readonly announces: string[];
}

/** A seed, and a server that has the .torrent at every other path than /announce. */
async function makeWorld(t: TestContext): Promise<World> {
  const seed = new BtgetProcess(t, dir, ['seed', TORRENT, '-d', FIXTURES, ...LOOPBACK, '--no-dht']);
  const [, seedPort] = await seed.says(/listening on \S+:(\d+)\n[\s\S]*seeding/);
  const peer = Buffer.from([127, 0, 0, 1, Number(seedPort) >> 8, Number(seedPort) & 255]).toString('latin1');
  const announces: string[] = [];
  const host = await serveHttp(t, ({ url = '' }, response) => {
    if (!url.startsWith('/announce')) response.end(readFileSync(TORRENT));
    else {
      announces.push(url);
      response.end(`d8:intervali900e5:peers6:${peer}e`, 'latin1');
    }
  });
  return { port: host.split(':')[1] ?? '', announces };
}

function assertSecret({ out, err }: Pick<Ended, 'out' | 'err'>): void {
  for (const secret of [USER, PASSWORD, Buffer.from(LOGIN).toString('base64')])
    assert.ok(!`${out}${err}`.includes(secret), out + err);
}

const eventsOf = ({ out }: Ended): readonly Record<string, unknown>[] =>
  out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

describe('proxies', { timeout: HANGS_AFTER, concurrency: 2 }, () => {
  it('of the environment carry the .torrent and the tracker, and a line says that peers are not covered', async (t) => {
    const { port, announces } = await makeWorld(t);
    const proxy = await serveHttpProxy(t, { names: NAMES, password: LOGIN });
    const tracker = `http://tracker.test:${port}/announce`;
    const args = [`http://web.test:${port}/t.torrent`, '-d', 'by-environment', ...OFFLINE, '--tracker', tracker];
    const got = await runBtget(t, dir, args, NOTHING, { http_proxy: `http://${LOGIN}@${proxy.place}` });
    assert.equal(got.code, 0, got.err);
    assert.deepEqual(readFileSync(join(dir, 'by-environment', 'one-piece.txt')), CONTENT);
    const line = `HTTP goes through the proxy ${proxy.place} (from the environment); peers and UDP do not`;
    assert.ok(got.err.startsWith(line), got.err);
    assertSecret(got);
    const targets = proxy.asked.map((asked) => asked.replace(/\?.*/, ''));
    assert.deepEqual([...new Set(targets)], [`GET http://web.test:${port}/t.torrent`, `GET ${tracker}`]);
    // Peers come in beside such a proxy, so the tracker hears of our port.
    assert.match(announces[0] ?? '', /[?&]port=(?!1&)\d+/);
  });

  it('of the environment are said not to cover peers by each command that looks for them', async (t) => {
    const { port } = await makeWorld(t);
    const proxy = await serveHttpProxy(t, { names: NAMES });
    const env = { http_proxy: `http://${proxy.place}` };
    const url = `http://web.test:${port}/t.torrent`;
    const tracker = `http://tracker.test:${port}/announce`;
    const link = parseMetainfo(readFileSync(TORRENT)).infoHash.toString('hex');
    for (const [args, out] of [
      [['cat', url, ...OFFLINE, '--tracker', tracker], CONTENT.toString('latin1')],
      [['show', link, ...OFFLINE, '--tracker', tracker], 'one-piece.txt'],
    ] as const) {
      const got = await runBtget(t, dir, args, NOTHING, env);
      assert.equal(got.code, 0, got.err);
      assert.ok(got.out.startsWith(out), got.out);
      const line = `HTTP goes through the proxy ${proxy.place} (from the environment); peers and UDP do not`;
      assert.equal(got.err.split(line).length, 2, got.err);
      const quiet = await runBtget(t, dir, [...args, '-q'], NOTHING, env);
      assert.deepEqual([quiet.code, quiet.err], [0, '']);
    }
  });

  it('of the environment may be of SOCKS5, and count for every command that fetches', async (t) => {
    const { port } = await makeWorld(t);
    const proxy = await serveSocks5(t, { names: NAMES });
    const url = `http://web.test:${port}/t.torrent`;
    for (const command of ['show', 'verify']) {
      const args = [command, url, ...(command === 'verify' ? ['-d', FIXTURES] : []), '--bind', '127.0.0.1'];
      const seen = await runBtget(t, dir, args, NOTHING, { ALL_PROXY: `socks5://${proxy.place}` });
      assert.equal(seen.code, 0, seen.err);
    }
    assert.deepEqual(proxy.asked, [`web.test:${port}`, `web.test:${port}`]);
  });

  it('of the environment are left out for NO_PROXY and by --no-proxy, and HTTP_PROXY is not read', async (t) => {
    const { port } = await makeWorld(t);
    const proxy = await serveHttpProxy(t);
    const url = `http://127.0.0.1:${port}/t.torrent`;
    const [named, place] = [{ http_proxy: `http://${proxy.place}` }, '127.0.0.1'];
    for (const [more, env] of [
      [[], { ...named, NO_PROXY: `other.test,${place}` }],
      [[], { ...named, no_proxy: '127.0.0.0/8' }],
      [[], { ...named, no_proxy: '*' }],
      [['--no-proxy'], named],
      [[], { HTTP_PROXY: `http://${proxy.place}` }],
      [[], { https_proxy: `http://${proxy.place}` }],
    ] as const) {
      const seen = await runBtget(t, dir, ['show', url, '--bind', place, ...more], NOTHING, env);
      assert.equal(seen.code, 0, seen.err);
      assert.deepEqual(proxy.asked, [], JSON.stringify(env));
    }
    assert.equal((await runBtget(t, dir, ['show', url, '--bind', place], NOTHING, named)).code, 0);
    assert.deepEqual(proxy.asked, [`GET ${url}`]);
  });

  for (const [scheme, serve] of [
    ['socks5', serveSocks5],
    ['http', serveHttpProxy],
  ] as const) {
    it(`named by --proxy ${scheme}:// carry peers too, and their password is nowhere`, async (t) => {
      const { port, announces } = await makeWorld(t);
      const proxy = await serve(t, { names: NAMES, password: LOGIN });
      const tracker = ['--tracker', `http://tracker.test:${port}/announce`, '--timeout', '60'];
      const named = ['--proxy', `${scheme}://${LOGIN}@${proxy.place}`, '--json', '--verbose'];
      const btget = new BtgetProcess(t, dir, [TORRENT, '-d', `by-${scheme}`, ...OFFLINE, ...tracker, ...named]);
      await btget.says(/"type":"added"/);
      const cmdline = readFileSync(`/proc/${btget.process.pid}/cmdline`, 'latin1');
      const got = await btget.ended;
      assert.equal(got.code, 0, got.err);
      assert.deepEqual(readFileSync(join(dir, `by-${scheme}`, 'one-piece.txt')), CONTENT);
      assertSecret(got);
      assertSecret({ out: cmdline, err: '' });
      assert.ok(proxy.asked.length >= 2, proxy.asked.join());
      // Nothing listens, which trackers cannot be told but by a port at which nobody is.
      assert.match(announces[0] ?? '', /[?&]port=1&/);
      assert.ok(eventsOf(got).every(({ type }) => type !== 'listening'));
    });

    it(`named by --proxy ${scheme}:// that are dead end a download with 2 and its reason, a fetch with 6`, async (t) => {
      const dead = `127.0.0.1:${await closedPort()}`;
      const named = ['--proxy', `${scheme}://${LOGIN}@${dead}`];
      const peer = ['--peer', `127.0.0.1:${await closedPort()}`, '--stop-timeout', '5s'];
      const gaveUp = await runBtget(t, dir, [
        TORRENT,
        '-d',
        `dead-${scheme}`,
        ...LOOPBACK,
        ...peer,
        ...named,
        '--json',
      ]);
      assert.equal(gaveUp.code, 2, gaveUp.err);
      const events = eventsOf(gaveUp);
      const told = events.filter(({ type, code }) => type === 'warning' && code === 'proxy');
      assert.deepEqual(
        told.map(({ message }) => message),
        [`the proxy ${dead} refuses connections: nothing passes it`],
      );
      const end = events.find(({ type }) => type === 'error');
      assert.match(String(end?.['message']), new RegExp(`gave up: .*the proxy ${dead} refuses connections`));
      const fetched = await runBtget(t, dir, [
        'http://web.test/t.torrent',
        '-d',
        `dead-${scheme}`,
        ...LOOPBACK,
        ...named,
      ]);
      assert.equal(fetched.code, 6, fetched.err);
      assert.match(fetched.err, new RegExp(`cannot fetch http://web\\.test/t\\.torrent: the proxy ${dead}: .*refused`));
      for (const each of [gaveUp, fetched]) assertSecret(each);
    });
  }

  it('that are named wrongly end with 28 and one line, which has no password', async (t) => {
    for (const wrong of [
      `ftp://${LOGIN}@h`,
      `socks4://${LOGIN}@h:1080`,
      `https://${LOGIN}@h:443`,
      `${LOGIN}@h:1080`,
      `socks5://${LOGIN}@h:1080/path`,
      `socks5://${LOGIN}@h:99999`,
      `socks5://${LOGIN}@bad host`,
      `socks5://${LOGIN}@`,
      `socks5://${LOGIN}@h:0`,
      `socks5://:${PASSWORD}@h`,
      '',
    ])
      for (const args of [
        [TORRENT, '--proxy', wrong],
        ['doctor', `--proxy=${wrong}`],
      ]) {
        const ended = await runBtget(t, dir, [...args, ...LOOPBACK.slice(0, 2)], NOTHING);
        assert.equal(ended.code, 28, `${wrong} ${args}: ${ended.out}${ended.err}`);
        assert.match(ended.err, /^btget: [^\n]*\n(?:[^\n]*--help[^\n]*\n)?$/);
        assertSecret(ended);
      }
  });

  it('that the environment names wrongly fail the fetch that they would carry, and nothing else', async (t) => {
    for (const wrong of [
      `ftp://${LOGIN}@h`,
      `https://${LOGIN}@h:443`,
      `socks5://${LOGIN}@bad host`,
      'socks://h:1080/',
    ]) {
      const env = { ALL_PROXY: wrong };
      const local = await runBtget(t, dir, ['show', TORRENT], NOTHING, env);
      assert.deepEqual([local.code, local.err], [0, ''], wrong);
      const fetched = await runBtget(
        t,
        dir,
        ['show', 'http://web.test/t.torrent', ...LOOPBACK.slice(0, 2)],
        NOTHING,
        env,
      );
      assert.equal(fetched.code, 6, `${wrong}: ${fetched.err}`);
      assert.match(fetched.err, /^btget: cannot fetch \S+: ALL_PROXY: [^\n]*; --no-proxy does without it\n$/);
      assertSecret(fetched);
    }
  });

  it('of the environment that are dead are told with how to do without them', async (t) => {
    const dead = `127.0.0.1:${await closedPort()}`;
    const env = { http_proxy: `http://${LOGIN}@${dead}` };
    const url = 'http://web.test/t.torrent';
    const remedy = '(--no-proxy does without it';
    const why = `the proxy ${dead}: the connection was refused`;
    const fetched = await runBtget(t, dir, [url, '-d', 'dead', ...LOOPBACK], NOTHING, env);
    assert.equal(fetched.code, 6, fetched.err);
    assert.ok(fetched.err.includes(`cannot fetch ${url}: ${why} ${remedy})`), fetched.err);
    const list = ['--blocklist', 'http://web.test/list'];
    const listed = await runBtget(t, dir, [TORRENT, '-d', 'dead', ...LOOPBACK, ...list], NOTHING, env);
    assert.equal(listed.code, 28, listed.err);
    assert.ok(listed.err.includes(`: ${why} ${remedy})`), listed.err);
    const seed = ['--web-seed', 'http://web.test/x', '--stop-timeout', '5s'];
    const gaveUp = await runBtget(t, dir, [TORRENT, '-d', 'dead', ...OFFLINE, ...seed], NOTHING, env);
    assert.equal(gaveUp.code, 2, gaveUp.err);
    assert.match(gaveUp.out + gaveUp.err, /gave up: [^\n]*the connection was refused \(--no-proxy does without it;/);
    for (const each of [fetched, listed, gaveUp]) assertSecret(each);
  });

  it('outside of the address that we are bound to are not dialled', async (t) => {
    const proxy = await serveSocks5(t);
    const named = ['--proxy', `socks5://${proxy.place.replace('127.0.0.1', '192.0.2.1')}`];
    const peer = ['--peer', '127.0.0.1:6881', '--stop-timeout', '5s', '--json'];
    const ended = await runBtget(t, dir, [TORRENT, '-d', 'fenced', ...LOOPBACK, ...peer, ...named]);
    assert.equal(ended.code, 2, ended.err);
    assert.match(
      ended.out,
      /"code":"proxy","message":"the proxy 192\.0\.2\.1:\d+: 192\.0\.2\.1 is outside of the addresses/,
    );
  });

  it('let peers in past them with --listen-anyway alone, and a seed says that none can come in', async (t) => {
    const proxy = await serveSocks5(t);
    const named = ['seed', TORRENT, '-d', FIXTURES, ...LOOPBACK, '--proxy', `socks5://${proxy.place}`];
    const closed = new BtgetProcess(t, dir, named);
    await closed.says(/seeding/);
    assert.match(closed.err, /^peers cannot come in by the proxy, so only those that we dial are served$/m);
    assert.doesNotMatch(closed.err, /listening on/);
    const open = new BtgetProcess(t, dir, [...named, '--listen-anyway']);
    const [, port] = await open.says(/listening on \S+:(\d+)\n[\s\S]*seeding/);
    const got = await runBtget(t, dir, [TORRENT, '-d', 'past', ...LOOPBACK, '--peer', `127.0.0.1:${port}`]);
    assert.equal(got.code, 0, got.err);
  });

  it('are looked at by the doctor: one that is there, one that is dead, one that wants a password', async (t) => {
    const doctor = ['doctor', '--json', ...LOOPBACK, '--no-dht'];
    const [open, closed] = [await serveSocks5(t), await serveSocks5(t, { password: LOGIN })];
    const http = { open: await serveHttpProxy(t), closed: await serveHttpProxy(t, { password: LOGIN }) };
    const mute = await serveTcp(t, (socket) => socket.destroy());
    const dead = `127.0.0.1:${await closedPort()}`;
    for (const [url, code, proxy, says] of [
      [`http://${http.open.place}`, 0, 'ok', /is there/],
      [`http://${LOGIN}@${http.closed.place}`, 0, 'ok', /is there/],
      [`http://${USER}:wrong@${http.closed.place}`, 6, 'failed', /does not take the user name and the password/],
      [`socks5://${open.place}`, 0, 'ok', /is there/],
      [`socks5://${dead}`, 6, 'failed', /refuses connections/],
      [`socks5://${closed.place}`, 6, 'failed', /wants a user name and a password/],
      [`socks5://${mute}`, 6, 'failed', /closes connections/],
    ] as const) {
      const seen = await runBtget(t, dir, [...doctor, '--proxy', url]);
      const found = eventsOf(seen).find(({ check }) => check === 'proxy');
      assert.equal(found?.['state'], proxy, seen.out);
      assert.match(String(found?.['message']), says);
      assert.equal(seen.code, code, seen.out);
      assertSecret(seen);
    }
  });
});
