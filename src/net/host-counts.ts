import type { Millis } from '../base/clock.js';

/** We count at most this many hosts at a time, because an attacker can forge any number of sources. */
const MAX_HOSTS = 4_000;
/** When we count too many hosts, we first forget those with fewer packets than this in the window. */
const RARE = 3;

/** How many packets each host has sent within a window of time. */
export class HostCounts {
  readonly #window: Millis;
  #windowBegan: Millis = Number.NEGATIVE_INFINITY;
  readonly #counts = new Map<string, number>();

  constructor(window: Millis) {
    this.#window = window;
  }

  /** Counts a packet from the host of `key` (see `hostKey`). Returns how many that host has sent in this window. */
  count(key: string, now: Millis): number {
    if (now - this.#windowBegan >= this.#window) {
      this.#windowBegan = now;
      this.#counts.clear();
    }
    if (this.#counts.size >= MAX_HOSTS) this.#forgetRareHosts();
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    return count;
  }

  /** A host that sends much stays counted, however many other sources an attacker forges. */
  #forgetRareHosts(): void {
    for (const [key, count] of this.#counts) if (count < RARE) this.#counts.delete(key);
    if (this.#counts.size >= MAX_HOSTS) this.#counts.clear();
  }
}
