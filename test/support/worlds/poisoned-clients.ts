import { sha1 } from '../../../src/base/digest.js';
import { wireHashes } from '../../../src/metainfo/info-hash.js';
import { BLOCK_LENGTH } from '../../../src/metainfo/piece-layout.js';
import type { PeerConnection } from '../../../src/swarm/connections/peer-connection.js';
import { Downloader } from '../../../src/swarm/download/downloader.js';
import type { Evidence } from '../../../src/wire/refusal.js';
import { FakePeer } from '../fakes/fake-peer.js';
import { HASH_LIAR_KINDS, type HashLiarKind, isForger } from '../fakes/hash-liars.js';
import { HashTrees } from '../fakes/hash-trees.js';
import { poisonerScript } from '../fakes/poisoner.js';
import { seededRandom } from '../simulation/seeded-random.js';
import { type Client, SimulatedSwarm } from '../simulation/simulated-swarm.js';
import { halfOf, type V2SampleTorrent, v2Torrent } from '../v2-torrent.js';
import { Lies, poisonedContent } from './lies.js';

const KIB = 1024;
const PORT = 6881;
const HOUR = 3_600_000;

/** A piece of one block, of a few, and of many. */
export const PIECE_KINDS = { '16 KiB': 16 * KIB, '256 KiB': 256 * KIB, '4 MiB': 4_096 * KIB } as const;
export type PieceKind = keyof typeof PIECE_KINDS;
/** How many pieces the first file has and a part of one. */
const LONGEST: Readonly<Record<PieceKind, number>> = { '16 KiB': 13, '256 KiB': 3, '4 MiB': 1 };

/** What the honest peers and the liars know of a hybrid. */
export type Company = 'both' | 'v2' | 'v1';

export interface PoisonedClientsOptions {
  readonly version: '2' | 'hybrid';
  readonly piece: PieceKind;
  /** Of a hybrid: which of its swarms the others are of. Peers of version 1 alone can give no hashes. */
  readonly company: Company;
}

/** The torrents are made once, since their trees are made in a plain way. */
const samples = new Map<string, V2SampleTorrent>();

/** Files of several pieces, of one and of less than a block; most end within a block, and none where a piece ends. */
function sampleOf({ version, piece }: PoisonedClientsOptions): V2SampleTorrent {
  const key = `${version} ${piece}`;
  const pieceLength = PIECE_KINDS[piece];
  const known =
    samples.get(key) ??
    v2Torrent(
      [
        { path: 'top/a', length: LONGEST[piece] * pieceLength + 5 * BLOCK_LENGTH + 777 },
        { path: 'top/b', length: 100 },
        { path: 'top/c', length: 3 * BLOCK_LENGTH + 5 },
        { path: 'top/d', length: Math.min(pieceLength, 9 * BLOCK_LENGTH) - 1 },
        { path: 'top/e', length: pieceLength + 1 },
      ],
      pieceLength,
      version,
    );
  samples.set(key, known);
  return known;
}

interface BanOf {
  readonly victim: Client;
  readonly connection: PeerConnection;
  readonly evidence: Evidence;
}

/** What is seen of the downloads of a swarm while it lives. */
interface Seen {
  readonly lies: Lies;
  readonly bans: BanOf[];
  /** Pieces that failed as a whole. */
  failed: number;
}

export interface PoisonedClients {
  readonly lies: number;
  readonly bans: readonly Evidence['kind'][];
  /** Pieces that failed as a whole, so that their blocks were fetched again one and all. */
  readonly failed: number;
  /** What was wrong, in sentences. */
  readonly faults: readonly string[];
}

interface Liar {
  readonly host: string;
  readonly hashes: HashLiarKind | null;
}

/**
 * A swarm of whole clients that follows from the seed: one or two honest seeds, one to three leeches, and up to four
 * liars that send wrong blocks and answer hash requests rightly, wrongly or not at all. All hashes go over the wire.
 */
export function poisonedClients(options: PoisonedClientsOptions, seed: number): PoisonedClients {
  const sample = sampleOf(options);
  const seen: Seen = { lies: new Lies(sample), bans: [], failed: 0 };
  const faults = watching(seen, () => live(options, sample, seed, seen));
  return {
    lies: seen.lies.all.length,
    bans: seen.bans.map(({ evidence }) => evidence.kind),
    failed: seen.failed,
    faults,
  };
}

