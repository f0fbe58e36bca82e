/** Checks whether a download would reach a peer of the torrent, by looking for its peers in the same way. */
import type { Millis, Timers } from '../../base/clock.js';
import { BtgetError } from '../../base/failure.js';
import type { Swarm } from '../../metainfo/info-hash.js';
import type { PeerReach } from '../../swarm/connections/reach-counter.js';
import type { MetadataEvents } from '../../torrent/metadata-torrent.js';
import type { TorrentStatus } from '../../torrent/status.js';
import { formatCount } from '../output/format.js';
import { type DhtNews, encryptionReasons, falseMetadataReasons } from '../output/stall-reasons.js';
import { StallWatch, type StallWatchParts } from '../run/stall-watch.js';
import { type Finding, failed, fine, skipped, warning } from './finding.js';
import { pause } from './pause.js';

/** A torrent that looks for peers and wants no content of them. */
export interface SeekingPeers {
  status(): TorrentStatus;
  /** Dials no more, and says good-bye. */
  stop(answered: () => void): void;
}

/** The torrent whose peers are looked for. */
export interface PeerSearch extends StallWatchParts {
  /** Begins to look for peers. */
  begin(events: MetadataEvents): SeekingPeers;
  /** How many trackers are asked, each for every swarm. */
  readonly trackers: number;
  /** The swarms of a hybrid; of any other torrent null alone. */
  readonly swarms: readonly (Swarm | null)[];
}

const LOOK_EVERY: Millis = 200;
/** A dial that gets no answer is given up after this, and others have their turn. */
const SEARCH_LIMIT: Millis = 12_000;
/** When the first peer is there, others may be on their way. */
const GATHERING: Millis = 1_000;

/**
 * Finds out within twelve seconds, and within about one when a peer is there. Null when `over` was aborted before. The
 * torrent has been told to stop then, and says good-bye by itself.
 */
export async function checkPeers(search: PeerSearch, timers: Timers, over: AbortSignal): Promise<Finding | null> {
  const watch = new SearchWatch(search, timers.now());
  const torrent = search.begin({
    gotMetadata: () => {
      watch.isServed = true;
      watch.look(torrent.status());
      // It may be private, and then nobody but its trackers may name further peers.
      torrent.stop(() => undefined);
    },
    trackerAnswered: (report) => watch.trackerAnswered(report),
    warned: (_code, message) => watch.warnings.push(message),
    failed: (error) => {
      watch.failure = error;
    },
  });
  for (;;) {
    await pause(timers, LOOK_EVERY, over);
    if (!watch.isServed) watch.look(torrent.status());
    if (!over.aborted && !watch.isOver(timers.now())) continue;
    if (!watch.isServed) torrent.stop(() => undefined);
    return over.aborted ? null : watch.finding();
  }
}

/** What has been seen of a search for peers. */
class SearchWatch {
  readonly warnings: string[] = [];
  /** A peer has given the metadata. */
  isServed = false;
  failure: Error | null = null;
  readonly #search: PeerSearch;
  readonly #stall: StallWatch;
  readonly #beganAt: Millis;
  /** By swarm: whether a tracker has answered, and how many have failed. */
  readonly #heard = new Map<Swarm | null, { hasAnswered: boolean; failures: number }>();
  /** The last look, with the most peers that were there at a time. */
  #status: TorrentStatus | null = null;
  #firstPeerAt: Millis | null = null;

  constructor(search: PeerSearch, now: Millis) {
    this.#search = search;
    this.#stall = new StallWatch(search.trackers > 0, search);
    this.#beganAt = now;
  }

  trackerAnswered(report: Parameters<MetadataEvents['trackerAnswered']>[0]): void {
    this.#stall.trackerAnswered(report);
    const heard = this.#heard.get(report.swarm) ?? { hasAnswered: false, failures: 0 };
    if (report.ok) heard.hasAnswered = true;
    else heard.failures += 1;
    this.#heard.set(report.swarm, heard);
  }

