import type { TrackerAnswer } from '../../../src/discovery/trackers/rerequester.js';
import type {
  AnnounceOutcome,
  AnnounceRequest,
  AnnounceResponse,
  TrackerClient,
} from '../../../src/discovery/trackers/tracker-client.js';
import type { Timeline } from '../simulation/timeline.js';

/** An answer of the tracker at `from` that tells nothing but `fields` and an interval. */
export function answer(fields: Partial<AnnounceResponse> = {}, from: string | null = null): AnnounceOutcome {
  return {
    ok: true,
    from,
    response: {
      interval: 1800,
      minInterval: null,
      peers: [],
      seeds: null,
      leeches: null,
      warning: null,
      trackerId: null,
      externalIp: null,
      ...fields,
    },
  };
}

export const DOWN: AnnounceOutcome = { ok: false, code: 'unreachable', message: 'the connection was refused' };

/** Trackers in simulated time. `behave` returns the answer to an announce, or null for no answer. */
export class FakeTrackers implements TrackerClient {
  readonly requests: AnnounceRequest[] = [];
  cancelled = 0;
  readonly #timeline: Timeline;
  readonly #behave: (request: AnnounceRequest) => AnnounceOutcome | null;
  readonly #delay: number;

  constructor(timeline: Timeline, behave: (request: AnnounceRequest) => AnnounceOutcome | null, delay = 0) {
    this.#timeline = timeline;
    this.#behave = behave;
    this.#delay = delay;
  }

  announce(request: AnnounceRequest, answered: (outcome: AnnounceOutcome) => void): { cancel(): void } {
    this.requests.push(request);
    const outcome = this.#behave(request);
    const task = outcome === null ? null : this.#timeline.addTask(() => answered(outcome), this.#delay);
    return {
      cancel: () => {
        this.cancelled += 1;
        task?.cancel();
      },
    };
  }
}

/** What is told of an announce that a tracker has answered: it works, and names no peer. */
export const TRACKER_ANSWER: TrackerAnswer = {
  url: 'http://t/a',
  ok: true,
  message: null,
  peers: 0,
  seeds: 0,
  leeches: 0,
  externalIp: null,
  next: 60,
  swarm: null,
};
/** What is told of an announce that the same tracker has refused. */
export const TRACKER_REFUSAL: TrackerAnswer = { ...TRACKER_ANSWER, ok: false, message: 'unregistered' };
