import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { type Bench, MIB } from '../harness/bench.js';
import { ALONE, btgetClient, leanSeeds } from '../rivals/clients.js';
import type { Contestant, MakeRow } from '../row.js';
import { watchLoop } from '../scale/hooks.js';
import { startAskedOnce } from '../scale/peers.js';
import { manyFiles, manyPieces } from '../scale/torrents.js';
import { until } from '../scale/until.js';

/** Milliseconds. */
const MOST_HELD = 50;
/** For how many milliseconds we watch a torrent after it has begun. */
const GOES_ON = 500;

/** For how long btget holds the event loop during work that may hold it. */
export const loopDelay: MakeRow = async (bench) => {
  const content = bench.content(bench.length);
  const torrent = await bench.torrent({ length: bench.length, pieceLength: '1M' });
  const { program, listening } = leanSeeds(torrent, content.path, 1);
  const { found } = await bench.start(program, listening);
  const pieces = manyPieces(bench.emptyDir(), 100_000);
  const files = manyFiles(bench.emptyDir(), 50_000);
  const size = `${bench.length / MIB} MiB`;
  const contestants: readonly Contestant[] = [
    {
      name: `btget, download ${size}`,
      measure: () =>
        bench.inEmptyDir(async (dir) => {
          const download = await btgetClient(bench).download({ torrent, dir, peers: [Number(found[1])] });
          return watchLoop(bench, download, async (watched) => void (await bench.run(watched)));
        }),
    },
    {
      name: `btget, verify ${size}`,
      measure: () =>
        watchLoop(bench, bench.btget('verify', torrent, '-d', content.dir, '-q'), async (watched) => {
          await bench.run(watched);
        }),
    },
    beginner(bench, 'btget, begin 100,000 pieces', pieces),
    seeder(bench, 'btget, seed 100,000 pieces', pieces),
    beginner(bench, 'btget, begin 50,000 files', files),
    seeder(bench, 'btget, seed 50,000 files', files),
  ];
  return {
    title: "Milliseconds by which the event loop is late, the program's start included",
    metrics: [
      { name: 'p99', label: 'p99 ms', digits: 1 },
      { name: 'max', label: 'max ms', digits: 1 },
      { name: 'held', label: 'held ms', digits: 1 },
    ],
    contestants,
    goals: contestants.map(({ name }) => ({
      contestant: name,
      metric: 'max',
      unit: 'ms',
      digits: 1,
      atMost: MOST_HELD,
    })),
    timeLimit: 60,
  };
};

/** Watches a download until its first request, and a little longer. */
function beginner(bench: Bench, name: string, torrent: string): Contestant {
  return {
    name,
    measure: () =>
      bench.inEmptyDir(async (dir) => {
        const seed = await startAskedOnce(parseMetainfo(readFileSync(torrent)));
        let asked = false;
        seed.asked.then(() => {
          asked = true;
        });
        const download = await btgetClient(bench).download({ torrent, dir, peers: [seed.port] });
        try {
          return await watchLoop(bench, download, async (watched) => {
            const { running } = await bench.start(watched, /(?:)/);
            await until(running, () => asked);
            await new Promise((resolve) => setTimeout(resolve, GOES_ON));
            await running.end();
          });
        } finally {
          seed.end();
        }
      }),
  };
}

/** Watches a seed until its check has ended, and a little longer. */
function seeder(bench: Bench, name: string, torrent: string): Contestant {
  const dir = join(dirname(torrent), 'data');
  const program = bench.btget('seed', torrent, '-d', dir, ...ALONE);
  return {
    name,
    measure: () =>
      watchLoop(bench, program, async (watched) => {
        const { running } = await bench.start(watched, /: seeding/);
        await new Promise((resolve) => setTimeout(resolve, GOES_ON));
        await running.end();
      }),
  };
}
