import type { Millis } from '../../base/clock.js';
import type { BindAddresses } from '../../net/fence.js';
import type { findDestinations } from '../http/http-destination.js';

/** How long, and how often, a client asks a UDP tracker. */
export interface UdpTrackerOptions {
  /** The fence: the addresses that name lookups are bound to; null for no fence. */
  readonly bind: BindAddresses | null;
  /** How long an address has in the first round to answer, connection id included. Each round doubles the time. */
  readonly firstWait: Millis;
  /** How often we ask each address of a tracker. */
  readonly rounds: number;
  /** The time from the name lookup to the answer. */
  readonly timeLimit: Millis;
  /** How long we may use a connection id. BEP 15: "until one minute after it has received it". */
  readonly connectionLife: Millis;
  /** Finds the addresses of a host and decides to which of them we may send. */
  readonly findDestinations: typeof findDestinations;
}

/**
 * BEP 15 asks again after 15, 30, 60 s and so on, for more than two hours. That suits a client with no other tracker.
 * In our case the next tracker of the list waits all that time, and with it the first peer. So we give up a tracker
 * with one address after 15 s, and a lost datagram costs 5 s. The Rerequester waits longer after each failure.
 */
export const DEFAULT_UDP_TRACKER_OPTIONS: Omit<UdpTrackerOptions, 'bind' | 'findDestinations'> = {
  firstWait: 5_000,
  rounds: 2,
  timeLimit: 30_000,
  connectionLife: 60_000,
};
