/** Checks whether a download would reach a peer of the torrent, by looking for its peers in the same way. */
import type { Millis, Timers } from '../../base/clock.js';
import { BtgetError } from '../../base/failure.js';
import type { PeerReach } from '../../swarm/connections/reach-counter.js';
import type { MetadataEvents } from '../../torrent/metadata-torrent.js';
import type { TorrentStatus } from '../../torrent/status.js';
import { formatCount } from '../output/format.js';
import { type DhtNews, encryptionReasons, type UserLimits } from '../output/stall-reasons.js';
import { StallWatch, type StallWatchParts } from '../run/stall-watch.js';
import { type Finding, failed, fine, skipped, warning } from './finding.js';

/** The torrent whose peers are looked for. */
export interface PeerSearch extends StallWatchParts {
  /** Begins to look for peers. Throws a `BtgetError` when the options are wrong. */
  begin(events: MetadataEvents): { status(): TorrentStatus };
  /** How many trackers are asked. */
  readonly trackers: number;
}

const LOOK_EVERY: Millis = 200;
/** A dial that gets no answer is given up after this, and others have their turn. */
const SEARCH_LIMIT: Millis = 12_000;
/** When the first peer is there, others may be on their way. */
const GATHERING: Millis = 1_000;
const PERHAPS = 'they may be gone, or a firewall may hold TCP back';

/** Finds out within twelve seconds, and within about one when a peer is there. */
export async function checkPeers(search: PeerSearch, timers: Timers): Promise<Finding> {
  const watch = new StallWatch(search.trackers > 0, search);
  const answered = new Set<string>();
  let failure: Error | undefined;
  let isServed = false;
  const torrent = search.begin({
    gotMetadata: () => {
      isServed = true;
    },
    trackerAnswered: (report) => {
      answered.add(report.url);
      watch.trackerAnswered(report);
    },
    warned: () => undefined,
    failed: (error) => {
      failure = error;
    },
  });
  const began = timers.now();
  let connectedAt: Millis | null = null;
  for (;;) {
    await new Promise<void>((resolve) => timers.addTask(resolve, LOOK_EVERY));
    if (failure instanceof BtgetError) return failed('peers', failure.message, null, failure.code);
    if (failure !== undefined) throw failure;
    const now = timers.now();
    const status = torrent.status();
    const { peers, reach } = status;
    if (peers > 0) connectedAt ??= now;
    const isGathered = connectedAt !== null && now - connectedAt >= GATHERING;
    const areAllTried = answered.size >= search.trackers && !mayName(search.dht()) && openDials(reach) === 0;
    if (areAllTried && search.trackers + reach.dialled + reach.waiting === 0)
      return skipped('peers', 'nothing names a peer of this torrent');
    if (isServed || isGathered || areAllTried || now - began >= SEARCH_LIMIT)
      return describe(status, watch, search.limits);
  }
}

/** Whether the DHT may name peers. */
function mayName(dht: DhtNews): boolean {
  return dht.use === 'on' && (dht.nodes > 0 || dht.routersAsked > 0);
}

/** Dials whose end we do not know yet, and those that led to a peer. */
function openDials({ dialled, refused, silent, turnedAway }: PeerReach): number {
  return dialled - refused - silent - turnedAway;
}

function describe(status: TorrentStatus, watch: StallWatch, limits: UserLimits): Finding {
  const { peers, encrypted, reach } = status;
  if (peers > 0) {
    const ciphered = encrypted === 0 ? '' : `, ${encrypted} of them encrypted`;
    const message = `${formatCount(peers, 'peer')} of this torrent connected${ciphered}`;
    const [trouble] = encryptionReasons(status, limits);
    return trouble === undefined
      ? fine('peers', message)
      : warning('peers', `${message}; ${trouble.message}`, trouble.hint);
  }
  const reasons = watch.reasons(status);
  const why = reasons.map(({ message }) => message).join('; ');
  const message = `no peer of this torrent can be reached: ${why}`;
  // The doctor's other lines say what works here.
  const hint = reasons[0]?.code === 'peers-unreachable' ? PERHAPS : (reasons[0]?.hint ?? null);
  // When nobody is named, nothing is wrong here.
  return reach.dialled === 0 ? warning('peers', message, hint) : failed('peers', message, hint);
}
