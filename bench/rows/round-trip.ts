import { MIB } from '../harness/bench.js';
import { leanSeeds, relay } from '../rivals/clients.js';
import { makeField } from '../rivals/field.js';
import { COST, type MakeRow } from '../row.js';
import { downloader, portsOf } from './download.js';

const LENGTH = 256 * MIB;
const ONE_WAY = 50;

/** Everybody downloads the same from one lean seed that is far away. */
export const roundTrip: MakeRow = async (bench) => {
  const length = Math.min(LENGTH, bench.length);
  const content = bench.content(length);
  const torrent = await bench.torrent({ length, pieceLength: '1M' });
  const seed = leanSeeds(torrent, content.path, 1);
  const [seedPort = 0] = portsOf(await bench.start(seed.program, seed.listening));
  const way = relay(seedPort, ONE_WAY);
  const ports = portsOf(await bench.start(way.program, way.listening));
  const field = await makeField(bench);
  return {
    title: `Download of ${length / MIB} MiB from one fast seed with a round trip of ${2 * ONE_WAY} ms`,
    metrics: COST,
    contestants: field.clients.map((client) => downloader(bench, client, torrent, ports)),
    // 0.9 × the rate is 1 ÷ 0.9 of the time.
    goals: [{ contestant: 'btget', metric: 'wall', ratioTo: 'libtorrent', atMost: 1.11 }],
    timeLimit: 60,
    end: async () => field.end(),
  };
};
