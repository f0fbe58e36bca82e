import type { Bench } from '../harness/bench.js';
import type { Leeched } from '../lean/lean-leech.js';
import type { Client } from '../rivals/clients.js';
import { leanLeech } from '../rivals/clients.js';
import { makeField } from '../rivals/field.js';
import type { Measurement } from '../row.js';
import { CPU, type MakeRow, MEMORY, WALL } from '../row.js';

/** Everybody seeds the same to one lean leech. */
export function upload(pieceLength: string): MakeRow {
  return async (bench) => {
    const torrent = await bench.torrent({ length: bench.length, pieceLength });
    const field = await makeField(bench);
    return {
      title: `Upload of ${bench.length >> 20} MiB in pieces of ${pieceLength} to one fast leech`,
      metrics: [WALL, CPU, MEMORY],
      contestants: field.clients.map((client) => ({
        name: client.name,
        measure: () => measureSeed(bench, client, torrent),
      })),
      goals: [
        { contestant: 'btget', metric: 'wall', ratioTo: 'libtorrent', atMost: 0.8 },
        { contestant: 'btget', metric: 'memory', unit: 'MiB', digits: 0, atMost: 128 },
      ],
      end: async () => field.end(),
    };
  };
}

/**
 * `wall`: from the leech's connection to its last byte; `cpu`: what the seed spent meanwhile; `memory`: the most that the
 * seed ever held, the check of its content included.
 */
async function measureSeed(bench: Bench, client: Client, torrent: string): Promise<Measurement> {
  const { program, listening } = await client.seed({ torrent, dir: bench.content(bench.length).dir });
  const { running: seed, found } = await bench.start(program, listening);
  const before = seed.bill();
  const { stdout } = await bench.run(leanLeech(torrent, Number(found[1])));
  const after = seed.bill();
  await seed.end();
  if (before === undefined || after === undefined) throw new Error('the seed ended before its leech was done');
  const leeched = JSON.parse(stdout) as Leeched;
  return { wall: leeched.seconds, cpu: after.cpu - before.cpu, memory: after.memory };
}
