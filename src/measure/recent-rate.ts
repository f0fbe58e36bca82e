import type { Millis } from '../base/clock.js';

/** A rate is the mean of this long: short enough to follow what happens, long enough not to flicker. */
const WINDOW: Millis = 5_000;
/** Samples nearer to each other than this count as one, so that asking often costs nothing. */
const SAMPLE_EVERY: Millis = 250;

interface Sample {
  readonly at: Millis;
  readonly total: number;
}

/**
 * The rate that people are shown, from a total that somebody looks at now and then: it begins at once and is zero a few
 * seconds after the last byte. (`Measure` remembers for longer, because a choker must not be swayed by a moment.)
 */
export class RecentRate {
  /** The oldest comes first; all but that one lie within the window. */
  readonly #samples: Sample[] = [];
  #changedAt: Millis;

  constructor(now: Millis) {
    this.#samples.push({ at: now, total: 0 });
    this.#changedAt = now;
  }

  /** When the total was last seen to have grown, or the birth of the measure. */
  get changedAt(): Millis {
    return this.#changedAt;
  }

  /** Bytes a second; `total` is all bytes up to `now`, which never goes back. */
  rate(total: number, now: Millis): number {
    const last = this.#samples.at(-1);
    if (last === undefined || total > last.total) this.#changedAt = now;
    if (last === undefined || now - last.at >= SAMPLE_EVERY) this.#samples.push({ at: now, total });
    while ((this.#samples[1]?.at ?? now) <= now - WINDOW) this.#samples.shift();
    const [oldest] = this.#samples;
    if (oldest === undefined || now <= oldest.at) return 0;
    return ((total - oldest.total) / (now - oldest.at)) * 1000;
  }
}
