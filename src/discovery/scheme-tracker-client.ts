import type {
  AnnounceOutcome,
  AnnounceRequest,
  ScrapeOutcome,
  TrackerClient,
  TrackerScraper,
} from './tracker-client.js';

/**
 * Hands each question to whoever speaks the language of its URL: UDP for `udp:`, HTTP for the rest, which judges them.
 */
export class SchemeTrackerClient implements TrackerClient, TrackerScraper {
  readonly #http: TrackerClient & TrackerScraper;
  readonly #udp: TrackerClient & TrackerScraper;

  constructor(http: TrackerClient & TrackerScraper, udp: TrackerClient & TrackerScraper) {
    this.#http = http;
    this.#udp = udp;
  }

  announce(request: AnnounceRequest, answered: (outcome: AnnounceOutcome) => void): { cancel(): void } {
    return this.#clientOf(request.url).announce(request, answered);
  }

  scrape(url: string, infoHashes: readonly Buffer[], answered: (outcome: ScrapeOutcome) => void): { cancel(): void } {
    return this.#clientOf(url).scrape(url, infoHashes, answered);
  }

  #clientOf(url: string): TrackerClient & TrackerScraper {
    return /^udp:/i.test(url) ? this.#udp : this.#http;
  }
}
