import { decodeAnnounceResponse } from '../../../src/discovery/trackers/announce-response.js';
import { announceUrl } from '../../../src/discovery/trackers/announce-url.js';
import type {
  AnnounceOutcome,
  AnnounceRequest,
  TrackerClient,
} from '../../../src/discovery/trackers/tracker-client.js';
import { Tracker } from '../../../src/tracker/tracker.js';
import { DEFAULT_TRACKER_OPTIONS, type TrackerOptions } from '../../../src/tracker/tracker-options.js';
import { PLAIN_FACE } from '../fakes/plain-face.js';
import { seededRandom } from './seeded-random.js';
import type { Timeline } from './timeline.js';

const URL = 'http://tracker.test/announce';
const ROUND_TRIP = 50;
/** The address of the tracker, in the network of the swarm. */
export const NEAR = '10.0.0.254';

/** The outcome of an announce that the tracker at `NEAR` answered. */
export function fromNear(decoded: ReturnType<typeof decodeAnnounceResponse>): AnnounceOutcome {
  return decoded.ok ? { ...decoded, from: NEAR } : decoded;
}

/** The tracker of btget in simulated time. An announce becomes a URL and an answer becomes bencode, as on a network. */
export class SimulatedTracker {
  readonly url = URL;
  /** While true, the tracker refuses connections. */
  down = false;
  /** While true, the tracker never answers. */
  silent = false;
  readonly #timeline: Timeline;
  readonly #tracker: Tracker;

  constructor(timeline: Timeline, options: Partial<TrackerOptions> = {}) {
    this.#timeline = timeline;
    this.#tracker = new Tracker(
      {
        timers: timeline,
        random: seededRandom(99),
        natCheck: { check: (_address, _infoHash, _peerId, answered) => answered(true) },
        isAllowed: () => true,
        clientOf: ({ remote }) => remote.host,
        face: PLAIN_FACE,
        save: () => undefined,
      },
      { ...DEFAULT_TRACKER_OPTIONS, ...options },
    );
    this.#tracker.begin();
  }

  /** A tracker client whose announces come from `host`. */
  client(host: string): TrackerClient {
    return {
      announce: (request, answered) =>
        this.#timeline.addTask(() => {
          if (!this.silent) answered(this.#answer(host, request));
        }, ROUND_TRIP),
    };
  }

  stop(): void {
    this.#tracker.stop();
  }

  #answer(host: string, request: AnnounceRequest): AnnounceOutcome {
    if (this.down) return { ok: false, code: 'unreachable', message: 'the tracker is down' };
    const outcome = announceUrl(request);
    if (!outcome.ok) return outcome;
    const { pathname, search } = outcome.url;
    const answer = this.#tracker.get({
      path: pathname,
      query: search.slice(1),
      remote: { host, port: 40_000 },
      headers: { forwardedFor: [], forwarded: [] },
    });
    return fromNear(decodeAnnounceResponse(answer.body));
  }
}
