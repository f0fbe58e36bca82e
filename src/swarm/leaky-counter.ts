import type { Millis } from '../base/clock.js';

/** How much a LeakyCounter allows. */
export interface LeakyCounterOptions {
  /** How many are allowed at once. */
  readonly limit: number;
  /** How many are forgotten in each second. */
  readonly perSecond: number;
}

/**
 * The count never exceeds this many times the limit. So a peer is forgiven in the same time, however long it has gone
 * on.
 */
const MOST_LIMITS = 2;

/** Counts what a peer may do now and then, but not without end. The count falls at a steady pace. */
export class LeakyCounter {
  readonly #options: LeakyCounterOptions;
  #count = 0;
  #countedAt: Millis;

  constructor(options: LeakyCounterOptions, now: Millis) {
    this.#options = options;
    this.#countedAt = now;
  }

  /** The count has fallen to 0, so a new counter would be the same. */
  isForgotten(now: Millis): boolean {
    return this.#count <= (Math.max(0, now - this.#countedAt) / 1000) * this.#options.perSecond;
  }

  /** Adds `weight` to the count. True when the count is then above the limit. */
  add(now: Millis, weight = 1): boolean {
    this.#forget(now);
    this.#count = Math.min(this.#count + weight, MOST_LIMITS * this.#options.limit);
    return this.#count > this.#options.limit;
  }

  /**
   * Adds 1 to the count if it then is not above the limit, and says whether it did. What is not allowed is not counted.
   */
  addIfAllowed(now: Millis): boolean {
    this.#forget(now);
    if (this.#count + 1 > this.#options.limit) return false;
    this.#count += 1;
    return true;
  }

  #forget(now: Millis): void {
    const forgotten = (Math.max(0, now - this.#countedAt) / 1000) * this.#options.perSecond;
    this.#count = Math.max(0, this.#count - forgotten);
    this.#countedAt = now;
  }

  /** The count when something was last added, rounded up. */
  get count(): number {
    return Math.ceil(this.#count);
  }
}
