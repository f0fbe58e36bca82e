import { type Bench, MIB } from '../harness/bench.js';
import { btgetClient, type Client, libtorrentClient } from '../rivals/clients.js';
import { CPU, type MakeRow, MEMORY, type Measurement } from '../row.js';

const LENGTH = 100 * MIB;
/** Bytes a second. */
const RATE = 10 * MIB;
const LEECHES = 8;

/**
 * One seed with a limit and eight leeches that start together, find each other by a tracker, and leave when they are
 * done. Ideally the last leech is done when the seed has sent one copy.
 */
export const eightLeeches: MakeRow = async (bench) => {
  const clients = [btgetClient(bench), ...(bench.rivals.libtorrent === undefined ? [] : [libtorrentClient()])];
  return {
    title:
      `One seed with ${RATE / MIB} MiB/s, ${LEECHES} leeches of ${lengthFor(bench) / MIB} MiB ` +
      'that leave when they are done',
    metrics: [
      { name: 'first', label: 'first done s', digits: 1 },
      { name: 'last', label: 'last done s', digits: 1, compared: true },
      { name: 'ideals', label: 'last ÷ ideal', digits: 2 },
      { ...CPU, label: 'cpu s of all leeches', compared: false },
      { ...MEMORY, label: 'memory MiB of the largest leech' },
    ],
    contestants: clients.map((client) => ({ name: client.name, measure: () => measureSwarm(bench, client) })),
    goals: [{ contestant: 'btget', metric: 'ideals', unit: '× ideal', atMost: 1.3 }],
    mostRuns: 3,
    timeLimit: 60,
  };
};

function lengthFor(bench: Bench): number {
  return Math.min(LENGTH, bench.length);
}

/** Each run has a new tracker, because the old one would name the peers of the last run. */
async function measureSwarm(bench: Bench, client: Client): Promise<Measurement> {
  const length = lengthFor(bench);
  const tracker = await bench.start(
    bench.btget('tracker', '--bind', '127.0.0.1', '--port', '0'),
    /(http:\S+\/announce)/,
  );
  const torrent = await bench.torrent({ length, pieceLength: '256K', tracker: tracker.found[1] ?? '' });
  const seed = await client.seed({ torrent, dir: bench.content(length).dir, maxUpload: RATE });
  await bench.start(seed.program, seed.listening);
  return bench.inEmptyDir(async (dir) => {
    const leeches = await Promise.all(
      Array.from({ length: LEECHES }, (_, leech) => client.download({ torrent, dir: `${dir}/${leech}`, peers: [] })),
    );
    const { cost, each } = await bench.runTogether(leeches);
    const first = Math.min(...each.map(({ wall }) => wall));
    return { first, last: cost.wall, ideals: cost.wall / (length / RATE), cpu: cost.cpu, memory: cost.memory };
  });
}
