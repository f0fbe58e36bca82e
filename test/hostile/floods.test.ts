/** Datagrams and bare connections at full rate, over a seed and over a download: an honest peer stands beside them. */
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { nextHost, Program } from '../live/support.js';
import { withstands } from './attacked-transfer.js';

const FLOOD = fileURLToPath(new URL('./flood.js', import.meta.url));
const TIMEOUT = 180_000;
const MANY = Array.from({ length: 24 }, nextHost);
const ONE = MANY.slice(0, 1);

/** The kinds of `flood.ts`, in words, and whether it is the node of the DHT that they are for. */
const KINDS = [
  ['queries', 'queries of the DHT', true],
  ['answers', 'answers of the DHT that nobody asked for', true],
  ['rubbish', 'datagrams of random bytes', true],
  ['lists', 'datagrams of lists in lists', true],
  ['connects', 'connections without a byte, reset at once', false],
  ['held', 'connections without a byte, held', false],
  ['first bytes', 'connections with one byte of a handshake, reset at once', false],
  ['first bytes held', 'connections with one byte of a handshake, held', false],
] as const;

for (const target of ['seed', 'download'] as const) {
  for (const [kind, what, dht] of KINDS) {
    for (const hosts of [ONE, MANY]) {
      const name = `${hosts.length === 1 ? 'one host pours' : `${hosts.length} hosts pour`} ${what} over a ${target}`;
      test(name, { timeout: TIMEOUT }, async (t) => {
        await withstands(t, name, target, {
          dht,
          begin: async ({ host, port }) => {
            const flooding = new Program(t, process.execPath, [FLOOD, kind, host, port, ...hosts]);
            await flooding.until((output) => /pouring/.exec(output));
            return flooding;
          },
        });
      });
    }
  }
}
