import type { Millis } from '../base/clock.js';

/** The first bytes count as if they had come over this span. */
const HEAD_START: Millis = 2_000;
/** When no bytes have come for this long, each call of `timeLeft` lowers the rate. */
const SILENCE: Millis = 15_000;
/** Once the measure has run for this long, its window does not become shorter. */
const SHORTEST_WINDOW: Millis = 20_000;

/**
 * The time that a download still needs, from its mean rate over a window as long as the time left: a download that
 * needs one more hour is judged by the last hour, and one that needs a minute by the last minute. A clock that steps
 * back counts as a clock that stands still.
 */
export class RateMeasure {
  #left: number;
  #begun = false;
  #since: Millis = 0;
  #last: Millis = 0;
  /** Bytes a millisecond. */
  #rate = 0;
  /** The time left as of the last update, or undefined when the rate is zero. */
  #remaining: Millis | undefined;
  /** The window has been longer than `SHORTEST_WINDOW` once. */
  #longRun = false;

  /** `left` is the number of bytes that are still to come. */
  constructor(left: number) {
    this.#left = left;
  }

  /** How many bytes are still to come. */
  get left(): number {
    return this.#left;
  }

  /** `amount` bytes came at `now`. */
  dataCameIn(amount: number, now: Millis): void {
    if (!this.#begun) {
      this.#begun = true;
      this.#since = now - HEAD_START;
      this.#last = this.#since;
    }
    this.#update(amount, now);
  }

  /** The time left, or undefined while no byte has come or the rate is zero. */
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
