import type { Millis } from '../base/clock.js';
import { RecentRate } from '../measure/recent-rate.js';

/**
 * A download with peers has stalled when it has received nothing for this long. With a low rate limit one block may
 * take as long.
 */
const STALL_TIME: Millis = 30_000;
/** A download without any peer has stalled earlier: nothing can come, and the user wants to know why. */
const LONELY_STALL_TIME: Millis = 10_000;
/** A time left is the bytes left at a pace, and there is none when nothing has come for this long. */
const SILENT_TIME: Millis = 5_000;

/** How fast bytes come and go at present, for a display that asks about once a second. */
export class Pace {
  readonly #down: RecentRate;
  readonly #up: RecentRate;

  /** `now` is when the exchange begins. */
  constructor(now: Millis) {
    this.#down = new RecentRate(now);
    this.#up = new RecentRate(now);
  }

  /** The rates in bytes a second. `totals` are the bytes of the whole run. */
  rates(
    totals: { readonly downloaded: number; readonly uploaded: number },
    now: Millis,
  ): { readonly downRate: number; readonly upRate: number } {
    return { downRate: this.#down.rate(totals.downloaded, now), upRate: this.#up.rate(totals.uploaded, now) };
  }

  /** Whether so little comes that no time left can be told, as far as the last call of `rates` saw. */
  isSilent(now: Millis): boolean {
    return now - this.#down.changedAt >= SILENT_TIME;
  }

  /** Whether nothing has come for too long, as far as the last call of `rates` saw. `isLonely`: nobody can send. */
  isStalled(isLonely: boolean, now: Millis): boolean {
    return now - this.#down.changedAt >= (isLonely ? LONELY_STALL_TIME : STALL_TIME);
  }
}
