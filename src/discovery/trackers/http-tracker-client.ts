/** The client of HTTP trackers, and the client that chooses between HTTP and UDP by the tracker's URL. */
import type { Timers } from '../../base/clock.js';
import type { SecretUrl } from '../../base/secret-url.js';
import type { SourcedUrl } from '../../net/url-rule.js';
import { type HttpFetchOptions, type HttpFetchOutcome, httpFetch } from '../http/http-fetch.js';
import { decodeAnnounceResponse } from './announce-response.js';
import { announceUrl, type UrlOutcome } from './announce-url.js';
import { decodeScrapeResponse, scrapeUrl } from './scrape.js';
import type {
  AnnounceOutcome,
  AnnounceRequest,
  ScrapeOutcome,
  TrackerClient,
  TrackerFailure,
  TrackerScraper,
} from './tracker-client.js';

/** Announces and scrapes over HTTP and HTTPS. Each request has a connection of its own, which its answer closes. */
export class HttpTrackerClient implements TrackerClient, TrackerScraper {
  readonly #timers: Timers;
  readonly #options: HttpFetchOptions;
  readonly #underWay = new Set<{ cancel(): void }>();

  constructor(timers: Timers, options: HttpFetchOptions) {
    this.#timers = timers;
    this.#options = options;
  }

  announce(request: AnnounceRequest, answered: (outcome: AnnounceOutcome) => void): { cancel(): void } {
    return this.#ask(
      request,
      announceUrl(request),
      (body, from): AnnounceOutcome => {
        const decoded = decodeAnnounceResponse(body);
        return decoded.ok ? { ...decoded, from } : decoded;
      },
      answered,
    );
  }

  scrape(
    tracker: SourcedUrl,
    infoHashes: readonly Buffer[],
    answered: (outcome: ScrapeOutcome) => void,
  ): { cancel(): void } {
    const outcome = scrapeUrl(tracker.url.whole, infoHashes);
    return this.#ask(tracker, outcome, (body) => decodeScrapeResponse(body, infoHashes), answered);
  }

  /** Gives up all requests without an answer, so that a silent tracker does not keep the process alive. */
  close(): void {
    for (const fetch of this.#underWay) fetch.cancel();
    this.#underWay.clear();
  }

  #ask<Response extends { readonly ok: true }>(
    { url, source }: SourcedUrl,
    outcome: UrlOutcome,
    decode: (body: Buffer, from: string | null) => Response | TrackerFailure,
    answered: (outcome: Response | TrackerFailure) => void,
  ): { cancel(): void } {
    if (!outcome.ok) return this.#timers.addTask(() => answered(outcome), 0);
    const fetch = httpFetch({ url, source, asked: outcome.url }, this.#options, this.#timers, (fetched) => {
      this.#underWay.delete(fetch);
      answered(interpret(fetched, decode));
    });
    this.#underWay.add(fetch);
    return {
      cancel: () => {
        this.#underWay.delete(fetch);
        fetch.cancel();
      },
    };
  }
}

/** What the HTTP answer, or its failure, means for the caller. */
function interpret<Response extends { readonly ok: true }>(
  outcome: HttpFetchOutcome,
  decode: (body: Buffer, from: string | null) => Response | TrackerFailure,
): Response | TrackerFailure {
  if (outcome.ok) return decode(outcome.body, outcome.from);
  if (outcome.code !== 'status') return outcome;
  // Some trackers give the reason of a refusal in the body of an HTTP error.
  const decoded = decode(outcome.body, null);
  const refusal = !decoded.ok && decoded.code === 'refused' ? decoded : null;
  const isFinal = refusal?.retryAfter === Number.POSITIVE_INFINITY;
  return {
    ...(refusal ?? { ok: false, code: 'bad-answer', message: outcome.message }),
    ...(outcome.retryAfter === null || isFinal ? {} : { retryAfter: outcome.retryAfter }),
  };
}

/**
 * Passes each request to the client for its URL: UDP for `udp:`, HTTP for all others, which it may refuse. A tracker's
 * message may quote the URL. We take its secrets out here, for every tracker and every display.
 */
export class SchemeTrackerClient implements TrackerClient, TrackerScraper {
  readonly #http: TrackerClient & TrackerScraper;
  readonly #udp: TrackerClient & TrackerScraper;

  constructor(http: TrackerClient & TrackerScraper, udp: TrackerClient & TrackerScraper) {
    this.#http = http;
    this.#udp = udp;
  }

  announce(request: AnnounceRequest, answered: (outcome: AnnounceOutcome) => void): { cancel(): void } {
    const { url } = request;
    return this.#clientOf(url).announce(request, (outcome) => {
      if (!outcome.ok) answered({ ...outcome, message: url.hide(outcome.message) });
      else {
        const { response } = outcome;
        const warning = response.warning === null ? null : url.hide(response.warning);
        answered({ ...outcome, response: { ...response, warning } });
      }
    });
  }

  scrape(
    tracker: SourcedUrl,
    infoHashes: readonly Buffer[],
    answered: (outcome: ScrapeOutcome) => void,
  ): { cancel(): void } {
    return this.#clientOf(tracker.url).scrape(tracker, infoHashes, (outcome) =>
      answered(outcome.ok ? outcome : { ...outcome, message: tracker.url.hide(outcome.message) }),
    );
  }

  #clientOf({ whole }: SecretUrl): TrackerClient & TrackerScraper {
    return /^udp:/i.test(whole) ? this.#udp : this.#http;
  }
}
