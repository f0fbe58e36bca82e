import type { Bench } from '../harness/bench.js';
import type { Started } from '../harness/processes.js';
import { type Client, leanSeeds, libtorrentClient } from '../rivals/clients.js';
import { makeField } from '../rivals/field.js';
import { COST, type Contestant, type Goal, type MakeRow, type Measurement } from '../row.js';

const GOALS: readonly Goal[] = [
  { contestant: 'btget', metric: 'wall', ratioTo: 'libtorrent', atMost: 0.6 },
  { contestant: 'btget', metric: 'cpu', ratioTo: 'libtorrent', atMost: 0.9 },
  { contestant: 'btget', metric: 'memory', unit: 'MiB', digits: 0, atMost: 128 },
];

/** Everybody downloads the same from one lean seed. */
export function download(pieceLength: string): MakeRow {
  return (bench) => downloadFromLeanSeeds(bench, { pieceLength, seeds: 1, goals: GOALS });
}

/** Everybody downloads the same from fifty lean seeds at once. */
export const manyPeers: MakeRow = (bench) => downloadFromLeanSeeds(bench, { pieceLength: '1M', seeds: 50, goals: [] });

/** Everybody downloads the same from a client that people use. */
export const downloadFromLibtorrent: MakeRow = async (bench) => {
  if (bench.rivals.libtorrent === undefined) throw new Error('libtorrent is not installed');
  const content = bench.content(bench.length);
  const torrent = await bench.torrent({ length: bench.length, pieceLength: '1M' });
  const { program, listening } = await libtorrentClient().seed({ torrent, dir: content.dir });
  const seed = await bench.start(program, listening);
  const field = await makeField(bench);
  return {
    title: `Download of ${bench.length >> 20} MiB in pieces of 1 MiB from one libtorrent seed`,
    metrics: COST,
    contestants: field.clients.map((client) => downloader(bench, client, torrent, portsOf(seed))),
    goals: [],
    end: async () => field.end(),
  };
};

interface LeanDownload {
  readonly pieceLength: string;
  readonly seeds: number;
  readonly goals: readonly Goal[];
}

async function downloadFromLeanSeeds(bench: Bench, { pieceLength, seeds, goals }: LeanDownload): ReturnType<MakeRow> {
  const content = bench.content(bench.length);
  const torrent = await bench.torrent({ length: bench.length, pieceLength });
  const { program, listening } = leanSeeds(torrent, content.path, seeds);
  const seed = await bench.start(program, listening);
  const field = await makeField(bench);
  return {
    title: `Download of ${bench.length >> 20} MiB in pieces of ${pieceLength} from ${seeds === 1 ? 'one fast seed' : `${seeds} fast seeds`}`,
    metrics: COST,
    contestants: field.clients.map((client) => downloader(bench, client, torrent, portsOf(seed))),
    goals,
    timeLimit: 60,
    end: async () => field.end(),
  };
}

export function portsOf({ found }: Started): number[] {
  return (found[1] ?? '').split(',').map(Number);
}

export function downloader(bench: Bench, client: Client, torrent: string, peers: readonly number[]): Contestant {
  return {
    name: client.name,
    measure: (): Promise<Measurement> =>
      bench.inEmptyDir(async (dir) => (await bench.run(await client.download({ torrent, dir, peers }))).cost),
  };
}
