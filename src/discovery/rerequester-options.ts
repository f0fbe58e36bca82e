import type { Millis } from '../base/clock.js';

/** When and how a torrent announces. */
export interface RerequesterOptions {
  /** How often to consider asking for more peers while the trackers' own interval lasts. */
  readonly rerequestInterval: Millis;
  /** No tracker is asked more often than this, but for `started`, `completed` and `stopped`. */
  readonly minAnnounceInterval: Millis;
  /**
   * With fewer connections than this we ask for more; once somebody reached us from outside, a third of it is enough.
   */
  readonly minPeers: number;
  /** With this many connections we ask for none. */
  readonly enoughPeers: number;
  /** How many peers to ask for at a time. */
  readonly numwant: number;
  /** How long to wait when every tracker has failed; it doubles each time. */
  readonly firstBackOff: Millis;
  /** The longest wait when every tracker has failed. */
  readonly lastBackOff: Millis;
  /** How long `stop()` waits for the trackers' answers. */
  readonly stopLimit: Millis;
}

export const DEFAULT_REREQUESTER_OPTIONS: RerequesterOptions = {
  rerequestInterval: 300_000,
  minAnnounceInterval: 60_000,
  minPeers: 20,
  enoughPeers: 40,
  numwant: 50,
  firstBackOff: 50_000,
  lastBackOff: 1_800_000,
  stopLimit: 2_000,
};
