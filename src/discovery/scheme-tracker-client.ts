import type { SecretUrl } from '../base/secret-url.js';
import type { SourcedUrl } from '../net/url-rule.js';
import type {
  AnnounceOutcome,
  AnnounceRequest,
  ScrapeOutcome,
  TrackerClient,
  TrackerScraper,
} from './trackers/tracker-client.js';

/**
 * Hands each question to the client that speaks the language of its URL: UDP for `udp:`, HTTP for the rest, which
 * judges them. What comes back may quote the URL: its secrets are taken out here, for every tracker and every display.
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
