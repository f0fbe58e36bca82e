import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import type { Bench } from '../harness/bench.js';
import type { Program } from '../harness/processes.js';
import { median } from '../harness/statistics.js';
import { ALONE } from '../rivals/clients.js';
import type { Contestant, MakeRow, Measurement } from '../row.js';
import { startAskedOnce } from '../scale/peers.js';
import { until } from '../scale/until.js';

/** A start is so short that one alone says little. */
const STARTS = 7;
const NODE = 'node -e 0';
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * Programs that do next to nothing, against the start of Node itself: btget as npm publishes it, in one file, and as it
 * is built, in some hundred modules. At last the size of what npm publishes.
 */
export const startup: MakeRow = async (bench) => {
  const torrent = await bench.torrent({ length: bench.length, pieceLength: '1M' });
  const small = await bench.torrent({ length: 1 << 20, pieceLength: '64K' });
  const env = { XDG_CACHE_HOME: bench.emptyDir() };
  const ways: readonly (readonly [string, (...args: readonly string[]) => Program])[] = [
    ['btget', (...args) => ({ ...bench.btget(...args), env })],
    ['btget in modules', (...args) => ({ ...bench.btgetInModules(...args), env })],
  ];
  const tarball = packed();
  const node = starter(bench, NODE, { command: process.execPath, args: ['-e', '0'] });
  return {
    title:
      `Start of a program that has next to nothing to do (each figure the median of ${STARTS}); ` +
      `npm would publish ${tarball.packed} kB in ${tarball.files} files`,
    metrics: [
      { name: 'wall', label: 'wall ms', digits: 0 },
      { name: 'cpu', label: 'cpu ms', digits: 0 },
      { name: 'memory', label: 'memory MiB', digits: 0 },
    ],
    contestants: [
      { ...node, measure: async () => ({ ...(await node.measure()), ...tarball }) },
      ...ways.flatMap(([name, program]) => [
        starter(bench, `${name} --version`, program('--version')),
        starter(bench, `${name} show`, program('show', torrent)),
        { name: `${name}, first request`, measure: () => toFirstRequest(bench, program, small) },
      ]),
    ],
    goals: [
      { contestant: 'btget --version', metric: 'wall', ratioTo: NODE, atMost: 1.6 },
      { contestant: 'btget show', metric: 'wall', ratioTo: NODE, atMost: 2.5 },
      { contestant: 'btget, first request', metric: 'cpu', ratioTo: 'btget in modules, first request', atMost: 0.75 },
      { contestant: NODE, metric: 'packed', unit: 'kB', digits: 0, atMost: 900 },
    ],
  };
};

function starter(bench: Bench, name: string, program: Program): Contestant {
  return {
    name,
    measure: () =>
      medians(async () => {
        const { cost } = await bench.run(program);
        return { wall: cost.wall * 1000, cpu: cost.cpu * 1000, memory: cost.memory };
      }),
  };
}

/** From the start of a download to its first request for content, from a seed that is named on the command line. */
function toFirstRequest(
  bench: Bench,
  program: (...args: readonly string[]) => Program,
  torrent: string,
): Promise<Measurement> {
  const metainfo = parseMetainfo(readFileSync(torrent));
  return medians(async () => {
    const seed = await startAskedOnce(metainfo);
    try {
      let askedAt: number | undefined;
      seed.asked.then((at) => {
        askedAt = at;
      });
      return await bench.inEmptyDir(async (dir) => {
        const peer = ['--peer', `127.0.0.1:${seed.port}`, '--encryption', 'off'];
        const began = performance.now();
        const { running } = await bench.start(program(torrent, '-d', dir, '-q', ...ALONE, ...peer), /(?:)/);
        await until(running, () => askedAt !== undefined);
        const bill = running.bill();
        await running.end();
        if (bill === undefined || askedAt === undefined) throw new Error('it ended while it was measured');
        return { wall: askedAt - began, cpu: bill.cpu * 1000, memory: bill.memory };
      });
    } finally {
      seed.end();
    }
  });
}

async function medians(measure: () => Promise<{ wall: number; cpu: number; memory: number }>): Promise<Measurement> {
  const all: { wall: number; cpu: number; memory: number }[] = [];
  for (let start = 0; start < STARTS; start += 1) all.push(await measure());
  const of = (name: 'wall' | 'cpu' | 'memory'): number => median(all.map((one) => one[name]));
  return { wall: of('wall'), cpu: of('cpu'), memory: of('memory') };
}

/** The tarball that npm would publish. */
function packed(): { readonly packed: number; readonly files: number } {
  // Without scripts: they would build anew what the bench runs.
  const args = ['pack', '--dry-run', '--ignore-scripts', '--json', '--loglevel=error'];
  const { stdout } = spawnSync('npm', args, { cwd: ROOT, encoding: 'utf8' });
  const [{ size, entryCount }] = JSON.parse(stdout);
  return { packed: Math.round(size / 1000), files: entryCount };
}
