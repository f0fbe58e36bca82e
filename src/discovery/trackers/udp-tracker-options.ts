import type { Millis } from '../../base/clock.js';
import type { BindAddresses } from '../../net/fence.js';
import type { findDestinations } from '../http/http-destination.js';

/** How patient a client of UDP trackers is. */
export interface UdpTrackerOptions {
  /** The fence: the addresses that name lookups are bound to; null for none. */
  readonly bind: BindAddresses | null;
  /** How long an address has for its answer, a connection id included, in the first round; the next has twice that. */
  readonly firstWait: Millis;
  /** How often each address of a tracker is asked. */
  readonly rounds: number;
  /** From the name lookup to the answer. */
  readonly timeLimit: Millis;
  /** How long a connection id may be used. BEP 15: "until one minute after it has received it". */
  readonly connectionLife: Millis;
  /** How the addresses of a host are found and judged. */
  readonly findDestinations: typeof findDestinations;
}

/**
 * BEP 15 asks again after 15, 30, 60 s and so on, for more than two hours: a schedule for whoever has nobody else to
 * ask. Here the next tracker of the list waits meanwhile, and with it the first peer. So a tracker at one address is
 * given up after 15 s, a lost datagram costs 5 s, and it is the Rerequester that waits longer each time before it asks
 * again.
 */
export const DEFAULT_UDP_TRACKER_OPTIONS: Omit<UdpTrackerOptions, 'bind' | 'findDestinations'> = {
  firstWait: 5_000,
  rounds: 2,
  timeLimit: 30_000,
  connectionLife: 60_000,
};
