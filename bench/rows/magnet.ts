import { readFileSync } from 'node:fs';
import { formatMagnet, linkOf } from '../../src/metainfo/magnet.js';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { type Bench, MIB } from '../harness/bench.js';
import { type Client, leanSeeds } from '../rivals/clients.js';
import { makeField } from '../rivals/field.js';
import { type NamingTracker, startNamingTracker } from '../rivals/naming-tracker.js';
import type { MakeRow, Measurement } from '../row.js';

const SEEDS = 10;
const LENGTH = 64 * MIB;

/** The time from the start of a program with a link to its first request for content; a tracker names ten seeds. */
export const magnet: MakeRow = async (bench) => {
  const field = await makeField(bench);
  const tracker = await startNamingTracker();
  const length = Math.min(LENGTH, bench.length);
  const torrent = await bench.torrent({ length, pieceLength: '32K' });
  const { info } = parseMetainfo(readFileSync(torrent));
  return {
    title: `From a magnet link to the first request for content (${SEEDS} seeds, ${info.length} bytes of metadata)`,
    metrics: [{ name: 'wall', label: 'wall s', digits: 3, compared: true }],
    contestants: field.clients.map((client) => ({
      name: client.name,
      measure: () => measure(bench, client, torrent, length, tracker),
    })),
    // The goal is no ratio: Node alone takes longer to start than another client takes for everything.
    goals: [{ contestant: 'btget', metric: 'wall', unit: 's', digits: 2, atMost: 1 }],
    timeLimit: 60,
    end: async () => {
      tracker.end();
      field.end();
    },
  };
};

async function measure(
  bench: Bench,
  client: Client,
  torrent: string,
  length: number,
  tracker: NamingTracker,
): Promise<Measurement> {
  const { program, listening } = leanSeeds(torrent, bench.content(length).path, SEEDS);
  const seeds = await bench.start(program, listening);
  const ports = (seeds.found[1] ?? '').split(',').map(Number);
  const metainfo = parseMetainfo(readFileSync(torrent));
  const link = formatMagnet(linkOf({ ...metainfo, trackers: [[tracker.urlFor(ports)]] }));
  return bench.inEmptyDir(async (dir) => {
    const download = await client.download({ torrent: link, dir, peers: [] });
    const began = performance.now();
    const { running } = await bench.start(download, /^/);
    await seeds.running.says(/asked for content/);
    const wall = (performance.now() - began) / 1000;
    await running.end();
    await seeds.running.end();
    return { wall };
  });
}
