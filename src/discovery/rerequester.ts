/**
 * Decides when to announce, and hands on the peers that the trackers name.
 *
 * One announce is under way at a time. A round tries the trackers in the order of their tiers until one answers, so that
 * a later tier is asked only when all of an earlier one fail; the next round waits as long as the one that answered
 * wants. When every tracker has failed, the next round waits longer each time.
 */
import type { Millis, Task, Timers } from '../base/clock.js';
import type { Random } from '../base/random.js';
import type { PeerAddress } from '../net/raw-server.js';
import { withoutUserinfo } from './announce-url.js';
import type { RerequesterOptions } from './rerequester-options.js';
import type { AnnounceOutcome, AnnounceRequest, AnnounceResponse, TrackerClient } from './tracker-client.js';
import { type KnownTracker, TrackerTiers } from './tracker-tiers.js';

/** The torrent that is announced. */
export interface AnnouncedTorrent {
  readonly infoHash: Buffer;
  readonly peerId: Buffer;
  /** Where we listen. */
  readonly port: number;
  readonly tiers: readonly (readonly string[])[];
}

/** One tracker's answer, for displays. */
export interface TrackerAnswer {
  /** Without user name and password. */
  readonly url: string;
  readonly ok: boolean;
  /** A warning or the reason of the failure, or null. */
  readonly message: string | null;
  /** How many peers the answer held; seeds and leeches by the tracker's own count. */
  readonly peers: number | null;
  readonly seeds: number | null;
  readonly leeches: number | null;
  /** Our address as the tracker sees it, where it says so. */
  readonly externalIp: string | null;
  /** Seconds until the next announce; null while another tracker is tried at once, and after the last announce. */
  readonly next: number | null;
}

/** What the Rerequester needs of the torrent around it. */
export interface RerequesterMediator {
  readonly timers: Timers;
  readonly random: Random;
  readonly client: TrackerClient;
  /** Connections of the torrent, half-open ones included. */
  howManyConnections(): number;
  /** Whether anybody has reached us from outside. */
  everIncoming(): boolean;
  /** Bytes of this session, and what is left to fetch. */
  totals(): { readonly uploaded: number; readonly downloaded: number; readonly left: number };
  startConnection(address: PeerAddress, peerId: Buffer | null): void;
  trackerAnswered(answer: TrackerAnswer): void;
}

