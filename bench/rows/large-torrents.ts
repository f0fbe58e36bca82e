import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { type Bench, MIB } from '../harness/bench.js';
import { ALONE, type Client } from '../rivals/clients.js';
import { makeField } from '../rivals/field.js';
import type { Goal, MakeRow, Measurement, Metric } from '../row.js';
import { startAskedOnce } from '../scale/peers.js';
import { longFilesOfV2, manyFiles, manyFilesOfVersion, manyPieces } from '../scale/torrents.js';
import { until } from '../scale/until.js';

const METRICS: readonly Metric[] = [
  { name: 'wall', label: 'wall s', digits: 2, compared: true },
  { name: 'cpu', label: 'cpu s', digits: 2, compared: true },
  { name: 'memory', label: 'memory MiB', digits: 0 },
];

/** The time in which a download of 100,000 pieces begins. */
export const hundredThousandPieces: MakeRow = (bench) =>
  beginning(
    bench,
    '100,000 pieces of 16 KiB',
    manyPieces(bench.emptyDir(), 100_000),
    [
      { contestant: 'btget', metric: 'wall', ratioTo: 'libtorrent', atMost: 1 },
      { contestant: 'btget', metric: 'memory', unit: 'MiB', digits: 0, atMost: 128 },
    ],
    WHOLE,
  );

/** The time in which a download of 50,000 files begins. */
export const fiftyThousandFiles: MakeRow = (bench) =>
  beginning(
    bench,
    '50,000 files of 1 KiB',
    manyFiles(bench.emptyDir(), 50_000),
    [
      { contestant: 'btget', metric: 'wall', atMost: 2, unit: 's' },
      { contestant: 'btget', metric: 'memory', unit: 'MiB', digits: 0, atMost: 256 },
    ],
    WHOLE,
  );

/** The time in which a download of 100,000 files begins when each file has a piece of its own. */
export function hundredThousandFiles(version: '2' | 'hybrid', wall: number, memory: number): MakeRow {
  return (bench) => {
    const torrent = manyFilesOfVersion(bench.emptyDir(), 100_000, version);
    return beginning(bench, `100,000 files of 1 KiB, ${named(version)}`, torrent, withoutContent(wall, memory), {
      hasContent: false,
      options: [],
    });
  };
}

/**
 * The time in which a download of 1 TiB in 65,536 pieces begins. btget looks for room first, and few disks have so
 * much: it wants one file of a thousand.
 */
export const oneTebibyteV2: MakeRow = (bench) => {
  const torrent = longFilesOfV2(bench.emptyDir(), 1024, 1024 * MIB, 16 * MIB);
  return beginning(bench, `1 TiB in pieces of 16 MiB, ${named('2')}`, torrent, withoutContent(2, 160), {
    hasContent: false,
    options: ['--select', '1'],
  });
};

function named(version: '2' | 'hybrid'): string {
  return version === '2' ? 'version 2' : 'a hybrid';
}

/** Goals for a torrent that has no content which a seed could check. */
function withoutContent(wall: number, memory: number): readonly Goal[] {
  return [
    { contestant: 'btget', metric: 'wall', atMost: wall, unit: 's' },
    { contestant: 'btget', metric: 'memory', unit: 'MiB', digits: 0, atMost: memory },
  ];
}

interface Begun {
  /** Whether the content of the torrent is there, for btget to seed it. */
  readonly hasContent: boolean;
  /** More options for btget. */
  readonly options: readonly string[];
}

const WHOLE: Begun = { hasContent: true, options: [] };

async function beginning(
  bench: Bench,
  what: string,
  torrent: string,
  goals: readonly Goal[],
  { hasContent, options }: Begun,
): ReturnType<MakeRow> {
  const field = await makeField(bench);
  return {
    title: `Download of ${what}, from the program's start to its first request`,
    metrics: METRICS,
    contestants: [
      ...field.clients
        // aria2 knows version 1 alone.
        .filter(({ name }) => hasContent || name !== 'aria2')
        .map((client) => ({ name: client.name, measure: () => toFirstRequest(bench, client, torrent, options) })),
      ...(hasContent ? [{ name: 'btget seed', measure: () => toSeeding(bench, torrent) }] : []),
    ],
    goals,
    // A client that has asked for nothing by then may take minutes, and no user would wait for it.
    timeLimit: 40,
    end: async () => field.end(),
  };
}

async function toFirstRequest(
  bench: Bench,
  client: Client,
  torrent: string,
  options: readonly string[],
): Promise<Measurement> {
  const seed = await startAskedOnce(parseMetainfo(readFileSync(torrent)));
  let askedAt: number | undefined;
  seed.asked.then((at) => {
    askedAt = at;
  });
  try {
    return await bench.inEmptyDir(async (dir) => {
      const made = await client.download({ torrent, dir, peers: [seed.port] });
      const program = client.name === 'btget' ? { ...made, args: [...made.args, ...options] } : made;
      const began = performance.now();
      // The clients run quietly, so only the seed sees when they ask.
      const { running } = await bench.start(program, /(?:)/);
      await until(running, () => askedAt !== undefined);
      const bill = running.bill();
      await running.end();
      if (bill === undefined || askedAt === undefined) throw new Error('it ended while it was measured');
      return { wall: (askedAt - began) / 1000, ...bill };
    });
  } finally {
    seed.end();
  }
}

/** The content is whole: btget checks it, then serves it. */
async function toSeeding(bench: Bench, torrent: string): Promise<Measurement> {
  const dir = join(dirname(torrent), 'data');
  const began = performance.now();
  const program = bench.btget('seed', torrent, '-d', dir, ...ALONE);
  const { running } = await bench.start(program, /: seeding/);
  const wall = (performance.now() - began) / 1000;
  const bill = running.bill();
  await running.end();
  if (bill === undefined) throw new Error('the seed ended');
  return { wall, ...bill };
}
