import type { Timers } from '../base/clock.js';
import { decodeAnnounceResponse } from './announce-response.js';
import { announceUrl } from './announce-url.js';
import { type HttpFetchOptions, type HttpFetchOutcome, httpFetch } from './http-fetch.js';
import type { AnnounceOutcome, AnnounceRequest, TrackerClient } from './tracker-client.js';

/** Announces over HTTP and HTTPS. Each announce is a connection of its own, closed when it is answered. */
export class HttpTrackerClient implements TrackerClient {
  readonly #timers: Timers;
  readonly #options: HttpFetchOptions;
  readonly #underWay = new Set<{ cancel(): void }>();

  constructor(timers: Timers, options: HttpFetchOptions) {
    this.#timers = timers;
    this.#options = options;
  }

  announce(request: AnnounceRequest, answered: (outcome: AnnounceOutcome) => void): { cancel(): void } {
    const outcome = announceUrl(request);
    if (!outcome.ok) return this.#timers.addTask(() => answered(outcome), 0);
    const fetch = httpFetch(outcome.url.href, this.#options, this.#timers, (fetched) => {
      this.#underWay.delete(fetch);
      answered(interpret(fetched));
    });
    this.#underWay.add(fetch);
    return {
      cancel: () => {
        this.#underWay.delete(fetch);
        fetch.cancel();
      },
    };
  }

  /** Gives up what is under way, unanswered: a tracker that does not answer keeps no process. */
  close(): void {
    for (const fetch of this.#underWay) fetch.cancel();
    this.#underWay.clear();
  }
}

function interpret(outcome: HttpFetchOutcome): AnnounceOutcome {
  if (outcome.ok) return decodeAnnounceResponse(outcome.body);
  if (outcome.code !== 'status') return outcome;
  // Some trackers give their reason with a status that already says "no".
  const decoded = decodeAnnounceResponse(outcome.body);
  const retryAfter = outcome.retryAfter ?? (decoded.ok ? undefined : decoded.retryAfter);
  const refused = !decoded.ok && decoded.code === 'refused';
  return {
    ok: false,
    code: refused ? 'refused' : 'bad-answer',
    message: refused ? decoded.message : outcome.message,
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
}
