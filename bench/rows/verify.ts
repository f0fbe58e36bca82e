import { dirname, join } from 'node:path';
import type { Bench } from '../harness/bench.js';
import { makeField } from '../rivals/field.js';
import { COST, type MakeRow, type Row } from '../row.js';
import { manyFiles } from './many-files.js';

/** Each client checks the same file, which is whole. */
export function verify(pieceLength: string): MakeRow {
  return async (bench) => {
    const torrent = await bench.torrent({ length: bench.length, pieceLength });
    return verifyRow(bench, `one file in pieces of ${pieceLength}`, torrent, bench.content(bench.length).dir);
  };
}

/** Each client checks the same thousand files, which are whole. */
export const verifyManyFiles: MakeRow = async (bench) => {
  const content = manyFiles(bench, bench.length);
  const torrent = join(dirname(content), 'many.torrent');
  await bench.run(bench.btget('create', content, '-o', torrent, '--piece-length', '1M', '-q'));
  return verifyRow(bench, '1,000 files in pieces of 1M', torrent, dirname(content));
};

async function verifyRow(bench: Bench, what: string, torrent: string, dir: string): Promise<Row> {
  const field = await makeField(bench);
  return {
    title: `Check of ${bench.length >> 20} MiB, ${what}`,
    metrics: COST,
    contestants: field.clients.map((client) => ({
      name: client.name,
      measure: async () => (await bench.run(await client.verify({ torrent, dir }))).cost,
    })),
    goals: [{ contestant: 'btget', metric: 'wall', ratioTo: 'aria2', atMost: 0.6 }],
    timeLimit: 60,
    end: async () => field.end(),
  };
}
