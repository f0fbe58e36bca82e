import type { Millis } from '../../base/clock.js';
import { HostCounts } from '../../net/host-counts.js';
import { hostKey } from '../../net/host-key.js';

const WINDOW: Millis = 5_000;
/**
 * Packets that one host may send in a window. A node of an honest client sends one in minutes, a busy one a few a
 * second.
 */
const MAX_PACKETS = 100;
const BLOCKED_FOR: Millis = 5 * 60_000;
/** Hosts that are blocked at a time. */
const MAX_BLOCKED = 4_000;

/** Turns away whoever sends too much, before anything looks at what it sends. */
export class SourceGuard {
  readonly #counts = new HostCounts(WINDOW);
  /** Until when. The one that was blocked first stands first. */
  readonly #blocked = new Map<string, Millis>();

  /** Counts a packet from `host`; false when it is to be dropped unread. */
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

/** So much a second, and some of it saved up. */
export class Allowance {
  readonly #perSecond: number;
  readonly #most: number;
  #left: number;
  #countedAt: Millis;

  /** `most` is what can be saved up, and what is there at the beginning. */
  constructor(perSecond: number, most: number, now: Millis) {
    this.#perSecond = perSecond;
    this.#most = most;
    this.#left = most;
    this.#countedAt = now;
  }

  /** Takes `amount` if it is there. */
  take(amount: number, now: Millis): boolean {
    const passed = Math.max(0, now - this.#countedAt);
    this.#left = Math.min(this.#most, this.#left + (passed * this.#perSecond) / 1000);
    this.#countedAt = now;
    if (this.#left < amount) return false;
    this.#left -= amount;
    return true;
  }
}

/** As long as a token is good at the most: the address may be that of another host afterwards. */
const LIFETIME: Millis = 10 * 60_000;
const MAX_HOSTS = 4_000;
/** Questions that we ask for the sake of a proof, in a second and at once: our own lookups need the others. */
const PROOFS_PER_SECOND = 10;

/**
 * Hosts that have lately shown that they receive what we send to their address: they answered a question of ours, or
 * sent back a token. Any other source may be forged, and what we answer then hits a host that asked nothing.
 */
export class AddressProofs {
  readonly #questions: Allowance;
  /** Until when, by the whole address: the neighbour in a /64 may be the victim. The last proof stands at the end. */
  readonly #proven = new Map<string, Millis>();

  constructor(now: Millis) {
    this.#questions = new Allowance(PROOFS_PER_SECOND, PROOFS_PER_SECOND, now);
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

  /** Whether one more question may be asked for the sake of a proof; counts it. */
  mayAsk(now: Millis): boolean {
    return this.#questions.take(1, now);
  }
}
