import type { Millis } from '../base/clock.js';

/** The first bytes count as if they had taken this long. */
const HEAD_START: Millis = 2_000;
/** When nothing came for this long, asking for the time left lets the rate sink. */
const SILENCE: Millis = 15_000;
/** Once the measure has run for this long, its window does not become shorter. */
const SHORTEST_WINDOW: Millis = 20_000;

/**
 * The time that is left, from the mean rate over a window as long as the time left: a download that still takes an hour
 * is judged by the last hour, one that takes a minute by the last minute. A clock that steps back stands still.
 */
export class RateMeasure {
  #left: number;
  #begun = false;
  #since: Millis = 0;
  #last: Millis = 0;
  /** Bytes a millisecond. */
  #rate = 0;
  #remaining: Millis | undefined;
  #longRun = false;

  /** `left` is how many bytes are to come. */
  constructor(left: number) {
    this.#left = left;
  }

  /** Bytes that are still to come. */
  get left(): number {
    return this.#left;
  }

  dataCameIn(amount: number, now: Millis): void {
    if (!this.#begun) {
      this.#begun = true;
      this.#since = now - HEAD_START;
      this.#last = this.#since;
    }
    this.#update(amount, now);
  }

  /** Undefined: nobody can tell. */
  timeLeft(now: Millis): Millis | undefined {
    if (this.#left <= 0) return 0;
    if (!this.#begun) return undefined;
    if (now - this.#last > SILENCE) this.#update(0, now);
    return this.#remaining;
  }

  #update(amount: number, now: Millis): void {
    const time = Math.max(now, this.#last);
    this.#left -= amount;
    const span = Math.max(1, time - this.#since);
    this.#rate = (this.#rate * (this.#last - this.#since) + amount) / span;
    this.#last = time;
    this.#remaining = this.#rate > 0 ? this.#left / this.#rate : undefined;
    if (this.#remaining !== undefined) this.#since = Math.max(this.#since, this.#last - this.#remaining);
    if (this.#longRun) this.#since = Math.min(this.#since, this.#last - SHORTEST_WINDOW);
    if (this.#last - this.#since > SHORTEST_WINDOW) this.#longRun = true;
  }
}
