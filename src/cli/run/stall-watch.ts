import type { Millis } from '../../base/clock.js';
import type { TrackerAnswer } from '../../discovery/trackers/rerequester.js';
import type { TorrentStatus } from '../../torrent/status.js';
import type { StallReason } from '../output/events.js';
import { type DhtNews, stallReasons, type UserLimits } from '../output/stall-reasons.js';

/** Metadata takes seconds where there are peers; whoever waits longer wants to know why, and sooner without any. */
const METADATA_STALL_TIME: Millis = 30_000;
const LONELY_STALL_TIME: Millis = 10_000;

/** What a torrent shares with others, and can be why nothing comes. */
export interface StallWatchParts {
  readonly limits: UserLimits;
  /** How the DHT stands for this torrent. */
  dht(): DhtNews;
}

/** Knows why a torrent stands still, and when that is news. */
export class StallWatch {
  readonly #hasTrackers: boolean;
  readonly #parts: StallWatchParts;
  readonly #reports = new Map<string, TrackerAnswer>();
  #told = '';

  /** `hasTrackers`: there is a tracker to ask. */
  constructor(hasTrackers: boolean, parts: StallWatchParts) {
    this.#hasTrackers = hasTrackers;
    this.#parts = parts;
  }

  trackerAnswered(report: TrackerAnswer): void {
    this.#reports.set(report.url, report);
  }

  /** Why nothing comes, as far as we know, likeliest first. */
  reasons(status: TorrentStatus): readonly StallReason[] {
    const trackers = { some: this.#hasTrackers, reports: [...this.#reports.values()] };
    return stallReasons({ status, trackers, dht: this.#parts.dht(), limits: this.#parts.limits });
  }

  /** The reasons when a stall begins, and whenever they become others; else null. `idle`: how long nothing has come. */
  news(status: TorrentStatus, idle: Millis): readonly StallReason[] | null {
    if (!isStalled(status, idle)) {
      this.#told = '';
      return null;
    }
    const reasons = this.reasons(status);
    const codes = reasons.map((reason) => reason.code).join();
    if (codes === this.#told) return null;
    this.#told = codes;
    return reasons;
  }
}

function isStalled({ state, peers }: TorrentStatus, idle: Millis): boolean {
  if (state !== 'metadata') return state === 'stalled';
  return idle >= (peers === 0 ? LONELY_STALL_TIME : METADATA_STALL_TIME);
}
