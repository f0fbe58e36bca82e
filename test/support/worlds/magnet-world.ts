import { sha1 } from '../../../src/base/digest.js';
import { encodeBencode } from '../../../src/bencode/encode.js';
import { infoHashV1 } from '../../../src/metainfo/info-hash.js';
import type { MagnetLink } from '../../../src/metainfo/magnet.js';
import type { Metainfo } from '../../../src/metainfo/metainfo.js';
import { parseMetadata } from '../../../src/metainfo/parse-metadata.js';
import { type ParseOutcome, parseAtOnce } from '../../../src/metainfo/parsing.js';
import type { PeerAddress } from '../../../src/net/raw-server.js';
import { FakePeer } from '../fakes/fake-peer.js';
import { type LiarKind, metadataScript } from '../fakes/metadata-liars.js';
import { type SampleTorrent, sampleTorrent } from '../sample-torrent.js';
import type { SimulatedHostOptions } from '../simulation/simulated-host-options.js';
import type { SimulatedSwarm } from '../simulation/simulated-swarm.js';
import { dictionary, type Fields } from '../torrent-bytes.js';

const PLAIN = sampleTorrent([{ path: 'sample', length: 417 * 1024 + 5 }], 32 * 1024);

/** A torrent of one file whose info dictionary is really there; its padding makes several pieces of metadata. */
export function magnetSample(more: Fields = {}): SampleTorrent {
  const { length, pieceLength, pieces } = PLAIN.metainfo;
  const fields = { length, name: 'sample', 'piece length': pieceLength, pieces, 'x-padding': Buffer.alloc(70_000, 7) };
  const info = encodeBencode(dictionary({ ...fields, ...more }));
  return { ...PLAIN, metainfo: parseMetadataNow(info, linkTo(sha1(info))) };
}

/** Throws what is wrong with it. */
export function parseMetadataNow(info: Buffer, link: Parameters<typeof parseMetadata>[2]): Metainfo {
  const outcomes: ParseOutcome[] = [];
  parseMetadata(parseAtOnce, info, link, (outcome) => outcomes.push(outcome));
  const [outcome] = outcomes;
  if (outcome === undefined || !outcome.ok) throw outcome?.failure ?? new Error('no answer');
  return outcome.metainfo;
}

/** A link with the hash of `urn:btih`. */
export function linkTo(infoHash: Buffer, more: Partial<MagnetLink> = {}): MagnetLink {
  return {
    infoHash,
    infoHashV1: infoHashV1(infoHash),
    infoHashV2: null,
    name: null,
    length: null,
    trackers: [],
    webSeeds: [],
    peers: [],
    nodes: [],
    selected: null,
    ...more,
  };
}

/** A peer that has metadata to offer, `info`, right or wrong, and nothing else. */
export function metadataPeer(swarm: SimulatedSwarm, host: string, infoHash: Buffer, info: Buffer): FakePeer {
  return lyingPeer(swarm, host, null, { infoHash, info, number: 0 });
}

interface Lying {
  readonly infoHash: Buffer;
  readonly info: Buffer;
  readonly number: number;
  readonly host?: Partial<SimulatedHostOptions>;
}

/** A peer that lies about the metadata, or an honest one. */
export function lyingPeer(
  swarm: SimulatedSwarm,
  host: string,
  kind: LiarKind | null,
  { infoHash, info, number, host: options = {} }: Lying,
): FakePeer {
  const rawServer = swarm.network.host(host, { timeout: 1e12, ...options });
  const peerId = sha1(Buffer.from(host));
  const peer = new FakePeer(
    rawServer,
    { infoHash, peerId },
    metadataScript(kind, { timers: swarm.timeline, info, number }),
  );
  peer.listen(6881);
  return peer;
}

export function addressOf(host: string): PeerAddress {
  return { host, port: 6881 };
}
