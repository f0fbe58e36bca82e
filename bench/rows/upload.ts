import type { Bench } from '../harness/bench.js';
import type { Leeched } from '../lean/lean-leech.js';
import { type Client, type Encryption, leanLeech, libtorrentClient, stubbornLeech } from '../rivals/clients.js';
import { makeField } from '../rivals/field.js';
import { COST, type Goal, type MakeRow, type Row } from '../row.js';

const GOALS: readonly Goal[] = [
  { contestant: 'btget', metric: 'wall', ratioTo: 'libtorrent', atMost: 0.8 },
  { contestant: 'btget', metric: 'memory', unit: 'MiB', digits: 0, atMost: 128 },
];

/** Downloads from `port`; resolves to the seconds that it took. */
type Leech = (port: number) => Promise<number>;

/** Each client seeds the same file to one lean leech, which measures the time from its connection to the last byte. */
export function upload(pieceLength: string): MakeRow {
  return async (bench) => {
    const torrent = await bench.torrent({ length: bench.length, pieceLength });
    const leech: Leech = async (port) => {
      const { stdout } = await bench.run(leanLeech(torrent, port));
      return (JSON.parse(stdout) as Leeched).seconds;
    };
    return makeUploadRow(bench, torrent, leech, `pieces of ${pieceLength} to one fast leech`, GOALS);
  };
}

/** Each client seeds the same file to a lean leech that keeps 512 requests in flight and asks for no block twice. */
export const uploadAhead: MakeRow = async (bench) => {
  const torrent = await bench.torrent({ length: bench.length, pieceLength: '1M' });
  const leech: Leech = async (port) => {
    const { stdout } = await bench.run(stubbornLeech(torrent, port, 512));
    return (JSON.parse(stdout) as Leeched).seconds;
  };
  return makeUploadRow(bench, torrent, leech, 'pieces of 1M to a leech that asks for 512 blocks ahead once', []);
};

/** Each client seeds the same file to libtorrent, which people use, from libtorrent's start to its end. */
export const uploadToLibtorrent: MakeRow = (bench) =>
  uploadToLibtorrentBy(bench, 'none', 'pieces of 1M to one libtorrent leech', []);

/** The same by RC4 alone. */
export const uploadRc4: MakeRow = (bench) =>
  uploadToLibtorrentBy(bench, 'rc4', 'pieces of 1M to one libtorrent leech, by RC4 alone', [
    { contestant: 'btget', metric: 'wall', ratioTo: 'libtorrent', atMost: 1 },
  ]);

async function uploadToLibtorrentBy(
  bench: Bench,
  encryption: Encryption,
  title: string,
  goals: readonly Goal[],
): Promise<Row> {
  if (bench.rivals.libtorrent === undefined) throw new Error('libtorrent is not installed');
  const torrent = await bench.torrent({ length: bench.length, pieceLength: '1M' });
  const leech: Leech = (port) =>
    bench.inEmptyDir(async (dir) => {
      const { cost } = await bench.run(await libtorrentClient(encryption).download({ torrent, dir, peers: [port] }));
      return cost.wall;
    });
  return makeUploadRow(bench, torrent, leech, title, goals, encryption);
}

/** `cpu`: what the seed spends while the leech downloads. `memory`: the most that the seed holds from its start on. */
async function makeUploadRow(
  bench: Bench,
  torrent: string,
  leech: Leech,
  title: string,
  goals: readonly Goal[],
  encryption: Encryption = 'none',
): Promise<Row> {
  const { dir } = bench.content(bench.length);
  const field = await makeField(bench, encryption);
  const measure = async (client: Client): Promise<{ wall: number; cpu: number; memory: number }> => {
    const { program, listening } = await client.seed({ torrent, dir });
    const { running: seed, found } = await bench.start(program, listening);
    const before = seed.bill();
    const wall = await leech(Number(found[1]));
    const after = seed.bill();
    if (before === undefined || after === undefined) throw new Error('the seed ended before its leech was done');
    await seed.end();
    return { wall, cpu: after.cpu - before.cpu, memory: after.memory };
  };
  return {
    title: `Upload in ${title}`,
    metrics: COST,
    contestants: field.clients.map((client) => ({ name: client.name, measure: () => measure(client) })),
    goals,
    end: async () => field.end(),
  };
}
