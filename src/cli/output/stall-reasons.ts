/** Says why a download has stalled, with the likeliest reason first. */
import type { DhtStatus } from '../../discovery/dht/dht-node.js';
import type { TrackerAnswer } from '../../discovery/trackers/rerequester.js';
import type { EncryptionPolicy } from '../../swarm/connections/dial-ways.js';
import type { TorrentStatus } from '../../torrent/status.js';
import type { StallReason } from './events.js';
import { formatCount, formatRate } from './format.js';

/** What we know of a torrent's trackers. */
export interface TrackerNews {
  /** True when there is a tracker to ask. */
  readonly some: boolean;
  /** The last report of each tracker that has answered or failed. */
  readonly reports: readonly TrackerAnswer[];
}

/** How the DHT stands, or why we do not use it. */
export type DhtNews =
  | { readonly use: 'private' | 'off' }
  | { readonly use: 'on'; readonly nodes: number; readonly routersAsked: number; readonly routersReached: number };

/** Limits of the user that may be the reason for a stall. */
export interface UserLimits {
  /** Bytes a second for the process; null for no limit. */
  readonly maxDownload: number | null;
  readonly maxPeers: number;
  readonly encryption: EncryptionPolicy;
}

export interface StallFacts {
  readonly status: TorrentStatus;
  readonly trackers: TrackerNews;
  readonly dht: DhtNews;
  readonly limits: UserLimits;
  /** Why nothing passes the proxy, or null. */
  readonly proxyTrouble: string | null;
}

/** Bytes a second. At a lower rate a block of 16 KiB takes more than 30 s, and the download counts as stalled. */
const CRAWL = 16_384 / 30;

/** Each reason holds. The likeliest one comes first. */
export function stallReasons(facts: StallFacts): StallReason[] {
  const { status, proxyTrouble } = facts;
  if (status.diskFailure !== null)
    return [{ code: 'disk-paused', message: `the disk refused: ${status.diskFailure.message}` }];
  const reasonsOfPeers = status.state === 'metadata' ? metadataReasons : peerReasons;
  return [
    ...(proxyTrouble === null ? [] : [{ code: 'proxy', message: proxyTrouble } as const]),
    ...limitReasons(facts),
    ...webSeedReasons(status),
    ...(status.peers === 0 ? lonelyReasons(facts) : reasonsOfPeers(facts)),
  ];
}

/** The reasons when no peer is connected: we know of no peer, or we cannot reach any. */
function lonelyReasons({ status, trackers, dht, limits }: StallFacts): StallReason[] {
  const failing = trackers.reports.filter((report) => !report.ok);
  const working = trackers.reports.length - failing.length;
  const reasons: StallReason[] = encryptionReasons(status, limits);
  const { dialled, waiting } = status.reach;
  if (dialled > 0) reasons.push({ code: 'peers-unreachable', message: unreachable(status) });
  if (trackers.reports.length === 0)
    reasons.push(
      trackers.some
        ? { code: 'trackers-silent', message: 'no tracker has answered yet' }
        : { code: 'no-trackers', message: 'no tracker to ask; --tracker and --peer name some' },
    );
  if (failing.length > 0 && working === 0) reasons.push(failingTrackers(failing));
  if (working > 0 && dialled + waiting === 0)
    reasons.push({ code: 'no-peers', message: 'the trackers name no peer that can be dialled' });
  reasons.push(...dhtReasons(dht));
  if (failing.length > 0 && working > 0) reasons.push(failingTrackers(failing));
  return reasons;
}

function metadataReasons({ status, trackers }: StallFacts): StallReason[] {
  const connected = `${formatCount(status.peers, 'peer')} connected`;
  const failing = trackers.reports.filter((report) => !report.ok);
  // The length is known from the metadata.
  const reason: StallReason =
    status.length > 0
      ? { code: 'no-layers', message: `${connected}, none has given the piece hashes of version 2 yet` }
      : { code: 'no-metadata', message: `${connected}, none has given the metadata yet` };
  return [reason, ...(failing.length > 0 ? [failingTrackers(failing)] : [])];
}

