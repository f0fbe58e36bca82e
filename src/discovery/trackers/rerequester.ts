/**
 * Decides when to announce, and hands on the peers that the trackers name.
 *
 * One announce is under way at a time. A round tries the trackers in the order of their tiers until one answers, so
 * that a later tier is asked only when all of an earlier one fail; the next round waits as long as the one that
 * answered wants. A tracker that fails is left out of the rounds for a while, longer each time, and as long as it asks
 * for itself. When no tracker answers, the next round begins when the first of them may be asked.
 */
import type { Millis, Task, Timers } from '../../base/clock.js';
import type { Random } from '../../base/random.js';
import type { PeerAddress } from '../../net/raw-server.js';
import type { AddressSource } from '../../net/reach-rule.js';
import type { SourcedUrl } from '../../net/url-rule.js';
import { printable } from './announce-url.js';
import type { AnnounceOutcome, AnnounceRequest, TrackerClient } from './tracker-client.js';
import { type KnownTracker, TrackerTiers } from './tracker-tiers.js';

/** A torrent may name URLs of 4 KiB, and each report of a tracker has one. */
const MAX_SHOWN_URL = 4096;

/** The torrent that is announced. */
export interface AnnouncedTorrent {
  readonly infoHash: Buffer;
  readonly peerId: Buffer;
  /** Where we listen. */
  readonly port: number;
  readonly tiers: readonly (readonly SourcedUrl[])[];
  readonly encryption: AnnounceRequest['encryption'];
}

/** One tracker's answer, for displays. */
export interface TrackerAnswer {
  /** Without user name, password and keys. */
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
  /**
   * Seconds until this tracker is asked again, when none before it in the list answers first. Null when it never is,
   * and while another tracker is being asked, on whose answer it depends.
   */
  readonly next: number | null;
}

/** What the Rerequester needs of the torrent around it. */
export interface RerequesterParts {
  readonly timers: Timers;
  readonly random: Random;
  readonly client: TrackerClient;
  /** Connections of the torrent, half-open ones included. */
  howManyConnections(): number;
  /** Whether anybody has reached us from outside. */
  everIncoming(): boolean;
  /** Bytes of this session, and what is left to fetch. */
  totals(): { readonly uploaded: number; readonly downloaded: number; readonly left: number };
  startConnection(address: PeerAddress, source: AddressSource, peerId: Buffer | null): void;
  trackerAnswered(answer: TrackerAnswer): void;
}

export class Rerequester {
  readonly #torrent: AnnouncedTorrent;
  readonly #parts: RerequesterParts;
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
  /** When `#task` runs; infinite without one. */
  #considersAt: Millis = Number.POSITIVE_INFINITY;
  /**
   * When the interval of the tracker that answered has passed. Before this a round begins only when peers are wanted.
   */
  #regularAt: Millis = Number.NEGATIVE_INFINITY;
  #complete = false;
  /** An event came up during an announce: the next round follows at once. */
  #eventWaits = false;

  constructor(torrent: AnnouncedTorrent, parts: RerequesterParts, options: RerequesterOptions) {
    this.#torrent = torrent;
    this.#parts = parts;
    this.#options = options;
    this.#tiers = new TrackerTiers(torrent.tiers, parts.random);
    this.#key = parts.random.bytes(4).toString('hex');
  }

