import type { Millis } from '../base/clock.js';
import { DEFAULT_HAVE_NEWS_OPTIONS, type HaveNewsOptions } from './have-news.js';
import type { LeakyCounterOptions } from './leaky-counter.js';

/** How much of a peer is put up with, and how we speak to all of them. */
export interface ConnecterOptions {
  /** Messages of no use. A choke finds up to a whole queue of requests on their way, which nobody is to blame for. */
  readonly junk: LeakyCounterOptions;
  /** Changes of mind. */
  readonly flaps: LeakyCounterOptions;
  /** A change that has us count pieces anew counts once for so many of them, which take about a millisecond. */
  readonly piecesAFlap: number;
  /** A peer with whom nothing was exchanged for this long may lose its place to a newcomer. */
  readonly patience: Millis;
  /** The same, of whom we dialled: others may be slow to give us a turn. */
  readonly dialledPatience: Millis;
  readonly haveNews: HaveNewsOptions;
  /** Two who have everything have nothing to say; they part this long after that was found out. */
  readonly partingDelay: Millis;
}

export const DEFAULT_CONNECTER_OPTIONS: ConnecterOptions = {
  junk: { limit: 2_000, perSecond: 100 },
  flaps: { limit: 200, perSecond: 4 },
  piecesAFlap: 65_536,
  patience: 60_000,
  dialledPatience: 180_000,
  haveNews: DEFAULT_HAVE_NEWS_OPTIONS,
  partingDelay: 2_000,
};
