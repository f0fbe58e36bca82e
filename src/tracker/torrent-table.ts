import type { Millis } from '../base/clock.js';
import { HostShares } from './host-shares.js';
import { type SeedTotal, TorrentPeers, type TrackedPeer } from './torrent-peers.js';
import type { TrackerOptions } from './tracker-options.js';

export type TableLimits = Pick<TrackerOptions, 'maxTorrents' | 'maxPeersPerTorrent' | 'maxPeersOfHost' | 'maxPeers'>;

/**
 * Every torrent that the tracker knows, within the limits on torrents and peers. There is always room for one more:
 * when the table is full, the oldest torrent or peer of the host with the most of them gives way.
 */
export class TorrentTable {
  readonly #limits: TableLimits;
  readonly #torrents = new Map<string, TorrentPeers>();
  /** Torrents without a peer. We keep them because they have a count of downloads. */
  readonly #idle = new Set<TorrentPeers>();
  /** The torrent of each peer. The peer that announced last stands at the end. */
  readonly #places = new Map<TrackedPeer, TorrentPeers>();
  readonly #peerShares = new HostShares<TrackedPeer>();
  readonly #torrentShares = new HostShares<TorrentPeers>();
  readonly #total: SeedTotal = { seeds: 0 };

  constructor(limits: TableLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#torrents.size;
  }

  get peerCount(): number {
    return this.#places.size;
  }

  /** The seeds of all torrents. */
  get seedCount(): number {
    return this.#total.seeds;
  }

  get(infoHash: Buffer): TorrentPeers | undefined {
    return this.#torrents.get(infoHash.toString('latin1'));
  }

  /** Every torrent, in the order in which they came. */
  *all(): IterableIterator<[infoHash: Buffer, torrent: TorrentPeers]> {
    for (const torrent of this.#torrents.values()) yield [torrent.infoHash, torrent];
  }

  /** Adds a peer that is in no torrent. Others may have to give way. */
  add(infoHash: Buffer, peer: TrackedPeer): TorrentPeers {
    const { source } = peer;
    const torrent = this.get(infoHash) ?? this.#create(infoHash, source);
    torrent.add(peer);
    this.#idle.delete(torrent);
    this.#places.set(peer, torrent);
    this.#peerShares.add(source, peer);
    // Of the hosts that take part, the one with the fewest torrents owns it. So a host that floods the table with
    // torrents does not push out those of others.
    if (this.#torrentShares.countOf(source) + 1 < this.#torrentShares.countOf(torrent.owner)) {
      this.#setOwner(torrent, source);
    }
    this.#makeRoom(torrent, source);
    return torrent;
  }

  /** The peer has announced: it is the youngest. */
  touch(peer: TrackedPeer): void {
    const torrent = this.#places.get(peer);
    if (torrent === undefined) return;
    this.#places.delete(peer);
    this.#places.set(peer, torrent);
    this.#peerShares.touch(peer.source, peer);
    this.#torrentShares.touch(torrent.owner, torrent);
    torrent.touch(peer);
  }

  remove(peer: TrackedPeer): void {
    const torrent = this.#places.get(peer);
    if (torrent === undefined) return;
    this.#places.delete(peer);
    this.#peerShares.delete(peer.source, peer);
    torrent.remove(peer);
    if (torrent.size > 0) return;
    if (torrent.downloaded === 0) this.#drop(torrent);
    else this.#idle.add(torrent);
  }

  /** Makes a torrent without peers. */
  create(infoHash: Buffer, owner: string): TorrentPeers {
    const torrent = this.#create(infoHash, owner);
    this.#dropSurplus();
    return torrent;
  }

  /**
   * Forgets up to `count` peers that last announced before `time`, and the torrents that have then neither a peer nor a
   * count. Returns whether there are more such peers.
   */
  expire(time: Millis, count: number): boolean {
    let left = count;
    for (const peer of this.#places.keys()) {
      if (peer.lastHit >= time) return false;
      if (left === 0) return true;
      left -= 1;
      this.remove(peer);
    }
    return false;
  }

  #create(infoHash: Buffer, owner: string): TorrentPeers {
    const torrent = new TorrentPeers(Buffer.from(infoHash), owner, this.#total);
    this.#torrents.set(infoHash.toString('latin1'), torrent);
    this.#torrentShares.add(owner, torrent);
    this.#idle.add(torrent);
    return torrent;
  }

  /** Called after the new peer is added, so that it counts: a host with the most peers makes room for its own. */
  #makeRoom(torrent: TorrentPeers, source: string): void {
    const { maxPeersOfHost, maxPeersPerTorrent, maxPeers } = this.#limits;
    if (torrent.countOf(source) > maxPeersOfHost) this.#giveWay(torrent.oldestOf(source));
    if (torrent.size > maxPeersPerTorrent) this.#giveWay(torrent.oldestOfGreediest());
    if (this.#places.size > maxPeers) this.#giveWay(this.#peerShares.oldestOfGreediest());
    this.#dropSurplus();
  }

  #giveWay(peer: TrackedPeer | undefined): void {
    if (peer !== undefined) this.remove(peer);
  }

  /** An idle torrent gives way first. */
  #dropSurplus(): void {
    if (this.#torrents.size <= this.#limits.maxTorrents) return;
    const [surplus = this.#torrentShares.oldestOfGreediest()] = this.#idle;
    if (surplus !== undefined) this.#drop(surplus);
  }

  #setOwner(torrent: TorrentPeers, owner: string): void {
    this.#torrentShares.delete(torrent.owner, torrent);
    torrent.owner = owner;
    this.#torrentShares.add(owner, torrent);
  }

  #drop(torrent: TorrentPeers): void {
    this.#torrents.delete(torrent.infoHash.toString('latin1'));
    this.#torrentShares.delete(torrent.owner, torrent);
    this.#idle.delete(torrent);
    torrent.leaveTotal();
    for (const peer of torrent.all()) {
      this.#places.delete(peer);
      this.#peerShares.delete(peer.source, peer);
    }
  }
}
