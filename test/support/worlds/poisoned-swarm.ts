import { BLOCK_LENGTH } from '../../../src/metainfo/piece-layout.js';
import { HonestLeaves } from '../fakes/honest-leaves.js';
import type { SampleTorrent } from '../sample-torrent.js';
import { v2Torrent } from '../v2-torrent.js';
import { Lies, poisonedContent } from './lies.js';
import { Swarm } from './swarm.js';
import type { SwarmMember } from './swarm-member.js';

const PIECE = 8 * BLOCK_LENGTH;

/** Files of many pieces, of one piece, and of one block; most of them end within a block. */
const FILES = [
  { path: 'top/a', length: 7 * PIECE + 3 * BLOCK_LENGTH + 777 },
  { path: 'top/b', length: 100 },
  { path: 'top/c', length: 3 * BLOCK_LENGTH + 5 },
  { path: 'top/d', length: 4 * PIECE },
  { path: 'top/e', length: PIECE - 1 },
];

/** Bytes of memory for pieces. Without any, blocks go to the disk as they come in. */
const MEMORY = [48 * 1024 * 1024, 2 * PIECE, 0];

export const POISONED = { '2': v2Torrent(FILES, PIECE, '2'), hybrid: v2Torrent(FILES, PIECE, 'hybrid') };

/** A leech, and the lies that it was told. */
export interface Victim {
  readonly member: SwarmMember;
  readonly lies: Lies;
}

export interface PoisonedSwarm {
  readonly victims: readonly Victim[];
  /** The addresses of the peers that send wrong blocks. */
  readonly poisoners: ReadonlySet<string>;
  /** What was wrong, in sentences. */
  readonly faults: readonly string[];
}

/**
 * A swarm that follows from the seed: one or two honest seeds, up to four poisoners whose bytes are wrong in some
 * blocks or in all of them, and up to three leeches with much memory, with little or with none. `gives`: how many of a
 * hundred questions for leaves are answered. Leaves come from a source of the test and not over the wire, so that they
 * can be kept from all leeches alike.
 */
export function poisonedSwarm(version: '2' | 'hybrid', seed: number, gives = 100): PoisonedSwarm {
  const torrent = POISONED[version];
  const swarm = new Swarm(torrent, seed);
  const { random, timeline } = swarm;
  let hosts = 0;
  const host = (): string => {
    hosts += 1;
    return `10.0.0.${hosts}`;
  };
  const rate = (): number => (1 + random.below(8)) * 4 * BLOCK_LENGTH;
  const honest = Array.from({ length: 1 + random.below(2) }, () => swarm.seed(host(), { uploadRate: rate() }));
  const poisoners = Array.from({ length: 1 + random.below(4) }, () => {
    const content = poisonedContent(torrent, 1 + random.below(4), random);
    return swarm.seed(host(), { uploadRate: rate(), content });
  });
  const victims = Array.from({ length: 1 + random.below(3) }, (): Victim => {
    const leaves = new HonestLeaves(
      torrent,
      timeline,
      () => random.below(2_000),
      () => random.below(100) < gives,
    );
    const memory = MEMORY[random.below(MEMORY.length)] as number;
    const member = swarm.member(host(), { leaves, memory });
    const lies = new Lies(torrent);
    const { downloader } = member;
    const { blockCameIn } = downloader;
    downloader.blockCameIn = (...came) => lies.came(downloader, blockCameIn, came);
    return { member, lies };
  });
  const all = [...honest, ...poisoners, ...victims.map(({ member }) => member)];
  for (const { member } of victims) for (const other of all) if (other !== member) member.dial(other.host);
  timeline.runUntil(() => victims.every(({ member }) => member.isDone), 3_600_000);
  // What is under way when the last piece comes is judged too.
  timeline.run(1_000);
  const faults = victims.flatMap((victim) => [
    ...faultsOf(victim, torrent, gives === 100),
    ...victim.member.log.filter((line) => line.startsWith('disk')),
  ]);
  for (const member of all) {
    member.check();
    member.stop();
  }
  return { victims, poisoners: new Set(poisoners.map((member) => member.host)), faults };
}

function faultsOf({ member, lies }: Victim, torrent: SampleTorrent, isExact: boolean): string[] {
  const faults: string[] = [];
  const say = (what: string): unknown => faults.push(`${member.host}: ${what}`);
  if (!member.isDone) say(`lacks ${member.wrapper.amountLeft} bytes`);
  else if (!member.storage.contents().equals(torrent.content)) say('has wrong bytes');
  const { liars } = lies;
  for (const connection of member.banned) if (!liars.has(connection)) say(`banned ${connection.address.host} wrongly`);
  if (!isExact) return faults;
  for (const connection of liars)
    if (!member.banned.includes(connection)) say(`did not ban ${connection.address.host}`);
  for (const excess of lies.excess(member.downloader)) say(excess);
  if (member.log.some((line) => line.endsWith('failed'))) say('let a whole piece fail');
  for (const [at, evidence] of member.evidence.entries()) {
    const connection = member.banned[at];
    if (connection === undefined || !lies.prove(connection, evidence)) say(`has wrong evidence: ${evidence.kind}`);
  }
  return faults;
}
