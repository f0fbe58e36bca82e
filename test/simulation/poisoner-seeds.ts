/**
 * Swarms with poisoners, of version 2 and of hybrids in turn, for each of a thousand seeds of chance (or as many as the
 * first argument says, from the second on): everybody completes, each peer that sent a wrong block is banned and nobody
 * else, and a lie costs no more than its block. A seed that fails becomes a test by name.
 */
import { poisonedSwarm } from '../support/worlds/poisoned-swarm.js';

const count = Number(process.argv[2] ?? 1000);
const first = Number(process.argv[3] ?? 1);
const began = performance.now();
let [failed, bans, lies] = [0, 0, 0];
for (let seed = first; seed < first + count; seed += 1) {
  const version = seed % 2 === 0 ? 'hybrid' : '2';
  const { victims, faults } = poisonedSwarm(version, seed);
  for (const victim of victims) {
    bans += victim.member.banned.length;
    lies += victim.lies.length;
  }
  if (faults.length === 0) continue;
  failed += 1;
  console.log(`seed ${seed} (${version}): ${faults.join('; ')}`);
}
const took = Math.round(performance.now() - began);
console.log(
  `${count - failed} of ${count} poisoned swarms were right, with ${bans} bans for ${lies} lies, in ${took} ms`,
);
process.exitCode = failed === 0 && count > 0 ? 0 : 1;
