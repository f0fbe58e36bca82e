import type { Millis } from '../base/clock.js';
import { TorrentPeers } from './torrent-peers.js';
import type { TrackerOptions } from './tracker-options.js';

/** Every torrent that the tracker knows, within the limits on torrents and peers. */
export class TorrentTable {
  readonly #options: Pick<TrackerOptions, 'maxTorrents' | 'maxPeersPerTorrent' | 'maxPeers'>;
  readonly #torrents = new Map<string, TorrentPeers>();
  /** As of the last sweep, and counting whoever came since: never less than there are. */
  #peerCount = 0;

  constructor(options: Pick<TrackerOptions, 'maxTorrents' | 'maxPeersPerTorrent' | 'maxPeers'>) {
    this.#options = options;
  }

  get size(): number {
    return this.#torrents.size;
  }

  get(infoHash: Buffer): TorrentPeers | undefined {
    return this.#torrents.get(infoHash.toString('latin1'));
  }

  /** In the order in which they came. */
  *all(): IterableIterator<[infoHash: Buffer, torrent: TorrentPeers]> {
    for (const [key, torrent] of this.#torrents) yield [Buffer.from(key, 'latin1'), torrent];
  }

  /** The torrent to which one more peer may be added, or undefined when there is no room. */
  placeFor(infoHash: Buffer): TorrentPeers | undefined {
    const { maxPeers, maxPeersPerTorrent } = this.#options;
    const torrent = this.get(infoHash) ?? this.create(infoHash);
    if (torrent === undefined || torrent.size >= maxPeersPerTorrent || this.#peerCount >= maxPeers) return undefined;
    this.#peerCount += 1;
    return torrent;
  }

  /** Makes room by forgetting a torrent that nobody takes part in; undefined when there is none. */
  create(infoHash: Buffer): TorrentPeers | undefined {
    if (this.#torrents.size >= this.#options.maxTorrents && !this.#dropIdle()) return undefined;
    const torrent = new TorrentPeers();
    this.#torrents.set(infoHash.toString('latin1'), torrent);
    return torrent;
  }

  /** Forgets peers that were last heard before `time`, and torrents of which nothing is left to tell. */
  expire(time: Millis): void {
    this.#peerCount = 0;
    for (const [key, torrent] of [...this.#torrents]) {
      torrent.expire(time);
      this.#peerCount += torrent.size;
      if (torrent.size === 0 && torrent.downloaded === 0) this.#torrents.delete(key);
    }
  }

  #dropIdle(): boolean {
    for (const [key, torrent] of this.#torrents) {
      if (torrent.size === 0) return this.#torrents.delete(key);
    }
    return false;
  }
}