function live(
  { version, company }: PoisonedClientsOptions,
  sample: V2SampleTorrent,
  seed: number,
  seen: Seen,
): string[] {
  const random = seededRandom(seed);
  const swarm = new SimulatedSwarm(sample, seed);
  const { timeline } = swarm;
  const { metainfo } = sample;
  const { pieceLength } = metainfo;
  const isHybrid = version === 'hybrid';
  const known = company === 'both' || !isHybrid ? metainfo : halfOf(metainfo, company === 'v1' ? '1' : '2');
  // A piece takes a second or two, whatever its length is.
  const rate = (): number => (1 + random.below(8)) * Math.max(64 * KIB, pieceLength / 2);
  for (let left = 1 + random.below(2); left > 0; left -= 1)
    swarm.start({ seed: true, metainfo: known, host: { upload: rate() } });
  timeline.run(1_000);

  const trees = HashTrees.ofSample(sample);
  // A peer that answers with the hash of version 2 gives hashes, whichever hash the dialling peer said.
  const { infoHashV2 } = wireHashes(known);
  const infoHash = infoHashV2 ?? known.infoHash;
  const makeLiar = (number: number): Liar & { readonly peer: FakePeer } => {
    const host = `10.7.${number}.1`;
    const hashes = [null, ...HASH_LIAR_KINDS][random.below(HASH_LIAR_KINDS.length + 1)] ?? null;
    const script = poisonerScript({
      torrent: sample,
      content: poisonedContent(sample, 1 + random.below(4), random),
      rate: rate(),
      hashes,
      timers: timeline,
      trees,
    });
    const identity = { infoHash, peerId: sha1(Buffer.from(host)) };
    return { host, hashes, peer: new FakePeer(swarm.network.host(host, { timeout: 1e12 }), identity, script) };
  };
  const liars = Array.from({ length: 1 + random.below(4) }, (_, number) => makeLiar(number));
  for (const { peer } of liars) peer.listen(PORT);
  timeline.run(0);

  const victims = Array.from({ length: 1 + random.below(3) }, () => {
    const memory = [48 * 1024 * KIB, 2 * pieceLength][random.below(2)] as number;
    // Pieces that get no memory are written block by block.
    const maxSlotLength = random.below(3) === 0 ? BLOCK_LENGTH / 2 : memory;
    const peers = liars.map(({ host }) => ({ host, port: PORT }));
    return swarm.start({ torrent: { peers }, memory, maxSlotLength, diskLatency: random.below(20) });
  });
  timeline.run(5);
  for (const victim of victims) noteBans(victim, seen);
  timeline.runUntil(() => victims.every(({ done, failure }) => done || failure !== null), HOUR);
  // What is under way when the last piece comes is judged too.
  timeline.run(1_000);
  const faults = victims.flatMap((victim) => faultsOfEnd(victim, sample));
  faults.push(...faultsOfBans(seen, liars));
  if (!isHybrid || company !== 'v1') faults.push(...faultsOfWork(seen));
  swarm.stop();
  return faults;
}

/** Takes note of the blocks that all downloads take during `run`. */
function watching<Result>(seen: Seen, run: () => Result): Result {
  const { prototype } = Downloader;
  const { blockCameIn, pieceFailed } = prototype;
  prototype.blockCameIn = function (this: Downloader, ...came) {
    return seen.lies.came(this, blockCameIn, came);
  };
  prototype.pieceFailed = function (this: Downloader, piece, data) {
    seen.failed += 1;
    pieceFailed.call(this, piece, data);
  };
  try {
    return run();
  } finally {
    Object.assign(prototype, { blockCameIn, pieceFailed });
  }
}

function noteBans(victim: Client, seen: Seen): void {
  const { encoder } = victim.torrent;
  if (encoder === undefined) throw new Error(`${victim.name} has ended`);
  const ban = encoder.ban.bind(encoder);
  encoder.ban = (connection, evidence) => {
    seen.bans.push({ victim, connection, evidence });
    ban(connection, evidence);
  };
}

function faultsOfEnd(
  { name, done, failure, storage, torrent, slots }: Client,
  { content, metainfo }: V2SampleTorrent,
): string[] {
  const faults: string[] = [];
  const { have, wanted } = torrent.status();
  if (failure !== null) faults.push(`${name} failed: ${failure.message}`);
  else if (!done) faults.push(`${name} has ${have} of ${wanted} bytes`);
  for (const [index, { begin, length, padding, path }] of metainfo.files.entries()) {
    if (padding || !done) continue;
    const bytes = storage.finalBytes(index);
    if (bytes?.equals(content.subarray(begin, begin + length)) !== true)
      faults.push(`${name}: ${path.join('/')} is wrong`);
  }
  const hosts = torrent.encoder?.bans.map(({ address }) => address.host) ?? [];
  if (new Set(hosts).size !== hosts.length) faults.push(`${name} banned somebody twice`);
  if (slots.taken > 0) faults.push(`${name} keeps ${slots.taken} slots`);
  return faults;
}

/** Nobody but liars is banned, and for nothing that it has not done. */
function faultsOfBans({ lies, bans }: Seen, liars: readonly Liar[]): string[] {
  return bans.flatMap(({ victim, connection, evidence }) => {
    const { host } = connection.address;
    const liar = liars.find((each) => each.host === host);
    const isTrue = evidence.kind === 'wrong-hashes' ? isForger(liar?.hashes ?? null) : lies.prove(connection, evidence);
    return liar !== undefined && isTrue ? [] : [`${victim.name} banned ${host} for a ${evidence.kind}`];
  });
}

/** Every sender of a wrong block is banned; what it costs is no more than its blocks. */
function faultsOfWork({ lies, bans, failed }: Seen): string[] {
  const banned = new Set(bans.map(({ connection }) => connection));
  const spared = [...lies.liars].filter((connection) => !banned.has(connection));
  const faults = spared.map(({ address }) => `${address.host} sent a wrong block, and is not banned`);
  if (failed > 0) faults.push(`${failed} pieces failed as a whole`);
  for (const taker of lies.takers) faults.push(...lies.excess(taker));
  return faults;
}
