import type { Millis } from '../base/clock.js';

export interface MeasureOptions {
  /** The span over which the rate is the mean. */
  readonly period: Millis;
  /** How long before its birth the measure pretends to have begun, so that the first bytes make no spike. */
  readonly headStart: Millis;
}

export const DEFAULT_MEASURE_OPTIONS: MeasureOptions = { period: 20_000, headStart: 5_000 };

/**
 * A peer's current rate: the mean over a window that slides along and forgets gradually, without keeping a history.
 * Every call is given the time; a clock that steps back counts as one that stands still.
 */
export class Measure {
  readonly #options: MeasureOptions;
  #since: Millis;
  #last: Millis;
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

  /** `amount` bytes were moved at `now`. */
  add(amount: number, now: Millis): void {
    this.#total += amount;
    this.#update(amount, now);
  }

  /** Bytes a second at `now`. */
  rate(now: Millis): number {
    this.#update(0, now);
    return this.#rate * 1000;
  }

  /** The rate inside is in bytes a millisecond. */
  #update(amount: number, now: Millis): void {
    const time = Math.max(now, this.#last);
    const span = Math.max(1, time - this.#since);
    this.#rate = (this.#rate * (this.#last - this.#since) + amount) / span;
    this.#last = time;
    this.#since = Math.max(this.#since, time - this.#options.period);
  }
}
