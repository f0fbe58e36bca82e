import type { Millis } from '../../base/clock.js';
import { HostCounts } from '../../net/host-counts.js';
import { hostKey } from '../../net/host-key.js';

/** The time over which we count the packets of a host. */
const WINDOW: Millis = 5_000;
/**
 * Packets that one host may send in a window. The node of an honest client sends one packet in several minutes, a busy
 * node a few per second.
 */
const MAX_PACKETS = 100;
const BLOCKED_FOR: Millis = 5 * 60_000;
/** How many hosts are blocked at the same time. */
const MAX_BLOCKED = 4_000;

/** Blocks hosts that send too many packets, before we spend time on reading the packets. */
export class SourceGuard {
  readonly #counts = new HostCounts(WINDOW);
  /** By `hostKey`: until when the host is blocked. The host that was blocked first stands first. */
  readonly #blocked = new Map<string, Millis>();

  /** Counts a packet from `host`. False when the caller must drop it unread. */
  admits(host: string, now: Millis): boolean {
    const key = hostKey(host);
    const blockedUntil = this.#blocked.get(key);
    if (blockedUntil !== undefined && now < blockedUntil) return false;
    if (this.#counts.count(key, now) <= MAX_PACKETS) return true;
    this.#block(key, now);
    return false;
  }

  #block(key: string, now: Millis): void {
    this.#blocked.delete(key);
    this.#blocked.set(key, now + BLOCKED_FOR);
    if (this.#blocked.size <= MAX_BLOCKED) return;
    for (const first of this.#blocked.keys()) {
      this.#blocked.delete(first);
      return;
    }
  }
}

/** A budget that grows at a steady rate, and of which a limited amount can be saved up. */
export class Allowance {
  readonly #perSecond: number;
  readonly #most: number;
  #left: number;
  #countedAt: Millis;

  /** `most` is how much can be saved up. The budget begins with that. */
  constructor(perSecond: number, most: number, now: Millis) {
    this.#perSecond = perSecond;
    this.#most = most;
    this.#left = most;
    this.#countedAt = now;
  }

  /** Takes `amount` if the budget has as much, and says whether it did. */
  take(amount: number, now: Millis): boolean {
    const passed = Math.max(0, now - this.#countedAt);
    this.#left = Math.min(this.#most, this.#left + (passed * this.#perSecond) / 1000);
    this.#countedAt = now;
    if (this.#left < amount) return false;
    this.#left -= amount;
    return true;
  }
}

/** How long a proof counts, which is the longest life of a token. Later another host may have the address. */
const LIFETIME: Millis = 10 * 60_000;
const MAX_HOSTS = 4_000;
/**
 * How many queries we send only to get a proof, per second and at once. They are few, because our own lookups need the
 * rest.
 */
const PROOFS_PER_SECOND = 10;

/**
 * The hosts that have lately proven that they receive what we send to their address: they answered a query of ours, or
 * sent back a token. Any other source address may be forged. An answer to it then goes to a host that asked nothing.
 */
export class AddressProofs {
  readonly #queries: Allowance;
  /**
   * By host: until when its proof counts. The newest proof stands at the end. The key is the whole address, because an
   * attacker may forge the address of a neighbour in its own /64.
   */
  readonly #proven = new Map<string, Millis>();

  constructor(now: Millis) {
    this.#queries = new Allowance(PROOFS_PER_SECOND, PROOFS_PER_SECOND, now);
  }

  has(host: string, now: Millis): boolean {
    return now < (this.#proven.get(host) ?? now);
  }

  add(host: string, now: Millis): void {
    this.#proven.delete(host);
    this.#proven.set(host, now + LIFETIME);
    if (this.#proven.size <= MAX_HOSTS) return;
    for (const first of this.#proven.keys()) {
      this.#proven.delete(first);
      return;
    }
  }

  /** Whether we may send one more query only to get a proof. Counts the query. */
  mayAsk(now: Millis): boolean {
    return this.#queries.take(1, now);
  }
}
