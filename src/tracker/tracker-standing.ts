/** How a tracker stands, as it is shown to people and programs. No peer is named in it. */
import type { TorrentTable } from './torrent-table.js';
import type { TrackerCounts } from './tracker-counts.js';

/** What is known of a torrent besides its peers. */
export interface KnownTorrent {
  readonly name: string;
  /** Bytes of content. */
  readonly length: number;
  /** BEP 27. Anyone who knows the info-hash of a private torrent can join its swarm, so it is not listed. */
  readonly private: boolean;
}

/** How a tracker shows itself. */
export interface TrackerFace {
  /** The version of this program. */
  readonly version: string;
  /** What is known of a torrent, or null. */
  known(infoHash: Buffer): KnownTorrent | null;
  /** The page for people, as HTML whose only style is `style`. */
  readonly page: { readonly style: string; write(standing: TrackerStanding, listed: readonly ListedTorrent[]): string };
}

/** The sums over all torrents, and what was done. */
export interface TrackerStanding {
  readonly version: string;
  /** Whole seconds since it began. */
  readonly uptime: number;
  readonly torrents: number;
  readonly seeds: number;
  readonly leeches: number;
  readonly counts: Readonly<TrackerCounts>;
}

export interface ListedTorrent {
  /** 40 digits. */
  readonly infoHash: string;
  /** Null when it is not known. */
  readonly name: string | null;
  /** Bytes of content; null when that is not known. */
  readonly length: number | null;
  readonly seeds: number;
  readonly leeches: number;
  /** How often it was fetched whole. */
  readonly downloaded: number;
}

/** At most so many torrents are looked at for each one that may be listed, because most may be private. */
const LOOKED_AT = 10;

/**
 * The torrents that may be listed, at most `count`, in the order in which they came. Of one that the tracker serves no
 * more, nobody can say whether it is private.
 */
export function listTorrents(
  table: TorrentTable,
  face: TrackerFace,
  isServed: (infoHash: Buffer) => boolean,
  count: number,
): ListedTorrent[] {
  const listed: ListedTorrent[] = [];
  let left = count * LOOKED_AT;
  for (const [infoHash, { seedCount, leechCount, downloaded }] of table.all()) {
    if (listed.length >= count || left <= 0) break;
    left -= 1;
    const known = face.known(infoHash);
    if (known?.private === true || !isServed(infoHash)) continue;
    const about = { infoHash: infoHash.toString('hex'), name: known?.name ?? null, length: known?.length ?? null };
    listed.push({ ...about, seeds: seedCount, leeches: leechCount, downloaded });
  }
  return listed;
}