function peerReasons({ status, trackers }: StallFacts): StallReason[] {
  const reasons: StallReason[] = [];
  const connected = formatCount(status.peers, 'peer');
  if (status.useful === 0)
    reasons.push({
      code: 'peers-lack-pieces',
      message: `${connected} connected, none has a piece that is missing here`,
    });
  else if (status.unchokedBy === 0)
    reasons.push({
      code: 'choked',
      message: `${connected} connected, ${status.useful} with missing pieces, none serves us yet`,
    });
  else
    reasons.push({
      code: 'nothing-sent',
      message: `${formatCount(status.unchokedBy, 'peer')} would serve us, none sends`,
    });
  if (status.seeds === 0)
    reasons.push({ code: 'no-seeds', message: 'no connected peer has everything; pieces may be missing in the swarm' });
  if (status.reach.dialled > 0 && status.reach.refused + status.reach.silent > 0)
    reasons.push({ code: 'peers-unreachable', message: unreachable(status) });
  const failing = trackers.reports.filter((report) => !report.ok);
  if (failing.length > 0) reasons.push(failingTrackers(failing));
  return reasons;
}

function limitReasons({ status, limits }: StallFacts): StallReason[] {
  const { maxDownload, maxPeers } = limits;
  if (maxDownload !== null && maxDownload < CRAWL)
    return [{ code: 'limited', message: `--max-download lets ${formatRate(maxDownload)} through` }];
  if (status.peers >= maxPeers)
    return [{ code: 'limited', message: `--max-peers lets nobody in beyond ${formatCount(maxPeers, 'peer')}` }];
  return [];
}

/** There are web seeds, and nothing comes from them either. */
function webSeedReasons({ webSeeds: { known, inUse, fault } }: TorrentStatus): StallReason[] {
  if (known === 0) return [];
  const message =
    inUse > 0
      ? `${formatCount(inUse, 'web seed')} asked, none sends`
      : `${known === 1 ? 'the web seed does not give' : `none of ${known} web seeds gives`} what is missing here`;
  return [{ code: 'web-seeds-failing', message: fault === null ? message : `${message}; the last fault: ${fault}` }];
}

/** Peers hang up before their first byte, and the user lets us dial them in one way alone. */
function encryptionReasons({ reach: { turnedAway } }: TorrentStatus, { encryption }: UserLimits): StallReason[] {
  if (turnedAway === 0) return [];
  const hungUp = `${formatCount(turnedAway, 'dial')} ended by the peer before it answered`;
  if (encryption === 'off')
    return [{ code: 'encryption', message: `${hungUp}: peers may demand encryption, and --encryption off forbids it` }];
  if (encryption === 'require')
    return [{ code: 'encryption', message: `${hungUp}: peers may not know the encryption that --encryption requires` }];
  return [];
}

function dhtReasons(dht: DhtNews): StallReason[] {
  switch (dht.use) {
    case 'private':
      return [{ code: 'private', message: 'the torrent is private: its trackers alone name peers' }];
    case 'off':
      return [{ code: 'dht-off', message: 'the DHT is switched off' }];
    case 'on': {
      const { nodes, routersAsked, routersReached } = dht;
      if (nodes > 0)
        return [
          { code: 'dht-no-peers', message: `the DHT (${formatCount(nodes, 'node')}) names no peer that is there` },
        ];
      const routers =
        routersAsked === 0 ? 'no router asked' : `${routersReached} of ${formatCount(routersAsked, 'router')} reached`;
      return [{ code: 'dht-unreached', message: `no node of the DHT answers, ${routers}` }];
    }
  }
}

/** How the DHT stands for both families together; `status` is null when we do not use the DHT. */
export function dhtNews(status: DhtStatus | null): DhtNews {
  if (status === null) return { use: 'off' };
  const nodes = status.families.reduce((sum, { good, questionable }) => sum + good + questionable, 0);
  const { routers } = status;
  return {
    use: 'on',
    nodes,
    routersAsked: routers.length,
    routersReached: routers.filter(({ state }) => state === 'reached').length,
  };
}

function unreachable({ reach }: TorrentStatus): string {
  const { dialled, refused, silent, turnedAway, waiting } = reach;
  const how = [
    ...(silent > 0 ? [`${silent} silent`] : []),
    ...(refused > 0 ? [`${refused} refused`] : []),
    ...(turnedAway > 0 ? [`${turnedAway} hung up`] : []),
    ...(waiting > 0 ? [`${waiting} to be tried again`] : []),
  ];
  return `${formatCount(dialled, 'dial')} to peers${how.length === 0 ? '' : `: ${how.join(', ')}`}`;
}

function failingTrackers(failing: readonly TrackerAnswer[]): StallReason {
  const shown = failing.slice(0, 3).map((report) => `${report.url}: ${report.message ?? 'no answer'}`);
  const more = failing.length > shown.length ? `, and ${failing.length - shown.length} more` : '';
  return {
    code: 'trackers-failing',
    message: `${formatCount(failing.length, 'tracker')} failing: ${shown.join('; ')}${more}`,
  };
}
