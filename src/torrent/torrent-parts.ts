import type { Random } from '../base/random.js';
import type { OwnAddresses } from '../discovery/own-addresses.js';
import type { CreatePeerSource } from '../discovery/peer-source.js';
import type { TrackerClient } from '../discovery/tracker-client.js';
import type { OpenStorage, SlotPool } from '../disk/storage.js';
import type { OpenTarget } from '../disk/target.js';
import type { ParseTorrent } from '../metainfo/parsing.js';
import type { RawServer } from '../net/raw-server.js';
import type { OwnNetworks } from '../net/reach-rule.js';
import type { TakenJournals } from '../resume/own-journal.js';
import type { Identity } from '../swarm/connection.js';
import type { HalfOpen } from '../swarm/half-open.js';
import type { NodePorts } from '../swarm/node-ports.js';
import type { RateLimiter } from '../swarm/rate-limiter.js';
import type { SendMemory } from '../swarm/send-memory.js';
import type { WorkBudget } from '../swarm/work-budget.js';
import type { ContentClaims } from './content-claims.js';

/** What a torrent stands on; the session has it once for all of them. */
export interface TorrentParts {
  readonly rawServer: RawServer;
  readonly random: Random;
  readonly slots: SlotPool;
  readonly openStorage: OpenStorage;
  readonly openTarget: OpenTarget;
  /** What a download folder is called, whatever path leads to it; null where it has no name. */
  readonly folderName: (dir: string) => string | null;
  /** Who may write which paths, and who has which journal. */
  readonly claims: ContentClaims;
  readonly takenJournals: TakenJournals;
  /** What peers hand on of a link's torrent may be long. */
  readonly parse: ParseTorrent;
  readonly trackerClient: TrackerClient;
  /** Sources of peers besides the trackers; a private torrent uses none of them. */
  readonly peerSources: readonly CreatePeerSource[];
  /** Tells peers of our node in the DHT; null for no node. A private torrent does not speak of it. */
  readonly nodePorts: NodePorts | null;
  readonly halfOpen: HalfOpen;
  readonly work: WorkBudget;
  readonly uploadLimiter: RateLimiter;
  readonly downloadLimiter: RateLimiter;
  readonly sendMemory: SendMemory;
  readonly identity: Identity;
  readonly ownAddresses: OwnAddresses;
  /** Where strangers may not lead us. */
  readonly ownNetworks: OwnNetworks;
  /** Our name and version, as peers show it. */
  readonly client: string;
  /** Where we listen. */
  readonly port: number;
}
