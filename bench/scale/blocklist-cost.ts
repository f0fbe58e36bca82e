/**
 * `node --expose-gc blocklist-cost.js FILE` reads a blocklist and prints as JSON: `wall`, seconds until it counts;
 * `kept` and `peak`, MiB that are resident more than before, afterwards and at the most; `held`, the longest time in
 * milliseconds for which the event loop did not run; `nanos`, nanoseconds a look-up by the text of an address.
 */
import { setTimeout } from 'node:timers/promises';
import { readBlocklist } from '../../src/session/node-blocklists.js';
import { seededRandom } from '../../test/support/simulation/seeded-random.js';

const MIB = 1 << 20;
const LOOK_UPS = 2_000_000;
const HOSTS = 1 << 14;

const resident = (): number => process.memoryUsage.rss() / MIB;
const collect = (): void => (globalThis as { gc?: () => void }).gc?.();

collect();
const before = resident();
let [peak, held, last] = [before, 0, performance.now()];
const looking = setInterval(() => {
  const now = performance.now();
  peak = Math.max(peak, resident());
  held = Math.max(held, now - last - 1);
  last = now;
}, 1);
const began = performance.now();
const list = await readBlocklist([process.argv[2] ?? '']);
const wall = (performance.now() - began) / 1000;
// The thread's memory is given back a little later.
await setTimeout(200);
clearInterval(looking);
collect();
const kept = resident() - before;

const random = seededRandom(1);
const hosts = Array.from({ length: HOSTS }, () =>
  [1 + random.below(223), 0, 0, 0].map((first, at) => (at === 0 ? first : random.below(256))).join('.'),
);
let found = 0;
const round = (): void => {
  for (let count = 0; count < LOOK_UPS; count += 1) if (list.hasHost(hosts[count % HOSTS] as string)) found += 1;
};
round();
const from = performance.now();
round();
const nanos = ((performance.now() - from) * 1e6) / LOOK_UPS;
if (found === 0) throw new Error('no address was found');
console.log(JSON.stringify({ wall, kept, peak: peak - before, held, nanos }));
