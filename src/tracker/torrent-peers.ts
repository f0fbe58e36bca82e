/** The peers of one torrent. Those that are dealt out stand in two lists, so that seeds are not offered to seeds. */
import type { Millis } from '../base/clock.js';
import type { Random } from '../base/random.js';
import type { IpFamily } from '../net/ip-address.js';

export interface TrackedPeer {
  readonly peerId: Buffer;
  readonly family: IpFamily;
  host: string;
  port: number;
  /** The address as it goes into compact answers, 6 or 18 bytes. */
  compact: Buffer;
  /** What the peer proves itself with when its address changes; empty when it gave nothing. */
  readonly key: string;
  complete: boolean;
  lastHit: Millis;
  /** 'unchecked' and 'checking' peers are not dealt out. */
  reachable: 'unchecked' | 'checking' | 'yes';
  /** How often calling it back has failed. */
  failedChecks: number;
}

export class TorrentPeers {
  /** How many have fetched the whole torrent. */
  downloaded = 0;
  #seedCount = 0;
  readonly #peers = new Map<string, TrackedPeer>();
  readonly #seeds = new PeerList();
  readonly #leeches = new PeerList();

  get size(): number {
    return this.#peers.size;
  }

  get seedCount(): number {
    return this.#seedCount;
  }

  get leechCount(): number {
    return this.#peers.size - this.#seedCount;
  }

  /** A peer with an IPv4 and an IPv6 address announces each, and counts twice. */
  get(peerId: Buffer, family: IpFamily): TrackedPeer | undefined {
    return this.#peers.get(keyOf(peerId, family));
  }

  all(): IterableIterator<TrackedPeer> {
    return this.#peers.values();
  }

  add(peer: TrackedPeer): void {
    this.#peers.set(keyOf(peer.peerId, peer.family), peer);
    if (peer.complete) this.#seedCount += 1;
    if (peer.reachable === 'yes') this.#listOf(peer).add(peer);
  }

  remove(peer: TrackedPeer): void {
    if (!this.#peers.delete(keyOf(peer.peerId, peer.family))) return;
    if (peer.complete) this.#seedCount -= 1;
    this.#listOf(peer).remove(peer);
  }

  /** Changes what decides where the peer stands. */
  update(peer: TrackedPeer, change: Partial<Pick<TrackedPeer, 'complete' | 'reachable'>>): void {
    if (this.get(peer.peerId, peer.family) !== peer) return;
    this.remove(peer);
    Object.assign(peer, change);
    this.add(peer);
  }

  /**
   * Up to `count` peers for `asker`, chosen by chance, in the proportion in which there are seeds and leeches; of one
   * family, unless `family` is null.
   */
  deal(asker: TrackedPeer, count: number, random: Random, family: IpFamily | null): TrackedPeer[] {
    const isWanted = (peer: TrackedPeer) => peer !== asker && (family === null || peer.family === family);
    if (asker.complete) return this.#leeches.sample(count, isWanted, random);
    const total = this.#seeds.size + this.#leeches.size;
    const share = total === 0 ? 0 : Math.round((count * this.#seeds.size) / total);
    const leeches = this.#leeches.sample(count - share, isWanted, random);
    const seeds = this.#seeds.sample(count - leeches.length, isWanted, random);
    // Of the one kind there may be too few that are wanted; then there are more of the other.
    if (seeds.length >= share) return [...seeds, ...leeches];
    return [...seeds, ...this.#leeches.sample(count - seeds.length, isWanted, random)];
  }

  /** Forgets whoever was last heard before `time`. */
  expire(time: Millis): void {
    for (const peer of [...this.#peers.values()]) if (peer.lastHit < time) this.remove(peer);
  }

  #listOf(peer: TrackedPeer): PeerList {
    return peer.complete ? this.#seeds : this.#leeches;
  }
}

function keyOf(peerId: Buffer, family: IpFamily): string {
  return `${family}${peerId.toString('latin1')}`;
}

/** Adds, removes, and draws k by chance in time that does not grow with the list. */
class PeerList {
  readonly #peers: TrackedPeer[] = [];
  readonly #indexes = new Map<TrackedPeer, number>();

  get size(): number {
    return this.#peers.length;
  }

  add(peer: TrackedPeer): void {
    this.#put(peer, this.#peers.length);
  }

  remove(peer: TrackedPeer): void {
    const index = this.#indexes.get(peer);
    if (index === undefined) return;
    this.#indexes.delete(peer);
    const last = this.#peers.pop();
    if (last !== undefined && last !== peer) this.#put(last, index);
  }

  /** Up to `count` peers of those that are wanted. The list is shuffled as far as it is drawn from. */
  sample(count: number, isWanted: (peer: TrackedPeer) => boolean, random: Random): TrackedPeer[] {
    const drawn: TrackedPeer[] = [];
    for (let index = 0; index < this.#peers.length && drawn.length < count; index += 1) {
      const other = index + random.below(this.#peers.length - index);
      const peer = this.#peers[other] as TrackedPeer;
      this.#put(this.#peers[index] as TrackedPeer, other);
      this.#put(peer, index);
      if (isWanted(peer)) drawn.push(peer);
    }
    return drawn;
  }

  #put(peer: TrackedPeer, index: number): void {
    this.#peers[index] = peer;
    this.#indexes.set(peer, index);
  }
}
