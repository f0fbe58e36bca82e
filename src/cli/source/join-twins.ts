/** Joins sources of one torrent, so that a run downloads it once. */
import { mainHash } from '../../metainfo/info-hash.js';
import { knownLayers, withLayers } from '../../metainfo/layers.js';
import type { FileRange, MagnetLink } from '../../metainfo/magnet.js';
import type { Metainfo } from '../../metainfo/metainfo.js';
import { wireNames } from '../../metainfo/named-hashes.js';
import type { PeerAddress } from '../../net/raw-server.js';
import type { LoadedMagnet, LoadedSource, LoadedTorrent } from './load-source.js';

type UsableSource = LoadedTorrent | LoadedMagnet;

export interface JoinedSource {
  readonly source: LoadedSource;
  /** The other sources of this torrent, as the user gave them. */
  readonly twins: readonly string[];
  /** The peers that the links among these sources name. */
  readonly peers: readonly PeerAddress[];
}

/**
 * Joins the sources of each torrent at the place of the first one. A .torrent wins over a link, because it needs no
 * peer to tell its content. Of several links the first wins, and gets the peers, trackers and files of the others.
 */
export function joinTwins(sources: readonly LoadedSource[]): JoinedSource[] {
  const joined: Joining[] = [];
  for (const source of sources) {
    const hashes = source.ok ? wireNames(source.kind === 'torrent' ? source.metainfo : source.link) : [];
    const peers = source.ok && source.kind === 'magnet' ? source.peers : [];
    const mine: Joining = { source, twins: [], peers: [...peers], hashes: new Set(hashes) };
    // A source that cannot be used has no hash, and so no twin. A hybrid may join two links that seemed to differ.
    const [first, ...others] = [...joined.filter((other) => hashes.some((hash) => other.hashes.has(hash))), mine];
    if (first === undefined || first === mine) {
      joined.push(mine);
      continue;
    }
    for (const other of others) {
      if (other !== mine) joined.splice(joined.indexOf(other), 1);
      join(first, other);
    }
  }
  return joined.map(({ source, twins, peers }) => ({ source, twins, peers }));
}

interface Joining {
  source: LoadedSource;
  readonly twins: string[];
  readonly peers: PeerAddress[];
  /** Each info-hash by which one of these sources names the torrent, as peers say it. */
  readonly hashes: Set<string>;
}

function join(first: Joining, other: Joining): void {
  if (!first.source.ok || !other.source.ok) return;
  first.twins.push(other.source.input, ...other.twins);
  first.peers.push(...other.peers);
  for (const hash of other.hashes) first.hashes.add(hash);
  first.source = joinTwo(first.source, other.source);
}

function joinTwo(one: UsableSource, other: UsableSource): UsableSource {
  if (one.kind === 'torrent' || other.kind === 'torrent') {
    const [base, more] = one.kind === 'torrent' ? [one, other] : [other as LoadedTorrent, one];
    const trackers = more.kind === 'torrent' ? more.metainfo.trackers : more.link.trackers.map((url) => [url]);
    const layers = more.kind === 'torrent' ? knownLayers(more.metainfo) : new Map<number, Buffer>();
    const metainfo = withTrackers(base.metainfo, trackers);
    return { ...base, input: one.input, metainfo: withLayers(metainfo, layers) ?? metainfo };
  }
  const link = {
    ...one.link,
    ...joinHashes(one.link, other.link),
    trackers: [...new Set([...one.link.trackers, ...other.link.trackers])],
    selected: joinRanges(one.link.selected, other.link.selected),
  };
  return { ...one, link, peers: [...one.peers, ...other.peers] };
}

/** Adds trackers. A private torrent has only the trackers that its own .torrent names. */
function withTrackers(metainfo: Metainfo, more: Metainfo['trackers']): Metainfo {
  if (metainfo.private) return metainfo;
  const known = new Set(metainfo.trackers.flat());
  const added = more.map((tier) => tier.filter((url) => !known.has(url))).filter((tier) => tier.length > 0);
  return { ...metainfo, trackers: [...metainfo.trackers, ...added] };
}

/** Null means every file. */
function joinRanges(one: readonly FileRange[] | null, other: readonly FileRange[] | null): readonly FileRange[] | null {
  return one === null || other === null ? null : [...one, ...other];
}

/** What both links name. A hash of 20 bytes may be the beginning of a v2 hash, and then the other one says more. */
function joinHashes(one: MagnetLink, other: MagnetLink): Pick<MagnetLink, 'infoHash' | 'infoHashV1' | 'infoHashV2'> {
  const v2 = one.infoHashV2 ?? other.infoHashV2;
  const [any = null, ...others] = [one.infoHashV1, other.infoHashV1].filter((hash) => hash !== null);
  const isOfV2 = (hash: Buffer): boolean => v2?.subarray(0, hash.length).equals(hash) === true;
  const v1 = [any, ...others].find((hash) => hash !== null && !isOfV2(hash)) ?? any;
  return { infoHash: mainHash({ v1, v2 }), infoHashV1: v1, infoHashV2: v2 };
}
