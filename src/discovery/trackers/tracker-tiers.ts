import type { Millis } from '../../base/clock.js';
import { type Random, shuffle } from '../../base/random.js';
import type { SourcedUrl } from '../../net/url-rule.js';

// A torrent may name any number of trackers. More than this nobody needs, and each costs its time when it is dead.
const MAX_TRACKERS = 200;

/** One tracker and how we stand with it. The Rerequester changes what is not readonly. */
export interface KnownTracker extends SourcedUrl {
  /** It has answered our `started`: it is owed a `stopped`. */
  started: boolean;
  /** We became complete after its `started`, and it has not been told. */
  owedCompleted: boolean;
  trackerId: string | null;
  /** How often it has failed since it last answered. */
  failures: number;
  /** It has answered or failed, and is left alone until then, unless there is an event that it has not heard of. */
  notBefore: Millis;
  /** No announce at all before this: it has said so (Retry-After, `retry in`). Infinite: it is never asked again. */
  retryAt: Millis;
}

/**
 * The torrent's trackers in the order in which they are tried. BEP 12: "the list of trackers in each tier is shuffled",
 * and one that answers moves to the front of its tier. A tracker that stands in the list twice is kept where it comes
 * first, as what named it there.
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
