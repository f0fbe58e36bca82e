import type { Millis } from '../base/clock.js';

export interface LeakyCounterOptions {
  /** So many at once are forgiven. */
  readonly limit: number;
  /** So many are forgotten in each second. */
  readonly perSecond: number;
}

/** No more than so many times the limit are counted: what is too much is forgiven as soon, however long it went on. */
const MOST_LIMITS = 2;

/** Counts what a peer may do now and then but not without end: what is counted is forgotten at a steady pace. */
export class LeakyCounter {
  readonly #options: LeakyCounterOptions;
  #count = 0;
  #countedAt: Millis;

  constructor(options: LeakyCounterOptions, now: Millis) {
    this.#options = options;
    this.#countedAt = now;
  }

  /** Nothing of what was counted is remembered: a new counter would be the same. */
  isForgotten(now: Millis): boolean {
    return this.#count <= (Math.max(0, now - this.#countedAt) / 1000) * this.#options.perSecond;
  }

  /** Counts one more, or `weight` more. True when that is more than the limit. */
  add(now: Millis, weight = 1): boolean {
    this.#forget(now);
    this.#count = Math.min(this.#count + weight, MOST_LIMITS * this.#options.limit);
    return this.#count > this.#options.limit;
  }

  /** Counts one more if that is not more than the limit. Says whether it did: what is turned away costs nothing. */
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

  /** What was counted and not yet forgotten when the last one was added. */
  get count(): number {
    return Math.ceil(this.#count);
  }
}