  look(status: TorrentStatus): void {
    const [peers, encrypted] = [this.#status?.peers ?? 0, this.#status?.encrypted ?? 0];
    this.#status = {
      ...status,
      peers: Math.max(peers, status.peers),
      encrypted: Math.max(encrypted, status.encrypted),
    };
  }

  /** Whether a longer search would tell nothing more. */
  isOver(now: Millis): boolean {
    if (this.failure !== null || this.isServed || now - this.#beganAt >= SEARCH_LIMIT) return true;
    if (this.#status === null) return false;
    if (hasMet(this.#status)) this.#firstPeerAt ??= now;
    if (this.#firstPeerAt !== null) return now - this.#firstPeerAt >= GATHERING;
    return this.#areTrackersHeard && !mayName(this.#search.dht()) && openDials(this.#status.reach) === 0;
  }

  finding(): Finding {
    const { failure } = this;
    if (failure instanceof BtgetError) return failed('peers', failure.message, null, failure.code);
    if (failure !== null) throw failure;
    const finding = this.#describe();
    if (this.warnings.length === 0) return finding;
    const message = [...(finding.state === 'skipped' ? [] : [finding.message]), ...this.warnings].join('; ');
    return finding.state === 'failed' ? { ...finding, message } : warning('peers', message, finding.hint);
  }

  #describe(): Finding {
    const status = this.#status;
    if (status === null) throw new Error('a search that ends before it is looked at');
    const { peers, encrypted, reach } = status;
    const { limits, trackers, dht } = this.#search;
    if (hasMet(status) || this.isServed) {
      const count = Math.max(peers, reach.answered, 1);
      const ciphered = encrypted === 0 ? '' : `, ${encrypted} of them encrypted`;
      const message = `${formatCount(count, 'peer')} of this torrent answered${ciphered}`;
      const mismatch = this.isServed ? [] : falseMetadataReasons(status);
      const [trouble] = [...mismatch, ...encryptionReasons(status, limits)];
      return trouble === undefined
        ? fine('peers', message)
        : warning('peers', `${message}; ${trouble.message}`, trouble.hint);
    }
    if (trackers + reach.dialled + reach.waiting === 0 && !mayName(dht()))
      return skipped('peers', 'nothing names a peer of this torrent');
    return describeFailure(status, this.#stall);
  }

  /** A tier is heard when one of its trackers has answered; the others are asked only when that one fails. */
  get #areTrackersHeard(): boolean {
    const { swarms, trackers } = this.#search;
    return swarms.every((swarm) => {
      const { hasAnswered, failures } = this.#heard.get(swarm) ?? { hasAnswered: false, failures: 0 };
      return hasAnswered || failures >= trackers;
    });
  }
}

function hasMet({ peers, reach }: TorrentStatus): boolean {
  return peers + reach.answered > 0;
}

/** Whether the DHT may name peers. */
function mayName(dht: DhtNews): boolean {
  return dht.use === 'on' && (dht.nodes > 0 || dht.routersAsked > 0);
}

/** Dials whose end we do not know yet. */
function openDials({ dialled, answered, refused, silent, turnedAway }: PeerReach): number {
  return dialled - answered - refused - silent - turnedAway;
}

/** What the doctor's own lines say better, by the code of a reason. */
const OTHER_HINTS: Readonly<Record<string, string | null>> = {
  'peers-unreachable': 'they may be gone, or a firewall may hold TCP back',
  proxy: null,
};

function describeFailure(status: TorrentStatus, stall: StallWatch): Finding {
  const reasons = stall.reasons(status);
  const why = reasons.map(({ message }) => message).join('; ');
  const message = `no peer of this torrent can be reached: ${why}`;
  const [likeliest] = reasons;
  const code = likeliest?.code ?? '';
  const hint = Object.hasOwn(OTHER_HINTS, code) ? (OTHER_HINTS[code] ?? null) : (likeliest?.hint ?? null);
  // When nobody is named, nothing is wrong here.
  return status.reach.dialled === 0 ? warning('peers', message, hint) : failed('peers', message, hint);
}
