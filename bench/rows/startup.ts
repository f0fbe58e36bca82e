import type { Bench } from '../harness/bench.js';
import type { Program } from '../harness/processes.js';
import { median } from '../harness/statistics.js';
import type { Contestant, MakeRow } from '../row.js';

/** A start is so short that one alone says little. */
const STARTS = 7;
const NODE = 'node -e 0';

/** Programs that do next to nothing, against the start of Node itself. */
export const startup: MakeRow = async (bench) => {
  const torrent = await bench.torrent({ length: bench.length, pieceLength: '1M' });
  return {
    title: `Start of a program that has next to nothing to do (each figure the median of ${STARTS})`,
    metrics: [
      { name: 'wall', label: 'wall ms', digits: 0 },
      { name: 'memory', label: 'memory MiB', digits: 0 },
    ],
    contestants: [
      starter(bench, NODE, { command: process.execPath, args: ['-e', '0'] }),
      starter(bench, 'btget --version', bench.btget('--version')),
      starter(bench, 'btget show', bench.btget('show', torrent)),
    ],
    goals: [
      { contestant: 'btget --version', metric: 'wall', ratioTo: NODE, atMost: 1.6 },
      { contestant: 'btget show', metric: 'wall', ratioTo: NODE, atMost: 2.5 },
    ],
  };
};

function starter(bench: Bench, name: string, program: Program): Contestant {
  return {
    name,
    async measure() {
      const walls: number[] = [];
      let memory = 0;
      for (let start = 0; start < STARTS; start += 1) {
        const { cost } = await bench.run(program);
        walls.push(cost.wall * 1000);
        memory = Math.max(memory, cost.memory);
      }
      return { wall: median(walls), memory };
    },
  };
}
