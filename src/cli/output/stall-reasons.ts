/** Says why a download has stalled, with the likeliest reason first. */
import { BtgetError } from '../../base/failure.js';
import { redactText } from '../../base/redaction.js';
import type { DhtStatus } from '../../discovery/dht/dht-node.js';
import type { TrackerAnswer } from '../../discovery/trackers/rerequester.js';
import type { EncryptionPolicy } from '../../swarm/connections/dial-ways.js';
import type { TorrentStatus } from '../../torrent/status.js';
import type { StallReason } from './events.js';
import { formatCount, formatRate } from './format.js';
import { LOOK_AT_PROXY, type Proxies, proxyRemedy } from './proxy-remedy.js';

/** What we know of a torrent's trackers. */
export interface TrackerNews {
  /** True when there is a tracker to ask. */
  readonly some: boolean;
  /** The last report of each tracker that has answered or failed. */
  readonly reports: readonly TrackerAnswer[];
}

/** How the DHT stands, or why we do not use it. */
export type DhtNews = { readonly use: 'private' | 'off' } | DhtStanding;

/** How a DHT stands that we use, for both families together. */
export interface DhtStanding {
  readonly use: 'on';
  /** Nodes that answer. */
  readonly nodes: number;
  readonly routersAsked: number;
  readonly routersReached: number;
  /** Routers whose names lead to no address. */
  readonly routersUnknown: number;
}

/** What the user has said that may be the reason for a stall. */
export interface UserLimits {
  /** Bytes a second for the process; null for no limit. */
  readonly maxDownload: number | null;
  readonly maxPeers: number;
  readonly encryption: EncryptionPolicy;
  readonly proxies: Proxies;
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
  if (status.diskFailure !== null) {
    const { code, message, hint } = status.diskFailure;
    const room = code === 'disk-full' ? 'free some space; it then goes on by itself' : null;
    return [reason('disk-paused', `the disk refused: ${message}`, hint ?? room)];
  }
  // What is behind the limit would send: nobody else is to blame.
  if (status.limited && facts.limits.maxDownload !== null) return [heldBack(facts.limits.maxDownload)];
  const reasonsOfPeers = status.state === 'metadata' ? metadataReasons : peerReasons;
  return [
    ...(proxyTrouble === null ? [] : [reason('proxy', proxyTrouble, LOOK_AT_PROXY)]),
    ...limitReasons(facts),
    ...webSeedReasons(facts),
    ...(status.peers === 0 ? lonelyReasons(facts) : reasonsOfPeers(facts)),
  ];
}

/** The message is without the secrets of URLs. */
function reason(code: StallReason['code'], message: string, hint: string | null = null): StallReason {
  return { code, message: redactText(message), hint };
}

/** The reasons when no peer is connected: we know of no peer, or we cannot reach any. */
function lonelyReasons({ status, trackers, dht, limits }: StallFacts): StallReason[] {
  const failing = trackers.reports.filter((report) => !report.ok);
  const working = trackers.reports.length - failing.length;
  const reasons: StallReason[] = [...falseMetadataReasons(status), ...encryptionReasons(status, limits)];
  const { dialled, waiting, answered } = status.reach;
  if (dialled > 0) {
    // Nothing is wrong here when each dial led to a peer.
    const hint = answered === dialled ? null : 'btget doctor says what works from here';
    reasons.push(reason('peers-unreachable', unreachable(status), hint));
  }
  // Without a tracker the DHT alone names peers, and what is wrong there is likelier than that a tracker is missing.
  const isDhtFirst = !trackers.some && dht.use === 'on' && (dht.nodes > 0 || dht.routersAsked > 0);
  if (isDhtFirst) reasons.push(...dhtReasons(dht));
  if (trackers.reports.length === 0)
    reasons.push(
      trackers.some
        ? reason('trackers-silent', 'no tracker has answered yet')
        : reason('no-trackers', 'no tracker to ask', '--tracker and --peer name some'),
    );
  if (failing.length > 0 && working === 0) reasons.push(failingTrackers(failing, limits));
  if (working > 0 && dialled + waiting === 0)
    reasons.push(reason('no-peers', 'the trackers name no peer that can be dialled', '--peer names one that you know'));
  if (!isDhtFirst) reasons.push(...dhtReasons(dht));
  if (failing.length > 0 && working > 0) reasons.push(failingTrackers(failing, limits));
  return reasons;
}

