/** Local Service Discovery alone leads to peers: two btgets, and btget and others, in one network that has multicast. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { scratch } from '../support/disk/scratch.js';
import { writeNoise } from '../support/noise.js';
import { RIVALS } from './rivals.js';
import { btget, btgetEnds, fingerprint, startSeed } from './support.js';

const OPTIONS = { timeout: 60_000 };
const LOCAL = { seed: '10.9.2.1', leech: '10.9.2.2' };

// Its other end hears everything and says nothing; whoever is at the addresses hears the group on its own machine. Some
// clients let the system choose the interface of a group, which it does by the route.
const NETWORK = `
  ip link show local0 2>/dev/null && exit
  ip link add local0 type veth peer name local1
  ip link set local0 up
  ip link set local1 up
  ip addr add ${LOCAL.seed}/24 dev local0
  ip addr add ${LOCAL.leech}/24 dev local0
  ip route add 224.0.0.0/4 dev local0
`;

async function prepare(t: TestContext, ...more: string[]): Promise<{ dir: string; torrent: string }> {
  assert.equal(spawnSync('sh', ['-e', '-c', NETWORK]).status, 0);
  const dir = scratch(t);
  writeNoise(join(dir, 'seed'), { 'data.bin': 3 << 20 });
  const torrent = join(dir, 'data.torrent');
  await btgetEnds(t, 0, 'create', join(dir, 'seed', 'data.bin'), '-o', torrent, ...more);
  return { dir, torrent };
}

test('two btgets find each other, and not with --no-lsd nor for a private torrent', OPTIONS, async (t) => {
  const { dir, torrent } = await prepare(t);
  await startSeed(t, LOCAL.seed, torrent, join(dir, 'seed'));
  const bind = ['--bind', LOCAL.leech];
  await btgetEnds(t, 2, torrent, '-d', join(dir, 'deaf'), ...bind, '--no-lsd', '--timeout', '2');
  await btgetEnds(t, 0, torrent, '-d', join(dir, 'leech'), ...bind);
  assert.deepEqual(fingerprint(join(dir, 'leech')), fingerprint(join(dir, 'seed')));

  const own = await prepare(t, '--private');
  await startSeed(t, LOCAL.seed, own.torrent, join(own.dir, 'seed'));
  await btgetEnds(t, 2, own.torrent, '-d', join(own.dir, 'leech'), ...bind, '--timeout', '2');
});

// Transmission 3.00 has not been seen to find btget here, nor to be found: why is not known, and the test may be at fault.
for (const rival of RIVALS.filter(({ name, installed }) => installed && name !== 'transmission')) {
  test(`${rival.name} hears btget, and gives it what it seeks`, OPTIONS, async (t) => {
    const { dir, torrent } = await prepare(t);
    const seed = await rival.start(t, { torrent, dir: join(dir, 'seed'), host: LOCAL.seed, peers: [], overLsd: true });
    await seed.complete();
    const leech = btget(t, torrent, '-d', join(dir, 'leech'), '--bind', LOCAL.leech);
    assert.equal(await leech.ended, 0, leech.stderr);
    assert.deepEqual(fingerprint(join(dir, 'leech')), fingerprint(join(dir, 'seed')));
  });

  test(`btget hears ${rival.name}, and gives it what it seeks`, OPTIONS, async (t) => {
    const { dir, torrent } = await prepare(t);
    await startSeed(t, LOCAL.seed, torrent, join(dir, 'seed'));
    const task = { torrent, dir: join(dir, 'leech'), host: LOCAL.leech, peers: [], overLsd: true };
    await (await rival.start(t, task)).complete();
    assert.equal(fingerprint(task.dir)['data.bin'], fingerprint(join(dir, 'seed'))['data.bin']);
  });
}
