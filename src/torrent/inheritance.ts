import type { PeerSource } from '../discovery/peer-source.js';
import type { TrackerAnswer } from '../discovery/rerequester.js';
import type { RawServerContext } from '../net/raw-server.js';
import type { Encoder } from '../swarm/encoder.js';
import type { Successor } from '../swarm/metadata-peers.js';

/** What a torrent's sources of peers ask it, and tell it. */
export interface Seeker {
  /** Bytes of this run, and what is not verified, wanted or not. */
  totals(): { readonly uploaded: number; readonly downloaded: number; readonly left: number };
  /** Nothing is left to fetch. */
  isComplete(): boolean;
  trackerAnswered(report: TrackerAnswer): void;
}

/** The torrent that goes on where its first life, in which it had no metadata, ends. */
export interface Heir extends Seeker {
  /** A bug in what runs in the context. */
  crashed(error: unknown): void;
}

/**
 * What a torrent's first life leaves to its second: connections, and trackers that know it, so that nobody is told
 * good-bye and greeted again.
 */
export interface Inheritance {
  readonly context: RawServerContext;
  readonly encoder: Encoder;
  readonly sources: PeerSource;
  /** The sources are at work already. */
  readonly isSeeking: boolean;
  /** Whom sources and bugs are the business of from here on. Connections live on, and their peers wait. */
  passTo(heir: Heir): void;
  /** Pieces can be told of. */
  letPeersIn(successor: Successor): void;
}
