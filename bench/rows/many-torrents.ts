import { join } from 'node:path';
import type { Bench } from '../harness/bench.js';
import { ALONE } from '../rivals/clients.js';
import type { MakeRow, Measurement } from '../row.js';
import { manyTorrents } from '../scale/torrents.js';
import { until } from '../scale/until.js';

const TORRENTS = 1000;

/** One process seeds a thousand torrents. */
export const thousandTorrents: MakeRow = async (bench) => {
  const dir = bench.emptyDir();
  const list = manyTorrents(dir, TORRENTS);
  return {
    title:
      `Seeding of ${TORRENTS} torrents of one piece in one process, ` +
      'from its start until all are checked and served',
    metrics: [
      { name: 'wall', label: 'wall s', digits: 2 },
      { name: 'cpu', label: 'cpu s', digits: 2 },
      { name: 'memory', label: 'memory MiB', digits: 0 },
    ],
    contestants: [{ name: 'btget', measure: () => seedAll(bench, list, join(dir, 'data')) }],
    goals: [{ contestant: 'btget', metric: 'memory', unit: 'MiB', digits: 0, atMost: 400 }],
  };
};

async function seedAll(bench: Bench, list: string, dir: string): Promise<Measurement> {
  const began = performance.now();
  const program = bench.btget('seed', '-i', list, '-d', dir, ...ALONE);
  const { running } = await bench.start(program, /listening/);
  await until(running, () => running.stderr.split(': seeding ').length > TORRENTS);
  const wall = (performance.now() - began) / 1000;
  const bill = running.bill();
  if (bill === undefined) throw new Error('the seed ended');
  return { wall, ...bill };
}
