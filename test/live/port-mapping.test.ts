/** The gateway of a home lets peers in: miniupnpd, asked by each protocol, and a peer out in the world that dials in. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { scratch } from '../support/disk/scratch.js';
import { writeNoise } from '../support/noise.js';
import { HAS_GATEWAY, HOME, Home } from './home.js';
import { BTGET, btgetEnds, fingerprint, type Program } from './support.js';

const OPTIONS = { timeout: 30_000, skip: !HAS_GATEWAY };
if (!HAS_GATEWAY)
  console.log('live tests of port mapping skipped: miniupnpd is not installed (Debian package miniupnpd)');

const BOTH = [`TCP 6881 to ${HOME.client}`, `UDP 6881 to ${HOME.client}`];
const ASK_GATEWAY = fileURLToPath(new URL('ask-gateway.js', import.meta.url));

async function torrentIn(t: TestContext, dir: string): Promise<string> {
  writeNoise(join(dir, 'seed'), { 'data.bin': 3 << 20 });
  const torrent = join(dir, 'data.torrent');
  await btgetEnds(t, 0, 'create', join(dir, 'seed', 'data.bin'), '-o', torrent);
  return torrent;
}

function seedAt(home: Home, dir: string, torrent: string, ...more: string[]): Program {
  return home.btget('seed', torrent, '-d', join(dir, 'seed'), '--json', ...more);
}

for (const { protocol, natPmp, upnp } of [
  { protocol: 'PCP', natPmp: true, upnp: false },
  { protocol: 'UPnP', natPmp: false, upnp: true },
]) {
  test(`by ${protocol} the gateway lets in a peer of the world, until the seed ends`, OPTIONS, async (t) => {
    const dir = scratch(t);
    const home = new Home(t, dir);
    await home.ready({ natPmp, upnp });
    const torrent = await torrentIn(t, dir);
    const seed = seedAt(home, dir, torrent, '-v');
    const { time: _, ...event } = await seed.event('port-mapping');
    assert.deepEqual(event, {
      type: 'port-mapping',
      family: 4,
      ok: true,
      protocol,
      gateway: HOME.gateway,
      externalHost: HOME.outside,
      port: 6881,
      udp: true,
      message: null,
    });
    const sentence = `the gateway ${HOME.gateway} lets peers in at ${HOME.outside}:6881 by ${protocol}\n`;
    await seed.until((output) => output.includes(sentence) || null);
    assert.deepEqual(home.letsIn(), BOTH);

    const target = join(dir, 'leech');
    const peer = ['--peer', `${HOME.outside}:6881`];
    const leech = home.world.start(process.execPath, BTGET, torrent, '-d', target, ...peer, '--timeout', '15');
    assert.equal(await leech.ended, 0, leech.stderr);
    assert.deepEqual(fingerprint(target), fingerprint(join(dir, 'seed')));

    seed.child.kill('SIGINT');
    assert.equal(await seed.endsWithin(2000), 0);
    assert.deepEqual(home.letsIn(), []);
  });
}

test('by NAT-PMP the gateway does the same', OPTIONS, async (t) => {
  const dir = scratch(t);
  const home = new Home(t, dir);
  await home.ready({ natPmp: true, upnp: false });
  const asker = home.client.start(process.execPath, ASK_GATEWAY, HOME.gateway, HOME.client);
  const outcome = await asker.until((output) => /^\{.*\}$/m.exec(output)?.[0]);
  const { lifetime, ...rest } = JSON.parse(outcome) as Record<string, unknown>;
  assert.deepEqual(rest, { ok: true, externalHost: HOME.outside, externalPort: 6881 });
  assert.equal(typeof lifetime, 'number');
  assert.deepEqual(home.letsIn(), [`TCP 6881 to ${HOME.client}`]);
  asker.child.stdin.end();
  assert.equal(await asker.ended, 0, asker.stderr);
  assert.deepEqual(home.letsIn(), []);
});

test('with --no-port-mapping, and behind a loopback fence, no gateway is asked', OPTIONS, async (t) => {
  const dir = scratch(t);
  const home = new Home(t, dir);
  await home.ready({ natPmp: true, upnp: true });
  const torrent = await torrentIn(t, dir);
  for (const way of [['--no-port-mapping'], ['--bind', '127.0.0.1']]) {
    const seed = seedAt(home, dir, torrent, ...way, '--timeout', '2');
    assert.equal(await seed.ended, 0, seed.stderr);
    assert.deepEqual(
      seed.events().filter(({ type }) => type === 'port-mapping'),
      [],
    );
    assert.deepEqual(home.letsIn(), []);
  }
});