function metadataReasons({ status, trackers, limits }: StallFacts): StallReason[] {
  const connected = `${formatCount(status.peers, 'peer')} connected`;
  const failing = trackers.reports.filter((report) => !report.ok);
  const none = `${connected}, none has given the metadata yet`;
  const [given] = falseMetadataReasons(status);
  // The length is known from the metadata.
  const what =
    status.length > 0
      ? reason('no-layers', `${connected}, none has given the piece hashes of version 2 yet`)
      : given === undefined
        ? reason('no-metadata', none)
        : { ...given, message: `${given.message}; ${none}` };
  return [what, ...(failing.length > 0 ? [failingTrackers(failing, limits)] : [])];
}

/** Peers lie about the metadata, or the link is wrong. */
export function falseMetadataReasons({ falseMetadata, length }: TorrentStatus): StallReason[] {
  if (falseMetadata === 0 || length > 0) return [];
  const message = `${formatCount(falseMetadata, 'peer')} gave metadata that does not fit the link`;
  return [reason('no-metadata', message, 'where the link has two info-hashes, they may be those of two torrents')];
}

function peerReasons({ status, trackers, limits }: StallFacts): StallReason[] {
  const reasons: StallReason[] = [];
  const connected = formatCount(status.peers, 'peer');
  if (status.useful === 0)
    reasons.push(reason('peers-lack-pieces', `${connected} connected, none has a piece that is missing here`));
  else if (status.unchokedBy === 0)
    reasons.push(reason('choked', `${connected} connected, ${status.useful} with missing pieces, none serves us yet`));
  else reasons.push(reason('nothing-sent', `${formatCount(status.unchokedBy, 'peer')} would serve us, none sends`));
  if (status.seeds === 0)
    reasons.push(reason('no-seeds', 'no connected peer has everything; pieces may be missing in the swarm'));
  if (status.reach.dialled > 0 && status.reach.refused + status.reach.silent > 0)
    reasons.push(reason('peers-unreachable', unreachable(status)));
  const failing = trackers.reports.filter((report) => !report.ok);
  if (failing.length > 0) reasons.push(failingTrackers(failing, limits));
  return reasons;
}

function limitReasons({ status, limits }: StallFacts): StallReason[] {
  const { maxDownload, maxPeers } = limits;
  if (maxDownload !== null && maxDownload < CRAWL) return [heldBack(maxDownload)];
  if (status.peers >= maxPeers)
    return [
      reason('limited', `--max-peers lets nobody in beyond ${formatCount(maxPeers, 'peer')}`, 'raise --max-peers'),
    ];
  return [];
}

function heldBack(maxDownload: number): StallReason {
  const message = `--max-download holds it back: it lets ${formatRate(maxDownload)} through`;
  return reason('limited', message, 'raise --max-download');
}

/** There are web seeds, and nothing comes from them either. */
function webSeedReasons({ status, limits }: StallFacts): StallReason[] {
  const { known, inUse, fault } = status.webSeeds;
  if (known === 0) return [];
  const message =
    inUse > 0
      ? `${formatCount(inUse, 'web seed')} asked, none sends`
      : `${known === 1 ? 'the web seed does not give' : `none of ${known} web seeds gives`} what is missing here`;
  const more = fault === null ? '' : `; the last fault: ${fault}`;
  const remedy = fault === null ? undefined : proxyRemedy(fault, limits.proxies);
  const hint = remedy === undefined ? '--web-seed names another one' : remedy;
  return [reason('web-seeds-failing', message + more, hint)];
}

/** Peers hang up before their first byte, and the user lets us dial them in one way alone. */
export function encryptionReasons({ reach: { turnedAway } }: TorrentStatus, { encryption }: UserLimits): StallReason[] {
  if (turnedAway === 0) return [];
  const hungUp = `${formatCount(turnedAway, 'dial')} ended by the peer before it answered`;
  const hint = '--encryption allow dials in both ways';
  if (encryption === 'off') {
    const why = 'peers may demand encryption, and --encryption off forbids it';
    return [reason('encryption', `${hungUp}: ${why}`, hint)];
  }
  if (encryption === 'require') {
    const why = 'peers may not know the encryption that --encryption requires';
    return [reason('encryption', `${hungUp}: ${why}`, hint)];
  }
  return [];
}

