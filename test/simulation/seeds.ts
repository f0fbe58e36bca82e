/**
 * Twenty peers live two hours, once for each of a hundred seeds of chance (or as many as the first argument says, from
 * the second on): nobody fails, everybody completes, nothing is left behind. A seed that fails becomes a test by name.
 */
import { liveTwoHours, SAMPLE } from '../support/worlds/two-hours.js';

const count = Number(process.argv[2] ?? 100);
const first = Number(process.argv[3] ?? 1);
const began = performance.now();
let failed = 0;
for (let seed = first; seed < first + count; seed += 1) {
  const swarm = liveTwoHours(seed);
  const wrong = swarm.clients.filter(({ done, failure, storage }) => {
    return !done || failure !== null || !storage.contents().equals(SAMPLE.content);
  });
  swarm.stop();
  const leftover = swarm.timeline.pending + swarm.clients.reduce((sum, { slots }) => sum + slots.taken, 0);
  if (wrong.length === 0 && leftover === 0) continue;
  failed += 1;
  console.log(
    `seed ${seed}: not right: ${wrong.map(({ name }) => name).join(', ') || 'nobody'}; left behind: ${leftover}`,
  );
}
console.log(
  `${count - failed} of ${count} swarms of 20 peers lived two hours, in ${Math.round(performance.now() - began)} ms`,
);
process.exitCode = failed === 0 && count > 0 ? 0 : 1;
