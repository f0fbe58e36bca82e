import type { Millis } from '../base/clock.js';

export interface LeakyCounterOptions {
  /** So many at once are forgiven. */
  readonly limit: number;
  /** So many are forgotten in each second. */
  readonly perSecond: number;
}

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
    const forgotten = (Math.max(0, now - this.#countedAt) / 1000) * this.#options.perSecond;
    this.#count = Math.max(0, this.#count - forgotten) + weight;
    this.#countedAt = now;
    return this.#count > this.#options.limit;
  }

  /** What was counted and not yet forgotten when the last one was added. */
  get count(): number {
    return Math.ceil(this.#count);
  }
}
