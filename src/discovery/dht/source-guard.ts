import type { Millis } from '../../base/clock.js';
import { hostKey } from '../../net/host-key.js';

const WINDOW: Millis = 5_000;
/**
 * Packets that one host may send in a window. A node of an honest client sends one in minutes, a busy one a few a
 * second.
 */
const MAX_PACKETS = 100;
const BLOCKED_FOR: Millis = 5 * 60_000;
/** Packets in a window below which a host is forgotten first when too many are counted. */
const RARE = 3;
/** Hosts that are counted in one window, and hosts that are blocked. Sources are forged freely. */
const MAX_HOSTS = 4_000;

/** Turns away whoever sends too much, before anything looks at what it sends. */
export class SourceGuard {
  #windowBegan: Millis = Number.NEGATIVE_INFINITY;
  readonly #counts = new Map<string, number>();
  /** Until when. The one that was blocked first stands first. */
  readonly #blocked = new Map<string, Millis>();

  /** Counts a packet from `host`; false when it is to be dropped unread. */
  admits(host: string, now: Millis): boolean {
    if (now - this.#windowBegan >= WINDOW) {
      this.#windowBegan = now;
      this.#counts.clear();
    }
    if (this.#counts.size >= MAX_HOSTS) this.#forgetRareHosts();
    const key = hostKey(host);
    const blockedUntil = this.#blocked.get(key);
    if (blockedUntil !== undefined && now < blockedUntil) return false;
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    if (count <= MAX_PACKETS) return true;
    this.#block(key, now);
    return false;
  }

  /** A host that sends much stays counted, however many others are forged beside it. */
  #forgetRareHosts(): void {
    for (const [key, count] of this.#counts) if (count < RARE) this.#counts.delete(key);
    if (this.#counts.size >= MAX_HOSTS) this.#counts.clear();
  }

  #block(key: string, now: Millis): void {
    this.#blocked.delete(key);
    this.#blocked.set(key, now + BLOCKED_FOR);
    if (this.#blocked.size <= MAX_HOSTS) return;
    for (const first of this.#blocked.keys()) {
      this.#blocked.delete(first);
      return;
    }
  }
}
