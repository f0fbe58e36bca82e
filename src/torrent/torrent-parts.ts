import type { Random } from '../base/random.js';
import type { OwnAddresses } from '../discovery/own-addresses.js';
import type { CreatePeerSource } from '../discovery/peer-source.js';
import type { TrackerClient } from '../discovery/trackers/tracker-client.js';
import type { OpenStorage, SlotPool } from '../disk/storage.js';
import type { OpenTarget } from '../disk/target.js';
import type { ParseTorrent } from '../metainfo/parsing.js';
import type { RawServer } from '../net/raw-server.js';
import type { OwnNetworks } from '../net/reach-rule.js';
import type { TakenJournals } from '../resume/own-journal.js';
import type { Identity } from '../swarm/connections/connection.js';
import type { HalfOpen } from '../swarm/connections/half-open.js';
import type { NodePorts } from '../swarm/extensions/node-ports.js';
import type { RateLimiter } from '../swarm/rate-limiter.js';
import type { SendMemory } from '../swarm/upload/send-memory.js';
import type { WorkBudget } from '../swarm/work-budget.js';
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
