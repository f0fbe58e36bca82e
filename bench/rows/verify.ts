import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench } from '../harness/bench.js';
import { btgetClient, libtorrentClient } from '../rivals/clients.js';
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

const RAW_SHA256 = fileURLToPath(new URL('../scale/raw-sha256.js', import.meta.url));
const BARE_VERIFY = fileURLToPath(new URL('../scale/bare-verify.js', import.meta.url));

/**
 * btget and libtorrent check the same file by version 2. Beside them stand SHA-256 itself (the same bytes on all cores,
 * counted without the start of a program), and a program of Node that only reads and makes the hash trees.
 */
export const verifyV2: MakeRow = async (bench) => {
  const torrent = await bench.torrent({ length: bench.length, pieceLength: '1M', metaVersion: '2' });
  const { dir, path } = bench.content(bench.length);
  const clients = [btgetClient(bench), ...(bench.rivals.libtorrent === undefined ? [] : [libtorrentClient()])];
  return {
    title: `Check of ${bench.length >> 20} MiB by version 2, one file in pieces of 1M`,
    metrics: COST,
    contestants: [
      ...clients.map((client) => ({
        name: client.name,
        measure: async () => (await bench.run(await client.verify({ torrent, dir }))).cost,
      })),
      {
        name: 'SHA-256',
        measure: async () => {
          const { cost, stdout } = await bench.run({ command: process.execPath, args: [RAW_SHA256, path] });
          return { ...cost, ...(JSON.parse(stdout) as { readonly wall: number }) };
        },
      },
      {
        name: 'bare Node',
        measure: async () => (await bench.run({ command: process.execPath, args: [BARE_VERIFY, path] })).cost,
      },
    ],
    goals: [{ contestant: 'btget', metric: 'wall', ratioTo: 'SHA-256', atMost: 1.15 }],
    timeLimit: 60,
  };
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
