import { once } from 'node:events';
import { createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { seededRandom } from '../../test/support/simulation/seeded-random.js';
import type { Bench } from '../harness/bench.js';
import type { Contestant, Goal, MakeRow } from '../row.js';

const BLOCKLIST_COST = fileURLToPath(new URL('../scale/blocklist-cost.js', import.meta.url));
const RANGES = 300_000;

/** What a long list costs a process: the time until it counts, its memory, and a look-up. */
export const blocklist: MakeRow = async (bench) => {
  const plain = await writeList(join(bench.dir, 'list.p2p'));
  const packed = join(bench.dir, 'list.gz');
  writeFileSync(packed, gzipSync(readFileSync(plain)));
  const contestants = [reader(bench, 'btget, P2P text', plain), reader(bench, 'btget, the same in gzip', packed)];
  const goals = contestants.flatMap(({ name }): Goal[] => [
    { contestant: name, metric: 'wall', unit: 's', digits: 2, atMost: 0.3 },
    { contestant: name, metric: 'kept', unit: 'MiB', digits: 1, atMost: 16 },
    { contestant: name, metric: 'nanos', unit: 'ns', atMost: 1000 },
  ]);
  return {
    title: `A blocklist of ${RANGES} ranges, read in a thread, and looked up by the text of an address`,
    metrics: [
      { name: 'wall', label: 'wall s', digits: 2 },
      { name: 'kept', label: 'kept MiB', digits: 1 },
      { name: 'peak', label: 'peak MiB more', digits: 1 },
      { name: 'held', label: 'loop held ms', digits: 1 },
      { name: 'nanos', label: 'ns a look-up', digits: 0 },
    ],
    contestants,
    goals,
  };
};

function reader(bench: Bench, name: string, path: string): Contestant {
  return {
    name,
    async measure() {
      const program = { command: process.execPath, args: ['--expose-gc', BLOCKLIST_COST, path] };
      const { stdout } = await bench.run(program);
      return JSON.parse(stdout) as Record<string, number>;
    },
  };
}

/** Ranges that neither touch nor overlap, in no order, with comments as long as those of real lists. */
async function writeList(path: string): Promise<string> {
  const random = seededRandom(1);
  const lines: string[] = [];
  let address = 1 << 24;
  for (let count = 0; count < RANGES; count += 1) {
    address += 300 + random.below(11_000);
    const last = address + random.below(256);
    lines.push(`Some Organisation - Office ${count}:${dotted(address)}-${dotted(last)}`);
    address = last;
  }
  for (let at = lines.length - 1; at > 0; at -= 1) {
    const other = random.below(at + 1);
    [lines[at], lines[other]] = [lines[other] as string, lines[at] as string];
  }
  const file = createWriteStream(path);
  file.end(`${lines.join('\n')}\n`);
  await once(file, 'close');
  return path;
}

function dotted(address: number): string {
  return [24, 16, 8, 0].map((bits) => (address >>> bits) & 255).join('.');
}
