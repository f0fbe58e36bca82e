import type { Millis, Task, Timers } from '../../base/clock.js';
import type { Random } from '../../base/random.js';
import type { Swarm } from '../../metainfo/info-hash.js';
import type { PeerAddress } from '../../net/raw-server.js';
import type { AddressSource } from '../../net/reach-rule.js';
import type { SourcedUrl } from '../../net/url-rule.js';
import { printable } from './announce-url.js';
import type { AnnounceOutcome, AnnounceRequest, TrackerClient } from './tracker-client.js';
import { type KnownTracker, TrackerTiers } from './tracker-tiers.js';

/** The most bytes of a URL in a report: a torrent may name URLs of 4 KiB. */
const MAX_SHOWN_URL = 4096;

/** The torrent that we announce. */
export interface AnnouncedTorrent {
  /** 20 bytes. */
  readonly infoHash: Buffer;
  /** 20 bytes. */
  readonly peerId: Buffer;
  /** The port at which we listen. */
  readonly port: number;
  /** The trackers, by tiers (BEP 12). */
  readonly tiers: readonly (readonly SourcedUrl[])[];
  readonly encryption: AnnounceRequest['encryption'];
}

/** One tracker's answer to one announce. */
export interface AnnounceReport {
  /** Without user name, password and keys. */
  readonly url: string;
  readonly ok: boolean;
  /** A warning or the reason of the failure, or null. */
  readonly message: string | null;
  /** How many peers the answer named; null when the tracker failed. */
  readonly peers: number | null;
  /** The tracker's own count; null when it does not tell. */
  readonly seeds: number | null;
  /** The tracker's own count; null when it does not tell. */
  readonly leeches: number | null;
  /** Our address as the tracker sees it, an IP literal; null when it does not tell. */
  readonly externalIp: string | null;
  /**
   * Seconds until we ask this tracker again, unless a tracker before it in the list answers first, or the machine comes
   * to another network. Null when we never do. Also null while we wait for another tracker, because it depends on that
   * tracker's answer.
   */
  readonly next: number | null;
}

/** One tracker's answer, for displays. */
export interface TrackerAnswer extends AnnounceReport {
  /** The swarm of a hybrid that the answer is about: trackers keep its two swarms apart. Null for other torrents. */
  readonly swarm: Swarm | null;
}

/** What the Rerequester needs of the torrent around it. */
export interface RerequesterParts {
  readonly timers: Timers;
  readonly random: Random;
  readonly client: TrackerClient;
  /** Connections of the torrent, half-open ones included. */
  howManyConnections(): number;
  /** Whether any peer has reached us from outside. */
  everIncoming(): boolean;
  /** Bytes that this session has sent and received, and bytes that are left to fetch. */
  totals(): { readonly uploaded: number; readonly downloaded: number; readonly left: number };
  startConnection(address: PeerAddress, source: AddressSource, peerId: Buffer | null): void;
  /** The tracker that answered from `teller`, an IP literal or behind a proxy a name, sees us at `host`. */
  seenAt(host: string, teller: string): void;
  trackerAnswered(answer: AnnounceReport): void;
}

/** When and how a torrent announces. */
interface RerequesterOptions {
  /** How often we consider asking for more peers before the tracker's interval ends. */
  readonly rerequestInterval: Millis;
  /** The least time between two announces to one tracker; `started`, `completed` and `stopped` need not wait for it. */
  readonly minAnnounceInterval: Millis;
  /** With fewer connections than this we ask for more. Once a peer has reached us from outside, a third is enough. */
  readonly minPeers: number;
  /** With this many connections we ask for no peers. */
  readonly enoughPeers: number;
  /** How many peers we ask for at a time. */
  readonly numwant: number;
  /** How long we leave a tracker alone after its first failure. The time doubles with each failure that follows. */
  readonly firstBackOff: Millis;
  /** The longest time for which we leave a tracker alone after a failure. */
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

/**
 * Decides when to announce, and hands on the peers that the trackers name.
 *
 * One announce is under way at a time. A round tries the trackers in the order of their tiers until one answers. So we
 * ask a later tier only when all trackers of an earlier one fail. The next round waits as long as the tracker that
 * answered wants. After a failure we leave a tracker out of the rounds for a while, longer each time, and at least as
 * long as the tracker asks. When no tracker answers, the next round begins as soon as we may ask the first of them
 * again.
 */
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
  /** Continues `stop()` when the `completed` is answered that was under way at that time. */
  #afterCompleted: () => void = () => undefined;
  #task: Task | null = null;
  /** When `#task` runs; infinite when there is none. */
  #considersAt: Millis = Number.POSITIVE_INFINITY;
  /** When the interval of the tracker that answered ends. Before that a round begins only when we want peers. */
  #regularAt: Millis = Number.NEGATIVE_INFINITY;
  #complete = false;
  /** An event came during an announce, so the next round follows at once. */
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

