import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { journalName } from '../../src/disk/names.js';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import type { Bench } from '../harness/bench.js';
import { ALONE, leanSeeds } from '../rivals/clients.js';
import { COST, type MakeRow, type Measurement, WALL } from '../row.js';
import { startAskedOnce } from '../scale/peers.js';
import { manyPieces } from '../scale/torrents.js';
import { until } from '../scale/until.js';

/** The cost of the journal in a download. btget keeps no journal when a file that is not its own has the name of it. */
export const journal: MakeRow = async (bench) => {
  const torrent = await bench.torrent({ length: bench.length, pieceLength: '1M' });
  const { program, listening } = leanSeeds(torrent, bench.content(bench.length).path, 1);
  const { found } = await bench.start(program, listening);
  const peer = ['--peer', `127.0.0.1:${found[1]}`];
  const measure = (prepare: (dir: string) => void) => (): Promise<Measurement> =>
    bench.inEmptyDir(async (dir) => {
      prepare(dir);
      return (await bench.run(bench.btget('download', torrent, '-d', dir, ...ALONE, ...peer, '-q'))).cost;
    });
  return {
    title: 'Download in pieces of 1M from one fast seed, with a journal and without',
    metrics: COST,
    contestants: [
      { name: 'btget', measure: measure(() => undefined) },
      {
        name: 'without a journal',
        measure: measure((dir) => writeFileSync(join(dir, journalName('data.bin')), 'a poem')),
      },
    ],
    // 0.95 × the rate is 1 ÷ 0.95 of the time.
    goals: [{ contestant: 'btget', metric: 'wall', ratioTo: 'without a journal', atMost: 1.05 }],
    timeLimit: 60,
  };
};

/** The time in which a download of 50 GiB that lacks one piece goes on after a restart. */
export const restart: MakeRow = async (bench) => {
  const PIECE_LENGTH = 4 << 20;
  const COUNT = 12_800;
  const dir = bench.emptyDir();
  const torrent = manyPieces(dir, COUNT, PIECE_LENGTH);
  const data = join(dir, 'data');
  truncateSync(join(data, 'pieces'), (COUNT - 1) * PIECE_LENGTH);
  // The first run hashes everything. From then on the journal knows what is there.
  await toFirstRequest(bench, torrent, data);
  return {
    title: 'Download of 50 GiB that lacks one piece and was killed, from the start of the program to its first request',
    metrics: [WALL],
    contestants: [{ name: 'btget', measure: () => toFirstRequest(bench, torrent, data) }],
    goals: [{ contestant: 'btget', metric: 'wall', unit: 's', atMost: 2 }],
    timeLimit: 60,
  };
};

async function toFirstRequest(bench: Bench, torrent: string, dir: string): Promise<Measurement> {
  const seed = await startAskedOnce(parseMetainfo(readFileSync(torrent)));
  let askedAt: number | undefined;
  seed.asked.then((at) => {
    askedAt = at;
  });
  try {
    const began = performance.now();
    const program = bench.btget('download', torrent, '-d', dir, ...ALONE, '--peer', `127.0.0.1:${seed.port}`, '-q');
    const { running } = await bench.start(program, /(?:)/);
    await until(running, () => askedAt !== undefined);
    running.kill();
    await running.ended.catch(() => undefined);
    if (askedAt === undefined) throw new Error('it ended before it asked for anything');
    return { wall: (askedAt - began) / 1000 };
  } finally {
    seed.end();
  }
}
