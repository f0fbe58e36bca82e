import type { Millis } from '../../base/clock.js';
import type { TrackerAnswer } from '../../discovery/trackers/rerequester.js';
import type { TorrentStatus } from '../../torrent/status.js';
import type { StallReason } from '../output/events.js';
import { type DhtNews, stallReasons, type UserLimits } from '../output/stall-reasons.js';

/** What all torrents of a run share and what may be the reason for a stall. */
export interface StallWatchParts {
  readonly limits: UserLimits;
  /** How the DHT stands for this torrent. */
  dht(): DhtNews;
  /** Why nothing passes the proxy, or null. */
  proxyTrouble(): string | null;
}

/** Knows why a torrent has stalled, and when the user must be told. */
export class StallWatch {
  readonly #hasTrackers: boolean;
  readonly #parts: StallWatchParts;
  /** The last reports of each tracker, by its URL and then by swarm. */
  readonly #reports = new Map<string, Map<string | null, TrackerAnswer>>();
  #told = '';

  /** `hasTrackers`: the torrent has a tracker to ask. */
  constructor(hasTrackers: boolean, parts: StallWatchParts) {
    this.#hasTrackers = hasTrackers;
    this.#parts = parts;
  }

  trackerAnswered(report: TrackerAnswer): void {
    const ofTracker = this.#reports.get(report.url) ?? new Map<string | null, TrackerAnswer>();
    this.#reports.set(report.url, ofTracker.set(report.swarm, report));
  }

  /** Why no data comes, as far as we know. The likeliest reason comes first. */
  reasons(status: TorrentStatus): readonly StallReason[] {
    const trackers = { some: this.#hasTrackers, reports: [...this.#reports.values()].flatMap(reportOf) };
    const { limits } = this.#parts;
    const [dht, proxyTrouble] = [this.#parts.dht(), this.#parts.proxyTrouble()];
    return stallReasons({ status, trackers, dht, limits, proxyTrouble });
  }

  /**
   * Why a torrent is not done whose time is over: what it waits for, or why no data comes. Undefined while it comes as
   * fast as it can. `idle`: how long none has come.
   */
  reasonAtEnd(status: TorrentStatus, idle: Millis): Pick<StallReason, 'message' | 'hint'> | undefined {
    const { state, waitsFor, downloaded, limited } = status;
    if (waitsFor !== null) return { message: waitsFor.message, hint: null };
    const isQuiet = state !== 'checking' && (downloaded === 0 || idle >= QUIET_TIME || limited);
    return isQuiet ? this.reasons(status)[0] : undefined;
  }

  /** The reasons when a stall begins, and when their codes change; else null. `idle`: how long no data has come. */
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

/** A tracker that answers for one swarm of a hybrid does not fail. */
function reportOf(ofTracker: ReadonlyMap<string | null, TrackerAnswer>): readonly TrackerAnswer[] {
  const reports = [...ofTracker.values()];
  return [reports.find(({ ok }) => ok) ?? reports[0]].filter((report) => report !== undefined);
}

/** Data that comes slowly pauses for less. */
const QUIET_TIME: Millis = 5_000;
/** Peers give the metadata within seconds. After this time the user wants to know why it does not come. */
const METADATA_STALL_TIME: Millis = 30_000;
/** Without any peer the user wants to know sooner. */
const LONELY_STALL_TIME: Millis = 10_000;

function isStalled({ state, peers }: TorrentStatus, idle: Millis): boolean {
  if (state !== 'metadata') return state === 'stalled';
  return idle >= (peers === 0 ? LONELY_STALL_TIME : METADATA_STALL_TIME);
}