export class Rerequester {
  readonly #torrent: AnnouncedTorrent;
  readonly #mediator: RerequesterMediator;
  readonly #options: RerequesterOptions;
  readonly #tiers: TrackerTiers;
  readonly #key: string;
  #stage: 'new' | 'running' | 'stopped' = 'new';
  #underWay: {
    readonly tracker: KnownTracker;
    readonly event: AnnounceRequest['event'];
    readonly call: { cancel(): void };
  } | null = null;
  /** What follows the `completed` that was under way when we were stopped. */
  #afterCompleted: () => void = () => undefined;
  #task: Task | null = null;
  #failedRounds = 0;
  /** When the tracker's own interval has passed. */
  #regularAt: Millis = Number.NEGATIVE_INFINITY;
  #complete = false;
  /** An event came up during an announce: the next round follows at once. */
  #eventWaits = false;

  constructor(torrent: AnnouncedTorrent, mediator: RerequesterMediator, options: RerequesterOptions) {
    this.#torrent = torrent;
    this.#mediator = mediator;
    this.#options = options;
    this.#tiers = new TrackerTiers(torrent.tiers, mediator.random);
    this.#key = mediator.random.bytes(4).toString('hex');
  }

  /** Announces `started`, and goes on until `stop()`. */
  begin(): void {
    if (this.#stage !== 'new') return;
    this.#stage = 'running';
    this.#complete = this.#mediator.totals().left === 0;
    this.#startRound();
  }

  /** The torrent has just become complete. Says `completed`, unless it was complete at the beginning. */
  completed(): void {
    if (this.#stage !== 'running' || this.#complete) return;
    this.#complete = true;
    let owed = false;
    for (const tracker of this.#tiers.inOrder()) {
      // One that is being told `started` was told so with bytes left: it is owed the event too.
      tracker.owedCompleted = tracker.started || tracker === this.#underWay?.tracker;
      owed ||= tracker.owedCompleted;
    }
    if (!owed) return;
    if (this.#underWay !== null) this.#eventWaits = true;
    else this.#startRound();
  }

  /**
   * Announces `stopped` to every tracker that knows us, and before it `completed` where that is owed: a download that ends
   * at once would never be counted. `answered` is called once, later: when all have answered, or when the limit is over;
   * what is under way then is given up. Nothing follows it.
   */
  stop(answered: () => void): void {
    const { timers } = this.#mediator;
    const underWay = this.#underWay;
    const knowsUs = (tracker: KnownTracker) => tracker.started || tracker === underWay?.tracker;
    const told = this.#stage === 'running' ? this.#tiers.inOrder().filter(knowsUs) : [];
    this.#stage = 'stopped';
    this.#task?.cancel();
    const calls = new Set<{ cancel(): void }>();
    const finish = () => {
      limit.cancel();
      for (const call of calls) call.cancel();
      answered();
    };
    const limit = timers.addTask(finish, told.length === 0 ? 0 : this.#options.stopLimit);
    const tell = (tracker: KnownTracker, event: 'completed' | 'stopped'): void => {
      const call = this.#mediator.client.announce(this.#request(tracker, event), (outcome) => {
        calls.delete(call);
        this.#report(tracker, outcome, null);
        // Told at once, they could arrive the other way round, and we would be back in the tracker's list.
        if (event === 'completed') tell(tracker, 'stopped');
        else if (calls.size === 0) finish();
      });
      calls.add(call);
    };
    for (const tracker of told) {
      if (tracker === underWay?.tracker && underWay.event === 'completed') {
        // What is being said already is not said twice, or the download counts twice.
        calls.add(underWay.call);
        this.#afterCompleted = () => {
          calls.delete(underWay.call);
          tell(tracker, 'stopped');
        };
        continue;
      }
      if (tracker === underWay?.tracker) underWay.call.cancel();
      tell(tracker, tracker.owedCompleted ? 'completed' : 'stopped');
    }
  }

  #startRound(): void {
    this.#tryNext(this.#tiers.inOrder(), false);
  }

  /** Asks the first of `untried` that may be asked. Returns the wait until the next round, or null when one is asked. */
  #tryNext(untried: KnownTracker[], attempted: boolean): Millis | null {
    const now = this.#mediator.timers.now();
    let allowedAt = Number.POSITIVE_INFINITY;
    for (const [index, tracker] of untried.entries()) {
      const event = this.#eventFor(tracker);
      const mayAskAt = event === null ? Math.max(tracker.retryAt, tracker.notBefore) : tracker.retryAt;
      if (mayAskAt <= now) {
        this.#announce(tracker, event, untried.slice(index + 1));
        return null;
      }
      allowedAt = Math.min(allowedAt, mayAskAt);
    }
    if (attempted) return this.#schedule(this.#backOff());
    return allowedAt === Number.POSITIVE_INFINITY ? null : this.#schedule(allowedAt - now);
  }

  #announce(tracker: KnownTracker, event: AnnounceRequest['event'], untried: KnownTracker[]): void {
    this.#task?.cancel();
    const call = this.#mediator.client.announce(this.#request(tracker, event), (outcome) => {
      this.#underWay = null;
      if (this.#stage === 'stopped') {
        this.#report(tracker, outcome, null);
        this.#afterCompleted();
      } else if (outcome.ok) this.#gotResponse(tracker, event, outcome.response);
      else this.#gotFailure(tracker, event, outcome, untried);
    });
    this.#underWay = { tracker, event, call };
  }

  #gotResponse(tracker: KnownTracker, event: AnnounceRequest['event'], response: AnnounceResponse): void {
    const now = this.#mediator.timers.now();
    this.#tiers.moveToFront(tracker);
    tracker.started = true;
    if (event === 'completed') tracker.owedCompleted = false;
    tracker.trackerId = response.trackerId ?? tracker.trackerId;
    const minInterval = Math.max(this.#options.minAnnounceInterval, (response.minInterval ?? 0) * 1000);
    const interval = Math.max(minInterval, response.interval * 1000);
    this.#regularAt = now + interval;
    this.#failedRounds = 0;
    let next: Millis | null = null;
    if (this.#eventWaits) {
      this.#eventWaits = false;
      this.#startRound();
    } else {
      next = this.#schedule(Math.min(interval, Math.max(minInterval, this.#options.rerequestInterval)));
    }
    this.#report(tracker, { ok: true, response }, next === null ? null : interval);
    for (const { host, port, peerId } of response.peers) {
      if (this.#stage !== 'running') return;
      this.#mediator.startConnection({ host, port }, peerId);
    }
  }

  #gotFailure(
    tracker: KnownTracker,
    event: AnnounceRequest['event'],
    outcome: AnnounceOutcome & { readonly ok: false },
    untried: KnownTracker[],
  ): void {
    const now = this.#mediator.timers.now();
    tracker.notBefore = now + this.#options.minAnnounceInterval;
    tracker.retryAt = now + (outcome.retryAfter ?? 0) * 1000;
    // It has to be told `started` again, and with nothing left then: that download is not news to it.
    if (event === 'started') tracker.owedCompleted = false;
    this.#report(tracker, outcome, this.#tryNext(untried, true));
  }

  #consider(): void {
    const wait = this.#regularAt - this.#mediator.timers.now();
    if (wait <= 0 || this.#wantsPeers()) this.#startRound();
    else this.#schedule(Math.min(wait, this.#options.rerequestInterval));
  }

  #schedule(delay: Millis): Millis {
    this.#task?.cancel();
    this.#task = this.#mediator.timers.addTask(() => this.#consider(), delay);
    return delay;
  }

  /** Up to a quarter more than the plain doubling, so that a swarm does not fall upon its tracker at one moment. */
  #backOff(): Millis {
    const { firstBackOff, lastBackOff } = this.#options;
    const plain = Math.min(firstBackOff * 2 ** this.#failedRounds, lastBackOff / 1.25);
    this.#failedRounds = Math.min(this.#failedRounds + 1, 30);
    // The next round is due when this wait is over, however long the last answer's interval is.
    this.#regularAt = Number.NEGATIVE_INFINITY;
    return plain + (plain / 4) * (this.#mediator.random.below(1000) / 1000);
  }

  #wantsPeers(): boolean {
    const count = this.#mediator.howManyConnections();
    return this.#mediator.everIncoming() ? count <= this.#options.minPeers / 3 : count < this.#options.minPeers;
  }

  #eventFor(tracker: KnownTracker): AnnounceRequest['event'] {
    if (!tracker.started) return 'started';
    return tracker.owedCompleted ? 'completed' : null;
  }

  #request(tracker: KnownTracker, event: AnnounceRequest['event']): AnnounceRequest {
    const full = this.#mediator.howManyConnections() >= this.#options.enoughPeers;
    const { infoHash, peerId, port } = this.#torrent;
    return {
      url: tracker.url,
      infoHash,
      peerId,
      port,
      ...this.#mediator.totals(),
      event,
      numwant: this.#stage === 'stopped' || full ? 0 : this.#options.numwant,
      key: this.#key,
      trackerId: tracker.trackerId,
    };
  }

  #report(tracker: KnownTracker, outcome: AnnounceOutcome, wait: Millis | null): void {
    const response = outcome.ok ? outcome.response : null;
    this.#mediator.trackerAnswered({
      url: withoutUserinfo(tracker.url),
      ok: outcome.ok,
      message: outcome.ok ? outcome.response.warning : outcome.message,
      peers: response?.peers.length ?? null,
      seeds: response?.seeds ?? null,
      leeches: response?.leeches ?? null,
      externalIp: response?.externalIp ?? null,
      next: wait === null ? null : Math.ceil(wait / 1000),
    });
  }
}
