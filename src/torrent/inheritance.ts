import type { PeerSource } from '../discovery/peer-source.js';
import type { TrackerAnswer } from '../discovery/trackers/rerequester.js';
import type { RawServerContext } from '../net/raw-server.js';
import type { Encoder } from '../swarm/connections/encoder.js';
import type { Successor } from '../swarm/metadata/metadata-peers.js';

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
