/**
 * Swarms of whole clients with poisoners, for each of a thousand seeds of chance (or as many as the first argument says,
 * from the second on): of version 2, of hybrids, with pieces of several lengths, all hashes over the wire. Everybody
 * completes, each peer that sent a wrong block is banned and nobody else, and a lie costs no more than its block. One
 * swarm in ten is a hybrid's of which nobody gives hashes: there nobody is banned wrongly. A seed that fails becomes a
 * test by name.
 */
import { type PieceKind, type PoisonedClientsOptions, poisonedClients } from '../support/worlds/poisoned-clients.js';

const TORRENTS = [
  { version: '2', company: 'both' },
  { version: 'hybrid', company: 'both' },
  { version: 'hybrid', company: 'v2' },
] as const;
const AMONG_V1 = { version: 'hybrid', company: 'v1' } as const;

/** Long pieces take long to hash, so they come seldom. */
function optionsOf(seed: number): PoisonedClientsOptions {
  const torrent = seed % 10 === 0 ? AMONG_V1 : TORRENTS[seed % 3];
  const of20 = Math.floor(seed / 30) % 20;
  const piece: PieceKind = of20 === 0 ? '4 MiB' : of20 % 3 === 0 ? '16 KiB' : '256 KiB';
  return { ...(torrent ?? AMONG_V1), piece };
}

const count = Number(process.argv[2] ?? 1000);
const first = Number(process.argv[3] ?? 1);
const began = performance.now();
let [failed, lies, bans] = [0, 0, 0];
for (let seed = first; seed < first + count; seed += 1) {
  const options = optionsOf(seed);
  const swarm = poisonedClients(options, seed);
  bans += swarm.bans.length;
  lies += swarm.lies;
  if (swarm.faults.length === 0) continue;
  failed += 1;
  const { version, company, piece } = options;
  console.log(`seed ${seed} (${version}, ${company}, pieces of ${piece}): ${swarm.faults.join('; ')}`);
}
const took = Math.round(performance.now() - began);
console.log(
  `${count - failed} of ${count} poisoned swarms were right, with ${bans} bans for ${lies} lies, in ${took} ms`,
);
process.exitCode = failed === 0 && count > 0 ? 0 : 1;
