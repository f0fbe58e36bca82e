/** Joins sources of one torrent, so that a run downloads it once. */
import { toHex } from '../../base/bytes.js';
import type { FileRange } from '../../metainfo/magnet.js';
import type { Metainfo } from '../../metainfo/metainfo.js';
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
  const joined = new Map<string, { source: LoadedSource; twins: string[]; peers: PeerAddress[] }>();
  for (const [index, source] of sources.entries()) {
    // A source that cannot be used has no twin.
    const key = source.ok
      ? toHex(source.kind === 'torrent' ? source.metainfo.infoHash : source.link.infoHash)
      : `${index}`;
    const first = joined.get(key);
    const peers = source.ok && source.kind === 'magnet' ? source.peers : [];
    if (first === undefined || !first.source.ok || !source.ok)
      joined.set(key, { source, twins: [], peers: [...peers] });
    else {
      first.peers.push(...peers);
      first.twins.push(source.input);
      first.source = joinTwo(first.source, source);
    }
  }
  return [...joined.values()];
}

function joinTwo(one: UsableSource, other: UsableSource): UsableSource {
  if (one.kind === 'torrent' || other.kind === 'torrent') {
    const [base, more] = one.kind === 'torrent' ? [one, other] : [other as LoadedTorrent, one];
    const trackers = more.kind === 'torrent' ? more.metainfo.trackers : more.link.trackers.map((url) => [url]);
    return { ...base, input: one.input, metainfo: withTrackers(base.metainfo, trackers) };
  }
  const link = {
    ...one.link,
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