  /** Announces `started`, and goes on until `stop()`. */
  begin(): void {
    if (this.#stage !== 'new') return;
    this.#stage = 'running';
    this.#complete = this.#parts.totals().left === 0;
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
      if (!tracker.owedCompleted) continue;
      owed = true;
      // An event need not wait for what our own patience is, only for what the tracker has refused until then.
      tracker.notBefore = Number.NEGATIVE_INFINITY;
    }
    if (!owed) return;
    if (this.#underWay !== null) this.#eventWaits = true;
    else this.#startEventRound();
  }

  /**
   * Announces `stopped` to every tracker that knows us, and before it `completed` where that is owed: a download that
   * ends at once would never be counted. `answered` is called once, later: when all have answered, or when the limit is
   * over; what is under way then is given up. Nothing follows it.
   */
  stop(answered: () => void): void {
    const { timers } = this.#parts;
    const underWay = this.#underWay;
    const knowsUs = (tracker: KnownTracker) => tracker.started || tracker === underWay?.tracker;
    const told = this.#stage === 'running' ? this.#tiers.inOrder().filter(knowsUs) : [];
    this.#stage = 'stopped';
    this.#unschedule();
    const calls = new Set<{ cancel(): void }>();
    const finish = () => {
      limit.cancel();
      for (const call of calls) call.cancel();
      answered();
    };
    const limit = timers.addTask(finish, told.length === 0 ? 0 : this.#options.stopLimit);
    const tell = (tracker: KnownTracker, event: 'completed' | 'stopped'): void => {
      const call = this.#parts.client.announce(this.#request(tracker, event), (outcome) => {
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
    this.#tryNext(this.#tiers.inOrder());
  }

  /**
   * A round that waits neither for the tracker's interval nor, where no tracker may be asked yet, for peers to be
   * wanted.
   */
  #startEventRound(): void {
    this.#regularAt = Number.NEGATIVE_INFINITY;
    this.#startRound();
  }

  /** Asks the first of `untried` that may be asked. When there is none, waits for the first of all that may be. */
  #tryNext(untried: KnownTracker[]): void {
    const now = this.#parts.timers.now();
    for (const [index, tracker] of untried.entries()) {
      if (mayBeAskedAt(tracker) > now) continue;
      this.#announce(tracker, this.#eventFor(tracker), untried.slice(index + 1));
      return;
    }
    const soonest = Math.min(...this.#tiers.inOrder().map(mayBeAskedAt));
    if (soonest < Number.POSITIVE_INFINITY) this.#schedule(Math.max(0, soonest - now));
  }

  #announce(tracker: KnownTracker, event: AnnounceRequest['event'], untried: KnownTracker[]): void {
    this.#unschedule();
    const call = this.#parts.client.announce(this.#request(tracker, event), (outcome) => {
      this.#underWay = null;
      if (this.#stage === 'stopped') {
        this.#report(tracker, outcome, null);
        this.#afterCompleted();
      } else if (outcome.ok) this.#gotResponse(tracker, event, outcome);
      else this.#gotFailure(tracker, event, outcome, untried);
    });
    this.#underWay = { tracker, event, call };
  }

  #gotResponse(
    tracker: KnownTracker,
    event: AnnounceRequest['event'],
    { response, from }: AnnounceOutcome & { readonly ok: true },
  ): void {
    const now = this.#parts.timers.now();
    this.#tiers.moveToFront(tracker);
    tracker.started = true;
    if (event === 'completed') tracker.owedCompleted = false;
    tracker.trackerId = response.trackerId ?? tracker.trackerId;
    tracker.failures = 0;
    const minInterval = Math.max(this.#options.minAnnounceInterval, (response.minInterval ?? 0) * 1000);
    const interval = Math.max(minInterval, response.interval * 1000);
    // What came up while it answered it is told at once.
    tracker.notBefore = tracker.owedCompleted ? Number.NEGATIVE_INFINITY : now + minInterval;
    this.#regularAt = now + interval;
    if (this.#eventWaits) {
      this.#eventWaits = false;
      this.#startEventRound();
    } else this.#schedule(Math.min(interval, Math.max(minInterval, this.#options.rerequestInterval)));
    this.#report(tracker, { ok: true, response, from }, this.#nextFor(tracker, response.peers.length));
    const source = { kind: 'tracker', teller: from ?? tracker.url.toString() } as const;
    for (const { host, port, peerId } of response.peers) {
      if (this.#stage !== 'running') return;
      this.#parts.startConnection({ host, port }, source, peerId);
    }
  }

  #gotFailure(
    tracker: KnownTracker,
    event: AnnounceRequest['event'],
    outcome: AnnounceOutcome & { readonly ok: false },
    untried: KnownTracker[],
  ): void {
    const now = this.#parts.timers.now();
    const least = Math.max(event === null ? this.#options.minAnnounceInterval : 0, (outcome.interval ?? 0) * 1000);
    tracker.notBefore = now + Math.max(least, this.#backOff(tracker));
    tracker.retryAt = now + (outcome.retryAfter ?? 0) * 1000;
    // It has to be told `started` again, and with nothing left then: that download is not news to it.
    if (event === 'started') tracker.owedCompleted = false;
    // The next round is due as soon as somebody may be asked, however long the last answer's interval is.
    this.#regularAt = Number.NEGATIVE_INFINITY;
    this.#eventWaits &&= this.#tiers.inOrder().some(({ owedCompleted }) => owedCompleted);
    this.#tryNext(untried);
    this.#report(tracker, outcome, this.#nextFor(tracker, 0));
  }

  #consider(): void {
    this.#unschedule();
    const wait = this.#regularAt - this.#parts.timers.now();
    if (wait <= 0 || this.#wantsPeers(0)) this.#startRound();
    else this.#schedule(Math.min(wait, this.#options.rerequestInterval));
  }

  #schedule(delay: Millis): void {
    this.#unschedule();
    const { timers } = this.#parts;
    this.#considersAt = timers.now() + delay;
    this.#task = timers.addTask(() => this.#consider(), delay);
  }

  #unschedule(): void {
    this.#task?.cancel();
    this.#task = null;
    this.#considersAt = Number.POSITIVE_INFINITY;
  }

  /**
   * The wait until `tracker` is asked again, as things are when `coming` peers more are dialled; null when it never is,
   * or when another one's answer decides.
   */
  #nextFor(tracker: KnownTracker, coming: number): Millis | null {
    if (this.#underWay !== null) return this.#underWay.tracker === tracker ? 0 : null;
    const round = this.#wantsPeers(coming) ? this.#considersAt : Math.max(this.#considersAt, this.#regularAt);
    const at = Math.max(round, mayBeAskedAt(tracker));
    return at === Number.POSITIVE_INFINITY ? null : Math.max(0, at - this.#parts.timers.now());
  }

  /** Up to a quarter more than the plain doubling, so that a swarm does not fall upon its tracker at one moment. */
  #backOff(tracker: KnownTracker): Millis {
    const { firstBackOff, lastBackOff } = this.#options;
    const plain = Math.min(firstBackOff * 2 ** tracker.failures, lastBackOff / 1.25);
    tracker.failures = Math.min(tracker.failures + 1, 30);
    return plain + (plain / 4) * (this.#parts.random.below(1000) / 1000);
  }

  /** `coming` peers are about to be dialled. */
  #wantsPeers(coming: number): boolean {
    const count = this.#parts.howManyConnections() + coming;
    return this.#parts.everIncoming() ? count <= this.#options.minPeers / 3 : count < this.#options.minPeers;
  }

  #eventFor(tracker: KnownTracker): AnnounceRequest['event'] {
    if (!tracker.started) return 'started';
    return tracker.owedCompleted ? 'completed' : null;
  }

  #request(tracker: KnownTracker, event: AnnounceRequest['event']): AnnounceRequest {
    const full = this.#parts.howManyConnections() >= this.#options.enoughPeers;
    const { infoHash, peerId, port } = this.#torrent;
    return {
      url: tracker.url,
      source: tracker.source,
      infoHash,
      peerId,
      port,
      ...this.#parts.totals(),
      event,
      numwant: this.#stage === 'stopped' || full ? 0 : this.#options.numwant,
      key: this.#key,
      trackerId: tracker.trackerId,
      encryption: this.#torrent.encryption,
    };
  }

  #report(tracker: KnownTracker, outcome: AnnounceOutcome, wait: Millis | null): void {
    const response = outcome.ok ? outcome.response : null;
    this.#parts.trackerAnswered({
      url: printable(tracker.url.toString(), MAX_SHOWN_URL),
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

