import type { Millis } from '../base/clock.js';
import { RecentRate } from '../measure/recent-rate.js';

/**
 * A download with peers that has had nothing for this long has stalled. A block may take as long at a low rate limit.
 */
const STALL_TIME: Millis = 30_000;
/** One without any peer has stalled by then: nothing can come, and people want to know why. */
const LONELY_STALL_TIME: Millis = 10_000;

/** How fast bytes come and go at present, as whoever asks each second or so sees it. */
export class Pace {
  readonly #down: RecentRate;
  readonly #up: RecentRate;

  /** `now` is when the exchange begins. */
  constructor(now: Millis) {
    this.#down = new RecentRate(now);
    this.#up = new RecentRate(now);
  }

  /** Bytes a second. `totals` are of the whole run. */
  rates(
    totals: { readonly downloaded: number; readonly uploaded: number },
    now: Millis,
  ): { readonly downRate: number; readonly upRate: number } {
    return { downRate: this.#down.rate(totals.downloaded, now), upRate: this.#up.rate(totals.uploaded, now) };
  }

  /** Whether nothing has come for too long, as of the last `rates`. */
  isStalled(peers: number, now: Millis): boolean {
    return now - this.#down.changedAt >= (peers === 0 ? LONELY_STALL_TIME : STALL_TIME);
  }
}