  /** The torrent has just become complete. Announces `completed`, unless it was complete at the beginning. */
  completed(): void {
    if (this.#stage !== 'running' || this.#complete) return;
    this.#complete = true;
    let owed = false;
    for (const tracker of this.#tiers.inOrder()) {
      // A tracker that has not yet answered our `started` heard it with bytes left: it must hear `completed` too.
      tracker.owedCompleted = tracker.started || tracker === this.#underWay?.tracker;
      if (!tracker.owedCompleted) continue;
      owed = true;
      // An event ignores the waits that we chose ourselves, but not the time for which the tracker wants no announce.
      tracker.notBefore = Number.NEGATIVE_INFINITY;
    }
    if (!owed) return;
    if (this.#underWay !== null) this.#eventWaits = true;
    else this.#startEventRound();
  }

  /**
   * Announces `stopped` to every tracker that knows us. A tracker that is owed `completed` hears that first, or it
   * would never count a download that ends at once. Calls `answered` once, later: when all trackers have answered, or
   * when the limit is over. Then it gives up all announces that are under way, and nothing follows.
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
        // If we sent both at once, `stopped` could arrive first, and the tracker would list us again.
        if (event === 'completed') tell(tracker, 'stopped');
        else if (calls.size === 0) finish();
      });
      calls.add(call);
    };
    for (const tracker of told) {
      if (tracker === underWay?.tracker && underWay.event === 'completed') {
        // We do not repeat a `completed` that is under way, or the tracker would count the download twice.
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

  /**
   * The machine may be in another network: trackers that failed there may answer here, and those that know us should
   * hear where we are now. Asks as soon as the first tracker of the list may be asked that does not want us to wait.
   */
  networkChanged(): void {
    if (this.#stage !== 'running') return;
    const trackers = this.#tiers.inOrder();
    for (const tracker of trackers) {
      if (tracker.failures === 0) continue;
      tracker.failures = 0;
      tracker.notBefore = tracker.spareUntil;
    }
    const now = this.#parts.timers.now();
    const first = trackers.find(({ retryAt }) => retryAt <= now);
    // What is under way fails soon if it was sent in the old network. Then it is sent again soon.
    if (first === undefined || this.#underWay !== null) return;
    this.#regularAt = Number.NEGATIVE_INFINITY;
    this.#schedule(Math.max(0, Math.min(first.notBefore, this.#considersAt) - now));
  }

  #startRound(): void {
    this.#tryNext(this.#tiers.inOrder());
  }

  /**
   * Starts a round that does not wait for the tracker's interval. If we may not ask any tracker yet, it begins later
   * even if we want no peers.
   */
  #startEventRound(): void {
    this.#regularAt = Number.NEGATIVE_INFINITY;
    this.#startRound();
  }

  /** Asks the first of `untried` that we may ask now. If there is none, waits until we may ask any tracker. */
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
    // If we became complete during this announce, the tracker hears it at once.
    tracker.notBefore = tracker.owedCompleted ? Number.NEGATIVE_INFINITY : now + minInterval;
    this.#regularAt = now + interval;
    if (this.#eventWaits) {
      this.#eventWaits = false;
      this.#startEventRound();
    } else this.#schedule(Math.min(interval, Math.max(minInterval, this.#options.rerequestInterval)));
    this.#report(tracker, { ok: true, response, from }, this.#nextFor(tracker, response.peers.length));
    if (response.externalIp !== null && from !== null) this.#parts.seenAt(response.externalIp, from);
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
    tracker.spareUntil = now + least;
    tracker.retryAt = now + (outcome.retryAfter ?? 0) * 1000;
    // It will hear `started` again, with nothing left to fetch. After that a `completed` would be wrong.
    if (event === 'started') tracker.owedCompleted = false;
    // The next round begins as soon as we may ask any tracker, however long the last answer's interval is.
    this.#regularAt = Number.NEGATIVE_INFINITY;
    this.#eventWaits &&= this.#tiers.inOrder().some(({ owedCompleted }) => owedCompleted);
    this.#tryNext(untried);
    this.#report(tracker, outcome, this.#nextFor(tracker, 0));
  }

  /** Starts a round if it is due or if we want peers. */
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
   * The time until we ask `tracker` again, if we dial `coming` more peers now. Null when we never do, or when it
   * depends on the answer of another tracker.
   */
  #nextFor(tracker: KnownTracker, coming: number): Millis | null {
    if (this.#underWay !== null) return this.#underWay.tracker === tracker ? 0 : null;
    const round = this.#wantsPeers(coming) ? this.#considersAt : Math.max(this.#considersAt, this.#regularAt);
    const at = Math.max(round, mayBeAskedAt(tracker));
    return at === Number.POSITIVE_INFINITY ? null : Math.max(0, at - this.#parts.timers.now());
  }

  /**
   * Doubles with each failure. Adds up to a quarter by chance, so that a swarm does not ask its tracker all at once.
   */
  #backOff(tracker: KnownTracker): Millis {
    const { firstBackOff, lastBackOff } = this.#options;
    const plain = Math.min(firstBackOff * 2 ** tracker.failures, lastBackOff / 1.25);
    tracker.failures = Math.min(tracker.failures + 1, 30);
    return plain + (plain / 4) * (this.#parts.random.below(1000) / 1000);
  }

  /** Whether we want more peers, when we are about to dial `coming` of them. */
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

/** When the tracker may get its next announce; `stopped` does not wait for it. */
function mayBeAskedAt({ notBefore, retryAt }: KnownTracker): Millis {
  return Math.max(notBefore, retryAt);
}
