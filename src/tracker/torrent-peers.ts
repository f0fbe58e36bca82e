import type { Millis } from '../base/clock.js';
import type { Random } from '../base/random.js';
import type { IpFamily } from '../net/ip-address.js';
import { HostShares } from './host-shares.js';

/** A peer as the tracker knows it. */
export interface TrackedPeer {
  /** 20 bytes. */
  readonly peerId: Buffer;
  readonly family: IpFamily;
  /** The host that announces the peer (`hostKey`). `host` may differ, because `ip=` may name another address. */
  source: string;
  /** The address that the tracker tells to others, an IP literal. */
  host: string;
  port: number;
  /** Address and port as compact answers have them, 6 or 18 bytes. */
  compact: Buffer;
  /** The peer proves with this who it is when its address changes. Empty when it sent none. */
  readonly key: string;
  /** Whether it is a seed. */
  complete: boolean;
  /** When it last announced. */
  lastHit: Millis;
  /** The tracker tells others only of peers with 'yes'. */
  reachable: 'unchecked' | 'checking' | 'yes';
  /** How often we have failed to call it back. */
  failedChecks: number;
  /** When we last failed to call it back. */
  failedAt: Millis;
}

/** The seeds of many torrents together. */
export interface SeedTotal {
  seeds: number;
}

/** One answer looks at most at this many unwanted peers of a list, because few of very many may be of one family. */
const MAX_LOOKED_AT = 1_000;

/**
 * The peers of one torrent. The peers that the tracker may tell to others stand in two lists, seeds and leeches, so
 * that seeds are not told of seeds.
 */
export class TorrentPeers {
  readonly infoHash: Buffer;
  owner: string;
  /** How many peers have fetched the whole torrent. */
  downloaded = 0;
  #seedCount = 0;
  readonly #peers = new Map<string, TrackedPeer>();
  readonly #seeds = new PeerList();
  readonly #leeches = new PeerList();
  readonly #shares = new HostShares<TrackedPeer>();
  #total: SeedTotal;

  /** `owner`: the host (`hostKey`) to whose share of the torrents this one counts. `total` counts its seeds too. */
  constructor(infoHash: Buffer, owner: string, total: SeedTotal = { seeds: 0 }) {
    this.infoHash = infoHash;
    this.owner = owner;
    this.#total = total;
  }

  /** The torrent is no longer of those whose seeds are counted together. */
  leaveTotal(): void {
    this.#total.seeds -= this.#seedCount;
    this.#total = { seeds: 0 };
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

  /** A peer with an IPv4 and an IPv6 address announces each of them, and counts twice. */
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

  /** Other peers that the same host announces at the same address and port. */
  twinsOf(peer: TrackedPeer): readonly TrackedPeer[] {
    return this.#shares.of(peer.source).filter((other) => other !== peer && other.compact.equals(peer.compact));
  }

  /** The peer of that host that has been silent for the longest time. */
  oldestOf(source: string): TrackedPeer | undefined {
    return this.#shares.oldestOf(source);
  }

  /** The same for the host with the most peers in this torrent. */
  oldestOfGreediest(): TrackedPeer | undefined {
    return this.#shares.oldestOfGreediest();
  }

  /** The peer has announced: it is the youngest of its host. */
  touch(peer: TrackedPeer): void {
    this.#shares.touch(peer.source, peer);
  }

  /** Changes the fields that decide in which list the peer stands. */
  update(peer: TrackedPeer, change: Partial<Pick<TrackedPeer, 'complete' | 'reachable'>>): void {
    if (this.get(peer.peerId, peer.family) !== peer) return;
    this.#delist(peer);
    Object.assign(peer, change);
    this.#enlist(peer);
  }

  /**
   * Up to `count` peers for `asker`, chosen by chance. Seeds and leeches stand in the same proportion as in the
   * torrent; a seed gets only leeches. All peers are of `family`, or of any family when that is null.
   */
  deal(asker: TrackedPeer, count: number, random: Random, family: IpFamily | null): TrackedPeer[] {
    const isWanted = (peer: TrackedPeer) => peer !== asker && (family === null || peer.family === family);
    if (asker.complete) return this.#leeches.sample(count, isWanted, random);
    const total = this.#seeds.size + this.#leeches.size;
    const share = total === 0 ? 0 : Math.round((count * this.#seeds.size) / total);
    const leeches = this.#leeches.sample(count - share, isWanted, random);
    const seeds = this.#seeds.sample(count - leeches.length, isWanted, random);
    // If one list has too few wanted peers, the other gives more.
    if (seeds.length >= share) return [...seeds, ...leeches];
    return [...seeds, ...this.#leeches.sample(count - seeds.length, isWanted, random)];
  }

  #enlist(peer: TrackedPeer): void {
    if (peer.complete) this.#countSeeds(1);
    if (peer.reachable === 'yes') this.#listOf(peer).add(peer);
  }

  #delist(peer: TrackedPeer): void {
    if (peer.complete) this.#countSeeds(-1);
    this.#listOf(peer).remove(peer);
  }

  #countSeeds(more: number): void {
    this.#seedCount += more;
    this.#total.seeds += more;
  }

  #listOf(peer: TrackedPeer): PeerList {
    return peer.complete ? this.#seeds : this.#leeches;
  }
}

function keyOf(peerId: Buffer, family: IpFamily): string {
  return `${family}${peerId.toString('latin1')}`;
}

/** A list that adds and removes a peer, and draws some by chance, in a time that does not grow with the list. */
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

  /** Up to `count` wanted peers, by chance. It shuffles the part of the list that it looks at. */
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
