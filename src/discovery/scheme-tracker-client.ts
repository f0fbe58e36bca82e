import type { AnnounceOutcome, AnnounceRequest, TrackerClient } from './tracker-client.js';

/** Hands each announce to whoever speaks the language of its URL: UDP for `udp:`, HTTP for the rest, which judges them. */
export class SchemeTrackerClient implements TrackerClient {
  readonly #http: TrackerClient;
  readonly #udp: TrackerClient;

  constructor(http: TrackerClient, udp: TrackerClient) {
    this.#http = http;
    this.#udp = udp;
  }

  announce(request: AnnounceRequest, answered: (outcome: AnnounceOutcome) => void): { cancel(): void } {
    const client = /^udp:/i.test(request.url) ? this.#udp : this.#http;
    return client.announce(request, answered);
  }
}
