import { fileURLToPath } from 'node:url';
import type { Bench } from '../harness/bench.js';
import type { Contestant, MakeRow } from '../row.js';

const PICK_COST = fileURLToPath(new URL('../scale/pick-cost.js', import.meta.url));
const SMALL = nameOf(1000, 10);

/** The cost of choosing the next block, in small and large swarms. */
export const pickCost: MakeRow = async (bench) => ({
  title: 'Choice of the next block to ask for, and its arrival, among peers that have from a tenth to nearly all',
  metrics: [{ name: 'nanos', label: 'ns a block', digits: 0, compared: true }],
  contestants: [
    picker(bench, 1000, 10),
    picker(bench, 1000, 500),
    picker(bench, 100_000, 10),
    picker(bench, 100_000, 500),
  ],
  // A large swarm takes no more steps, but its memory does not fit into a cache.
  goals: [{ contestant: nameOf(100_000, 500), metric: 'nanos', ratioTo: SMALL, atMost: 3 }],
});

function picker(bench: Bench, pieces: number, peers: number): Contestant {
  return {
    name: nameOf(pieces, peers),
    async measure() {
      const args = [PICK_COST, String(pieces), String(peers)];
      const { stdout } = await bench.run({ command: process.execPath, args });
      return JSON.parse(stdout) as { nanos: number };
    },
  };
}

function nameOf(pieces: number, peers: number): string {
  return `btget, ${pieces} pieces, ${peers} peers`;
}
