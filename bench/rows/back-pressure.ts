import { readFileSync } from 'node:fs';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { type Bench, MIB } from '../harness/bench.js';
import { ALONE, btgetClient, leanSeeds } from '../rivals/clients.js';
import { CPU, type MakeRow, MEMORY, type Measurement, WALL } from '../row.js';
import { onSlowDisk } from '../scale/hooks.js';
import { connectGreedy } from '../scale/peers.js';

const DISK_RATE = 20_000_000;
/** Bytes. A client that does not wait for its disk would need more memory than the goal allows. */
const MOST_LENGTH = 256 * MIB;
const GREEDY = 200;
/** Milliseconds. */
const GREED_TIME = 10_000;

/** A download from a fast seed to a slow disk. */
export const slowDisk: MakeRow = async (bench) => {
  const length = Math.min(bench.length, MOST_LENGTH);
  const content = bench.content(length);
  const torrent = await bench.torrent({ length, pieceLength: '1M' });
  const { program, listening } = leanSeeds(torrent, content.path, 1);
  const { found } = await bench.start(program, listening);
  return {
    title: `Download of ${length / MIB} MiB from a fast seed to a disk that takes ${DISK_RATE / 1e6} MB/s`,
    metrics: [WALL, CPU, MEMORY, { name: 'rate', label: 'MB/s', digits: 1 }],
    contestants: [
      {
        name: 'btget',
        measure: () =>
          bench.inEmptyDir(async (dir) => {
            const download = await btgetClient(bench).download({ torrent, dir, peers: [Number(found[1])] });
            const { cost } = await bench.run(onSlowDisk(download, DISK_RATE));
            return { ...cost, rate: length / 1e6 / cost.wall };
          }),
      },
    ],
    goals: [
      { contestant: 'btget', metric: 'memory', unit: 'MiB', digits: 0, atMost: 128 },
      // At least 15: the download keeps the disk busy. At most 20.5: no write escapes the limit of the disk.
      { contestant: 'btget', metric: 'rate', unit: 'MB/s', digits: 1, atLeast: 15, atMost: 20.5 },
    ],
    mostRuns: 3,
  };
};

/** A seed whose peers ask for everything and read nothing. */
export const greedyPeers: MakeRow = async (bench) => {
  const content = bench.content(bench.length);
  const torrent = await bench.torrent({ length: bench.length, pieceLength: '1M' });
  return {
    title:
      `${GREEDY} peers that ask a seed for everything again and again and read nothing, ` +
      `for ${GREED_TIME / 1000} s`,
    metrics: [CPU, MEMORY, { name: 'alone', label: 'memory before they came, MiB', digits: 0 }],
    contestants: [{ name: 'btget', measure: () => seedToGreedy(bench, torrent, content.dir) }],
    goals: [{ contestant: 'btget', metric: 'memory', unit: 'MiB', digits: 0, atMost: 192 }],
    mostRuns: 3,
  };
};

/** `cpu` and `memory` of the seed, with its start and its check. */
async function seedToGreedy(bench: Bench, torrent: string, dir: string): Promise<Measurement> {
  const served = ['--max-peers', String(GREEDY * 2), '--upload-slots', String(GREEDY)];
  const { running, found } = await bench.start(
    bench.btget('seed', torrent, '-d', dir, ...ALONE, ...served),
    /listening on \S*?:(\d+)[\s\S]*seeding/,
  );
  const alone = running.resident();
  const crowd = connectGreedy(parseMetainfo(readFileSync(torrent)), Number(found[1]), GREEDY);
  await new Promise((resolve) => setTimeout(resolve, GREED_TIME));
  const bill = running.bill();
  crowd.end();
  if (bill === undefined || alone === undefined) throw new Error('the seed ended');
  return { ...bill, alone };
}