function dhtReasons(dht: DhtNews): StallReason[] {
  switch (dht.use) {
    case 'private':
      return [reason('private', 'the torrent is private: its trackers alone name peers')];
    case 'off':
      return [reason('dht-off', 'the DHT is switched off')];
    case 'on': {
      const { nodes, routersAsked, routersReached } = dht;
      if (nodes > 0)
        return [reason('dht-no-peers', `the DHT (${formatCount(nodes, 'node')}) names no peer that is there`)];
      const routers =
        routersAsked === 0 ? 'no router asked' : `${routersReached} of ${formatCount(routersAsked, 'router')} reached`;
      return [reason('dht-unreached', `no node of the DHT answers, ${routers}`, unreachedDhtHint(dht))];
    }
  }
}

/** What the user can do when no node of the DHT answers. */
export function unreachedDhtHint({ routersAsked, routersUnknown }: DhtStanding): string {
  if (routersAsked === 0) return '--dht-node names a node to begin with';
  return routersUnknown === routersAsked ? 'look at the name servers of this machine' : 'a firewall may hold UDP back';
}

/** How the DHT stands. `status` is null when we do not use it. */
export function dhtNews(status: DhtStatus | null): DhtNews {
  return status === null ? { use: 'off' } : dhtStanding(status);
}

export function dhtStanding({ families, routers }: DhtStatus): DhtStanding {
  const count = (wanted: DhtStatus['routers'][number]['state']): number =>
    routers.filter(({ state }) => state === wanted).length;
  return {
    use: 'on',
    nodes: families.reduce((sum, { good, questionable }) => sum + good + questionable, 0),
    routersAsked: routers.length,
    routersReached: count('reached'),
    routersUnknown: count('unknown'),
  };
}

/** The reasons in one line, as a log has them: `one (what to do); another`. */
export function reasonsInLine(reasons: readonly StallReason[]): string {
  return reasons.map(({ message, hint }) => (hint === null ? message : `${message} (${hint})`)).join('; ');
}

/** The reasons in rows, as a terminal has them: one in a row, and in the row below it what to do, further in. */
export function reasonsInRows(reasons: readonly StallReason[]): string[] {
  return reasons.flatMap(({ message, hint }) => [`  ${message}`, ...(hint === null ? [] : [`      ${hint}`])]);
}

/**
 * The end of a torrent for which we waited too long. `waited` says for what. `reason` says why, if there is one. `next`
 * is what the user can do in any case.
 */
export function gaveUp(
  waited: string,
  reason: Pick<StallReason, 'message' | 'hint'> | undefined,
  next: string | null,
): BtgetError {
  const why = reason === undefined ? '' : `: ${reason.message}`;
  const hints = [reason?.hint ?? null, next].filter((hint) => hint !== null);
  return new BtgetError('gave-up', `gave up: ${waited}${why}`, hints.length === 0 ? {} : { hint: hints.join('; ') });
}

function unreachable({ reach, peers }: TorrentStatus): string {
  const { dialled, answered, refused, silent, turnedAway, waiting } = reach;
  const how = [
    ...(answered > 0 ? [`${answered} reached${peers === 0 ? ', and parted from' : ''}`] : []),
    ...(silent > 0 ? [`${silent} silent`] : []),
    ...(refused > 0 ? [`${refused} refused`] : []),
    ...(turnedAway > 0 ? [`${turnedAway} hung up`] : []),
    ...(waiting > 0 ? [`${waiting} to be tried again`] : []),
  ];
  return `${formatCount(dialled, 'dial')} to peers${how.length === 0 ? '' : `: ${how.join(', ')}`}`;
}

function failingTrackers(failing: readonly TrackerAnswer[], { proxies }: UserLimits): StallReason {
  const shown = failing.slice(0, 3).map((report) => `${report.url}: ${report.message ?? 'no answer'}`);
  const more = failing.length > shown.length ? `, and ${failing.length - shown.length} more` : '';
  const [remedy = null] = failing.flatMap(({ message }) => proxyRemedy(message ?? '', proxies) ?? []);
  const message = `${formatCount(failing.length, 'tracker')} failing: ${shown.join('; ')}${more}`;
  return reason('trackers-failing', message, remedy);
}
