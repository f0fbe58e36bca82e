import type { Millis } from '../../base/clock.js';

/** So much a second, and some of it saved up. */
export class Allowance {
  readonly #perSecond: number;
  readonly #most: number;
  #left: number;
  #countedAt: Millis;

  /** `most` is what can be saved up, and what is there at the beginning. */
  constructor(perSecond: number, most: number, now: Millis) {
    this.#perSecond = perSecond;
    this.#most = most;
    this.#left = most;
    this.#countedAt = now;
  }

  /** Takes `amount` if it is there. */
  take(amount: number, now: Millis): boolean {
    const passed = Math.max(0, now - this.#countedAt);
    this.#left = Math.min(this.#most, this.#left + (passed * this.#perSecond) / 1000);
    this.#countedAt = now;
    if (this.#left < amount) return false;
    this.#left -= amount;
    return true;
  }
}
