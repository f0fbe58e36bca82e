/** The peers of one torrent. Those that are dealt out stand in two lists, so that seeds are not offered to seeds. */
import type { Millis } from '../base/clock.js';
import type { Random } from '../base/random.js';
import type { IpFamily } from '../net/ip-address.js';
import { HostShares } from './host-shares.js';

export interface TrackedPeer {
  readonly peerId: Buffer;
  readonly family: IpFamily;
  /** The host that announces it (`hostKey`): `ip=` may say another address. */
  source: string;
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
  /** How often calling it back has failed, and when it did so last. */
  failedChecks: number;
  failedAt: Millis;
}

/** Peers that are looked at, in one list, for one answer: of one family there may be few among very many. */
const MAX_LOOKED_AT = 1_000;

export class TorrentPeers {
  readonly infoHash: Buffer;
  owner: string;
  /** How many have fetched the whole torrent. */
  downloaded = 0;
  #seedCount = 0;
  readonly #peers = new Map<string, TrackedPeer>();
  readonly #seeds = new PeerList();
  readonly #leeches = new PeerList();
  readonly #shares = new HostShares<TrackedPeer>();

  /** `owner`: the host (`hostKey`) to whose share of the torrents it belongs. */
  constructor(infoHash: Buffer, owner: string) {
    this.infoHash = infoHash;
    this.owner = owner;
  }

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
    this.#shares.add(peer.source, peer);
    this.#enlist(peer);
  }

  remove(peer: TrackedPeer): void {
    if (this.get(peer.peerId, peer.family) !== peer) return;
    this.#peers.delete(keyOf(peer.peerId, peer.family));
    this.#shares.delete(peer.source, peer);
    this.#delist(peer);
  }

  countOf(source: string): number {
    return this.#shares.countOf(source);
  }

  /** The peer of that host that was heard least lately. */
  oldestOf(source: string): TrackedPeer | undefined {
    return this.#shares.oldestOf(source);
  }

  /** The same of the host with the most peers here. */
  oldestOfGreediest(): TrackedPeer | undefined {
    return this.#shares.oldestOfGreediest();
  }

  /** The peer has been heard. */
  touch(peer: TrackedPeer): void {
    this.#shares.touch(peer.source, peer);
  }

  /** Changes what decides where the peer stands. */
  update(peer: TrackedPeer, change: Partial<Pick<TrackedPeer, 'complete' | 'reachable'>>): void {
    if (this.get(peer.peerId, peer.family) !== peer) return;
    this.#delist(peer);
    Object.assign(peer, change);
    this.#enlist(peer);
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

  #enlist(peer: TrackedPeer): void {
    if (peer.complete) this.#seedCount += 1;
    if (peer.reachable === 'yes') this.#listOf(peer).add(peer);
  }

  #delist(peer: TrackedPeer): void {
    if (peer.complete) this.#seedCount -= 1;
    this.#listOf(peer).remove(peer);
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
    const end = Math.min(this.#peers.length, count + MAX_LOOKED_AT);
    for (let index = 0; index < end && drawn.length < count; index += 1) {
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
