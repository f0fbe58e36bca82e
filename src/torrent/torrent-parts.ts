import type { Random } from '../base/random.js';
import type { OwnAddresses } from '../discovery/own-addresses.js';
import type { CreatePeerSource, PeerSource } from '../discovery/peer-source.js';
import type { TrackerAnswer } from '../discovery/trackers/rerequester.js';
import type { TrackerClient } from '../discovery/trackers/tracker-client.js';
import type { OpenStorage, SlotPool } from '../disk/storage.js';
import type { OpenTarget } from '../disk/target.js';
import type { ParseTorrent } from '../metainfo/parsing.js';
import type { RawServer, RawServerContext } from '../net/raw-server.js';
import type { OwnNetworks } from '../net/reach-rule.js';
import type { TakenJournals } from '../resume/own-journal.js';
import type { Identity } from '../swarm/connections/connection.js';
import type { DialEncryption } from '../swarm/connections/dial-ways.js';
import type { Encoder } from '../swarm/connections/encoder.js';
import type { HalfOpen } from '../swarm/connections/half-open.js';
import type { NodePorts } from '../swarm/extensions/node-ports.js';
import type { Successor } from '../swarm/metadata/metadata-peers.js';
import type { RateLimiter } from '../swarm/rate-limiter.js';
import type { SendMemory } from '../swarm/upload/send-memory.js';
import type { WorkBudget } from '../swarm/work-budget.js';
import type { MakeKeyPair } from '../wire/mse/key-exchange.js';
import type { ContentClaims } from './content-claims.js';

/** What a session is handed, and hands on to each of its torrents. */
export interface WorldParts {
  readonly rawServer: RawServer;
  readonly random: Random;
  readonly slots: SlotPool;
  readonly openStorage: OpenStorage;
  readonly openTarget: OpenTarget;
  /** What a download folder is called, whatever path leads to it; null where it has no name. */
  readonly folderName: (dir: string) => string | null;
  /** Parses metadata, however long it is. */
  readonly parse: ParseTorrent;
  readonly trackerClient: TrackerClient;
  /** Sources of peers besides the trackers; a private torrent uses none of them. */
  readonly peerSources: readonly CreatePeerSource[];
  /** Where strangers may not lead us. */
  readonly ownNetworks: OwnNetworks;
  /** Makes the keys of message stream encryption. */
  readonly makeKeyPair: MakeKeyPair;
  /** Our name and version, as trackers and peers show it. */
  readonly client: string;
}

/** What a torrent stands on. What is not its own the session has once for all torrents. */
export interface TorrentParts extends WorldParts {
  /** They say which torrent may write which paths, and which has which journal. */
  readonly claims: ContentClaims;
  readonly takenJournals: TakenJournals;
  /** Tells peers of our node in the DHT; null for no node. A private torrent does not speak of it. */
  readonly nodePorts: NodePorts | null;
  readonly halfOpen: HalfOpen;
  readonly encryption: DialEncryption;
  readonly work: WorkBudget;
  readonly uploadLimiter: RateLimiter;
  readonly downloadLimiter: RateLimiter;
  readonly sendMemory: SendMemory;
  /** Where the world sees us. */
  readonly ownAddresses: OwnAddresses;
  readonly identity: Identity;
  /** Where we listen. */
  readonly port: number;
}

/** What the sources of peers announce of a torrent, and where they tell what trackers answer. */
export interface AnnounceSource {
  /** Bytes of this run, and what is not verified, wanted or not. */
  totals(): { readonly uploaded: number; readonly downloaded: number; readonly left: number };
  /** Nothing is left to fetch. */
  isComplete(): boolean;
  trackerAnswered(report: TrackerAnswer): void;
}

/** A torrent takes over from its first life, in which it had no metadata. */
export interface HandoverTarget extends AnnounceSource {
  /** A bug in what runs in the context. */
  crashed(error: unknown): void;
}

/**
 * What a torrent's first life hands over to its second: connections, and trackers that know the torrent. So no peer and
 * no tracker hears a good-bye and a second greeting.
 */
export interface MetadataHandover {
  readonly context: RawServerContext;
  readonly encoder: Encoder;
  readonly sources: PeerSource;
  /** The sources are at work already. */
  readonly isSeeking: boolean;
  /** From here on the target hears of sources and bugs. Connections live on, and their peers wait. */
  takeEvents(target: HandoverTarget): void;
  /** From here on the successor has the peers: the torrent can tell them of pieces. */
  takePeers(successor: Successor): void;
}
