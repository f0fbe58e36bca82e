import type { Millis } from '../base/clock.js';

/** The rate is the mean over this span: short enough to follow what happens, long enough not to flicker. */
const WINDOW: Millis = 5_000;
/** Samples closer together than this count as one, so that frequent calls need no more memory. */
const SAMPLE_EVERY: Millis = 250;

/**
 * The rate that displays show, from a total that they read now and then. It reacts at once, and is zero a few seconds
 * after the last byte. (`Measure` remembers for longer, because one moment must not sway a choker.)
 */
export class RecentRate {
  /** The oldest sample comes first; all others lie within the window. */
  readonly #samples: Sample[] = [];
  #changedAt: Millis;

  constructor(now: Millis) {
    this.#samples.push({ at: now, total: 0 });
    this.#changedAt = now;
  }

  /** When a call last found a larger total than the one before; at first, when this object was made. */
  get changedAt(): Millis {
    return this.#changedAt;
  }

  /** Bytes a second. `total` counts all bytes up to `now` and never becomes smaller. */
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

interface Sample {
  readonly at: Millis;
  readonly total: number;
}
