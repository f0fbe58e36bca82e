import type { Millis } from '../../base/clock.js';
import { type Random, shuffle } from '../../base/random.js';
import type { SourcedUrl } from '../../net/url-rule.js';

/** A torrent may name any number of trackers. No torrent needs more than this, and each dead one costs time. */
const MAX_TRACKERS = 200;

/** One tracker, and what it has heard and said. The Rerequester changes the fields that are not readonly. */
export interface KnownTracker extends SourcedUrl {
  /** It has answered our `started`, so it must hear our `stopped`. */
  started: boolean;
  /** We became complete after its `started`, and it has not heard of that. */
  owedCompleted: boolean;
  trackerId: string | null;
  /** How often it has failed since it last answered. */
  failures: number;
  /** After an answer or a failure we send it no announce before this time, except an event that it has not heard of. */
  notBefore: Millis;
  /** What `notBefore` is without our back-off. */
  spareUntil: Millis;
  /** It wants no announce at all before this time (Retry-After, `retry in`). Infinite: it never wants one again. */
  retryAt: Millis;
}

/**
 * The torrent's trackers in the order in which we try them. BEP 12: "the list of trackers in each tier is shuffled",
 * and a tracker that answers moves to the front of its tier. If a tracker stands in the list twice, its first place and
 * the source of that place count.
 */
export class TrackerTiers {
  readonly #tiers: KnownTracker[][] = [];

  constructor(tiers: readonly (readonly SourcedUrl[])[], random: Random) {
    const seen = new Set<string>();
    for (const trackers of tiers) {
      const tier: KnownTracker[] = [];
      for (const { url, source } of trackers) {
        if (seen.has(url.whole) || seen.size >= MAX_TRACKERS) continue;
        seen.add(url.whole);
        tier.push({
          url,
          source,
          started: false,
          owedCompleted: false,
          trackerId: null,
          failures: 0,
          notBefore: Number.NEGATIVE_INFINITY,
          spareUntil: Number.NEGATIVE_INFINITY,
          retryAt: Number.NEGATIVE_INFINITY,
        });
      }
      if (tier.length > 0) this.#tiers.push(shuffle(random, tier));
    }
  }

  /** Every tracker, the first tier first. */
  inOrder(): KnownTracker[] {
    return this.#tiers.flat();
  }

  /** Moves a tracker that answered to the front of its tier. */
  moveToFront(tracker: KnownTracker): void {
    for (const tier of this.#tiers) {
      const index = tier.indexOf(tracker);
      if (index < 0) continue;
      tier.splice(index, 1);
      tier.unshift(tracker);
      return;
    }
  }
}
