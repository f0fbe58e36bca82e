import type { Random } from '../base/random.js';
import type { OwnAddresses } from '../discovery/own-addresses.js';
import type { CreatePeerSource, PeerSource } from '../discovery/peer-source.js';
import type { TrackerAnswer } from '../discovery/trackers/rerequester.js';
import type { TrackerClient } from '../discovery/trackers/tracker-client.js';
import type { OpenStorage, SlotPool } from '../disk/storage.js';
import type { OpenTarget } from '../disk/target.js';
import type { WireHashes } from '../metainfo/info-hash.js';
import type { ParseTorrent } from '../metainfo/parsing.js';
import type { RawServer, RawServerContext } from '../net/raw-server.js';
import type { OwnNetworks } from '../net/reach-rule.js';
import type { TakenJournals } from '../resume/own-journal.js';
import type { DialEncryption } from '../swarm/connections/dial-ways.js';
import type { Encoder } from '../swarm/connections/encoder.js';
import type { HalfOpen } from '../swarm/connections/half-open.js';
import type { Identity } from '../swarm/connections/identity.js';
import type { UnansweredDials } from '../swarm/connections/unanswered-dials.js';
import type { NodePorts } from '../swarm/extensions/node-ports.js';
import type { HashFetch } from '../swarm/hashes/hash-fetch.js';
import type { Successor } from '../swarm/metadata/metadata-peers.js';
import type { RateLimiter } from '../swarm/rate-limiter.js';
import type { SendMemory } from '../swarm/upload/send-memory.js';
import type { FetchRange } from '../swarm/web-seed/fetch-range.js';
import type { WorkBudget } from '../swarm/work-budget.js';
import type { MakeKeyPair } from '../wire/mse/key-exchange.js';
import type { ContentClaims } from './content-claims.js';

/** What a session gets from its owner and hands on to each of its torrents. */
export interface WorldParts {
  readonly rawServer: RawServer;
  readonly random: Random;
  readonly slots: SlotPool;
  readonly openStorage: OpenStorage;
  readonly openTarget: OpenTarget;
  /** The name of the folder that the path `dir` leads to; null when it has no name. */
  readonly folderName: (dir: string) => string | null;
  /** Parses metadata, however long it is. */
  readonly parse: ParseTorrent;
  readonly trackerClient: TrackerClient;
  /** Makes sources of peers besides the trackers. A private torrent uses none of them. */
  readonly peerSources: readonly CreatePeerSource[];
  /** The networks that addresses from strangers must not lead us to. */
  readonly ownNetworks: OwnNetworks;
  /** Fetches parts of files from web seeds; null when no web seed is asked. */
  readonly fetchRange: FetchRange | null;
  /** Makes the keys of message stream encryption. */
  readonly makeKeyPair: MakeKeyPair;
  /** Our name and version, as trackers and peers show them. */
  readonly client: string;
  /**
   * Calls `answered` later, also when the loop is closed by then: whoever asked waits for the answer. What it throws
   * belongs to no torrent, and keeps no other answer back.
   */
  readonly answer: (answered: () => void) => void;
}

/** The objects that a torrent uses. `identity` is its own; the session shares the others among its torrents. */
export interface TorrentParts extends WorldParts {
  /** Says which torrent may write to which paths. */
  readonly claims: ContentClaims;
  /** Says which journals other torrents use. */
  readonly takenJournals: TakenJournals;
  /** Tells peers of our node in the DHT; null when we have no node. A private torrent does not use it. */
  readonly nodePorts: NodePorts | null;
  readonly halfOpen: HalfOpen;
  readonly unanswered: UnansweredDials;
  readonly encryption: DialEncryption;
  readonly work: WorkBudget;
  readonly uploadLimiter: RateLimiter;
  readonly downloadLimiter: RateLimiter;
  readonly sendMemory: SendMemory;
  /** Our public addresses, as trackers and peers report them. */
  readonly ownAddresses: OwnAddresses;
  /** What we say of the torrent when it begins. */
  readonly identity: Identity;
  /**
   * The torrent has these info-hashes from now on, and peers may come under each of them. Returns what we say of it
   * then. Throws 'target-busy', and nothing changes, when another torrent of the session has one of them.
   */
  readonly renameTo: (hashes: WireHashes) => Identity;
  /** The port on which we listen. */
  readonly port: number;
}

/** What the sources of peers need to know of a torrent, and the receiver of the trackers' answers. */
export interface AnnounceSource {
  /** Bytes that went and came in this run, and bytes that are not verified, wanted or not. */
  totals(): { readonly uploaded: number; readonly downloaded: number; readonly left: number };
  /** Whether nothing is left to fetch. */
  isComplete(): boolean;
  trackerAnswered(report: TrackerAnswer): void;
}

/** A torrent in its second life, which takes over from its first life without metadata. */
export interface HandoverTarget extends AnnounceSource {
  /** A task of the context has thrown: a bug. */
  crashed(error: unknown): void;
}

/**
 * What a torrent's first life hands over to its second: its connections, and the trackers that it has announced to. So
 * we need not say good-bye to peers and trackers and then greet them again.
 */
export interface MetadataHandover {
  readonly context: RawServerContext;
  readonly encoder: Encoder;
  readonly sources: PeerSource;
  /** It knows which hashes peers still owe: their answers may come when the second life has begun. */
  readonly hashFetch: HashFetch;
  /** Whether the sources have begun already. */
  readonly isSeeking: boolean;
  /**
   * From this call on the target hears of the trackers' answers and of bugs. Connections stay open; their peers wait.
   */
  takeEvents(target: HandoverTarget): void;
  /** From this call on the successor has the peers, and can tell them of pieces. */
  takePeers(successor: Successor): void;
}