/**
 * No announce goes to the tracker before this, but for `stopped`; an event that is news has taken our own patience off.
 */
function mayBeAskedAt({ notBefore, retryAt }: KnownTracker): Millis {
  return Math.max(notBefore, retryAt);
}

/** When and how a torrent announces. */
interface RerequesterOptions {
  /** How often to consider asking for more peers while the trackers' own interval lasts. */
  readonly rerequestInterval: Millis;
  /** No tracker is asked more often than this, but for `started`, `completed` and `stopped`. */
  readonly minAnnounceInterval: Millis;
  /**
   * With fewer connections than this we ask for more; once somebody reached us from outside, a third of it is enough.
   */
  readonly minPeers: number;
  /** With this many connections we ask for none. */
  readonly enoughPeers: number;
  /** How many peers to ask for at a time. */
  readonly numwant: number;
  /** How long to wait when every tracker has failed; it doubles each time. */
  readonly firstBackOff: Millis;
  /** The longest wait when every tracker has failed. */
  readonly lastBackOff: Millis;
  /** How long `stop()` waits for the trackers' answers. */
  readonly stopLimit: Millis;
}

export const DEFAULT_REREQUESTER_OPTIONS: RerequesterOptions = {
  rerequestInterval: 300_000,
  minAnnounceInterval: 60_000,
  minPeers: 20,
  enoughPeers: 40,
  numwant: 50,
  firstBackOff: 50_000,
  lastBackOff: 1_800_000,
  stopLimit: 2_000,
};
