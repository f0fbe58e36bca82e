/** A third peer of whom nobody but a peer tells (BEP 11): btget hears of it from other clients, and tells them of it. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { scratch } from '../support/disk/scratch.js';
import { writeNoise } from '../support/noise.js';
import { RIVALS } from './rivals.js';
import { btget, btgetEnds, HOSTS, nextHost, type Program } from './support.js';

// What the first message did not name comes with the next one, a minute later, and is dialled when others have time.
const OPTIONS = { timeout: 180_000 };
const MiB = 1 << 20;
/** They know those who are named to them, and no others. Slow: nobody has everything before somebody is told. */
const ALONE = ['--no-dht', '--no-lsd', '--no-port-mapping', '--max-upload', '50K', '--json'];

/** A torrent without trackers, whose content lies in `seed`, and where two other copies may grow. */
async function makeSample(t: TestContext, name: string): Promise<{ dir: string; torrent: string }> {
  const dir = scratch(t);
  writeNoise(join(dir, 'seed'), { [name]: 16 * MiB });
  mkdirSync(join(dir, 'rival'));
  const torrent = join(dir, 'data.torrent');
  await btgetEnds(t, 0, 'create', join(dir, 'seed', name), '-o', torrent);
  return { dir, torrent };
}

/** The third peer, which has everything. It hears of nobody: whoever comes unnamed has been told of it. */
async function startThird(
  t: TestContext,
  { dir, torrent }: { dir: string; torrent: string },
  ...more: string[]
): Promise<{ third: Program; address: string }> {
  const third = btget(
    t,
    'seed',
    torrent,
    '-d',
    join(dir, 'seed'),
    '--bind',
    HOSTS.other,
    '--no-pex',
    ...ALONE,
    ...more,
  );
  const { port } = await third.event('listening');
  return { third, address: `${HOSTS.other}:${port}` };
}

const untilPeers = (program: Program, count: number): Promise<unknown> =>
  program.event('progress', ({ peers }) => peers === count);

test('with other clients', { ...OPTIONS, concurrency: true }, async (t) => {
  const cases: Promise<void>[] = [];
  for (const rival of RIVALS.filter(({ installed, name }) => installed && name !== 'aria2')) {
    const start = async (t: TestContext, torrent: string, dir: string, host: string): Promise<string> =>
      (await rival.start(t, { torrent, dir: join(dir, 'rival'), host, peers: [], usesPex: true })).address;

    const host = nextHost();
    const hears = t.test(`btget hears of it from ${rival.name}`, OPTIONS, async (t) => {
      const sample = await makeSample(t, `${rival.name}-tells.bin`);
      const { dir, torrent } = sample;
      const address = await start(t, torrent, dir, host);
      const { third } = await startThird(t, sample, '--peer', address);
      await untilPeers(third, 1);
      const leech = ['-d', join(dir, 'leech'), '--bind', HOSTS.btget, '--peer', address];
      const told = btget(t, torrent, ...leech, ...ALONE);
      await Promise.all([untilPeers(told, 2), untilPeers(third, 2)]);
    });

    const otherHost = nextHost();
    const tells = t.test(`${rival.name} hears of it from btget`, OPTIONS, async (t) => {
      const sample = await makeSample(t, `${rival.name}-is-told.bin`);
      const { dir, torrent } = sample;
      const { third, address } = await startThird(t, sample);
      const rivalAddress = await start(t, torrent, dir, otherHost);
      const leech = ['-d', join(dir, 'leech'), '--bind', HOSTS.btget, '--peer', address, '--peer', rivalAddress];
      const telling = btget(t, torrent, ...leech, ...ALONE);
      await Promise.all([untilPeers(telling, 2), untilPeers(third, 2)]);
    });
    cases.push(hears, tells);
  }
  await Promise.all(cases);
});
