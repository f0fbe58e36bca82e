import type { Timers } from '../base/clock.js';
import type { AnnounceOutcome, AnnounceRequest, TrackerClient } from '../discovery/trackers/tracker-client.js';

/**
 * A tracker client whose answers come as tasks of one torrent's context: a bug in what they set off ends that torrent
 * and nothing else, and no answer reaches a torrent that has ended.
 */
export class GuardedTrackerClient implements TrackerClient {
  readonly #client: TrackerClient;
  readonly #timers: Timers;

  constructor(client: TrackerClient, timers: Timers) {
    this.#client = client;
    this.#timers = timers;
  }

  announce(request: AnnounceRequest, answered: (outcome: AnnounceOutcome) => void): { cancel(): void } {
    let underWay = this.#client.announce(request, (outcome) => {
      underWay = this.#timers.addTask(() => answered(outcome), 0);
    });
    return { cancel: () => underWay.cancel() };
  }
}
