import type { Millis } from '../base/clock.js';

export interface MeasureOptions {
  /** The rate is the mean over at most this span. */
  readonly period: Millis;
  /** The measure counts as begun this long before it was made, so that the first bytes make no spike. */
  readonly headStart: Millis;
}

export const DEFAULT_MEASURE_OPTIONS: MeasureOptions = { period: 20_000, headStart: 5_000 };

/**
 * A peer's current rate: the mean over a sliding window that forgets old bytes gradually and keeps no history. Each
 * call gets the time. A clock that steps back counts as a clock that stands still.
 */
export class Measure {
  readonly #options: MeasureOptions;
  #since: Millis;
  #last: Millis;
  /** Bytes a millisecond. */
  #rate = 0;
  #total = 0;

  constructor(options: MeasureOptions, now: Millis) {
    this.#options = options;
    this.#since = now - options.headStart;
    this.#last = this.#since;
  }

  /** All bytes so far. */
  get total(): number {
    return this.#total;
  }

  /** `amount` bytes came or went at `now`. */
  add(amount: number, now: Millis): void {
    this.#total += amount;
    this.#update(amount, now);
  }

  /** Bytes a second at `now`. */
  rate(now: Millis): number {
    this.#update(0, now);
    return this.#rate * 1000;
  }

  #update(amount: number, now: Millis): void {
    const time = Math.max(now, this.#last);
    const span = Math.max(1, time - this.#since);
    this.#rate = (this.#rate * (this.#last - this.#since) + amount) / span;
    this.#last = time;
    this.#since = Math.max(this.#since, time - this.#options.period);
  }
}
