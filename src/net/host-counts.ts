import type { Millis } from '../base/clock.js';

/** Hosts that are counted at a time: sources of datagrams are forged freely. */
const MAX_HOSTS = 4_000;
/** Packets in a window below which a host is forgotten first when too many are counted. */
const RARE = 3;

/** How many packets each host has sent within a window of time. */
export class HostCounts {
  readonly #window: Millis;
  #windowBegan: Millis = Number.NEGATIVE_INFINITY;
  readonly #counts = new Map<string, number>();

  constructor(window: Millis) {
    this.#window = window;
  }

  /** Counts a packet from the host of `key`, one of `hostKey`; returns how many came from there in this window. */
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

  /** A host that sends much stays counted, however many others are forged beside it. */
  #forgetRareHosts(): void {
    for (const [key, count] of this.#counts) if (count < RARE) this.#counts.delete(key);
    if (this.#counts.size >= MAX_HOSTS) this.#counts.clear();
  }
}
