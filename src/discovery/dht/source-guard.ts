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
