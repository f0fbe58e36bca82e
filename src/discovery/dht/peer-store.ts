/** Peers of one family that others have announced to us. Memory stays bounded, whatever they announce. */
import type { Millis } from '../../base/clock.js';
import { sha1 } from '../../base/digest.js';
import type { Random } from '../../base/random.js';
import { hostKey } from '../../net/host-key.js';
import { encodeCompact } from '../../net/ip-address.js';
import type { PeerAddress } from '../../net/raw-server.js';
import { addressKey, type NodeId } from './contact.js';

export interface PeerStoreOptions {
  /** How long a peer stays after its last announce. */
  readonly lifetime: Millis;
  /** How many info-hashes we keep peers for. */
  readonly maxTorrents: number;
  /** How many peers of one info-hash we keep. */
  readonly maxPeers: number;
  /** How many peers of all info-hashes together we keep. */
  readonly maxTotal: number;
  /**
   * How many peers of one info-hash at one host we keep. BEP 33 allows one. We allow more because several homes may
   * share an IPv4 address. The filters of BEP 33 count hosts, so they are right all the same.
   */
  readonly maxPeersOfHost: number;
}

export const DEFAULT_PEER_STORE_OPTIONS: PeerStoreOptions = {
  lifetime: 30 * 60_000,
  maxTorrents: 2_000,
  maxPeers: 500,
  maxTotal: 20_000,
  maxPeersOfHost: 8,
};

interface StoredPeer {
  readonly compact: Buffer;
  readonly host: string;
  readonly isSeed: boolean;
  readonly announcedAt: Millis;
}

interface StoredTorrent {
  readonly infoHash: NodeId;
  /** By `addressKey`. The peer that announced last stands at the end. */
  readonly peers: Map<string, StoredPeer>;
}

/** The Bloom filters of BEP 33: one of the hosts that seed, one of the other hosts. 256 bytes each. */
export interface ScrapeFilters {
  readonly seeds: Buffer;
  readonly leeches: Buffer;
}

export class PeerStore {
  readonly #options: PeerStoreOptions;
  readonly #random: Random;
  /** By info-hash. The torrent that was announced last stands at the end. */
  readonly #torrents = new Map<string, StoredTorrent>();
  #total = 0;

  constructor(random: Random, options: PeerStoreOptions) {
    this.#random = random;
    this.#options = options;
  }

  get torrentCount(): number {
    return this.#torrents.size;
  }

  get peerCount(): number {
    return this.#total;
  }

  /** Stores a peer, or stores it anew. An address whose host is no IP literal is ignored. */
  add(infoHash: NodeId, address: PeerAddress, isSeed: boolean, now: Millis): void {
    const compact = encodeCompact(address);
    if (compact === undefined) return;
    const key = infoHash.toString('latin1');
    const torrent = this.#torrents.get(key) ?? { infoHash: Buffer.from(infoHash), peers: new Map() };
    this.#torrents.delete(key);
    this.#torrents.set(key, torrent);
    const peer: StoredPeer = { compact, host: hostKey(address.host), isSeed, announcedAt: now };
    this.#remove(torrent, addressKey(address));
    this.#makeRoomAtHost(torrent, peer.host);
    torrent.peers.set(addressKey(address), peer);
    this.#total += 1;
    if (torrent.peers.size > this.#options.maxPeers) this.#removeFirst(torrent);
    while (this.#torrents.size > this.#options.maxTorrents || this.#total > this.#options.maxTotal) this.#forgetFirst();
  }

  /** Up to `count` random peers in compact form. With `noSeeds`, only peers that do not seed. */
  sample(infoHash: NodeId, count: number, noSeeds: boolean, now: Millis): Buffer[] {
    const peers = [...(this.#fresh(infoHash, now)?.peers.values() ?? [])];
    const chosen = this.#draw(noSeeds ? peers.filter(({ isSeed }) => !isSeed) : peers, count);
    return chosen.map(({ compact }) => compact);
  }

  /** The filters of one torrent. Undefined when we have no peers of it. */
  filters(infoHash: NodeId, now: Millis): ScrapeFilters | undefined {
    const torrent = this.#fresh(infoHash, now);
    if (torrent === undefined) return undefined;
    const seeds = new BloomFilter();
    const leeches = new BloomFilter();
    for (const { compact, isSeed } of torrent.peers.values()) {
      (isSeed ? seeds : leeches).add(compact.subarray(0, compact.length - 2));
    }
    return { seeds: seeds.bytes, leeches: leeches.bytes };
  }

  /** Up to `count` random info-hashes, joined (BEP 51). */
  sampleInfoHashes(count: number): Buffer {
    return Buffer.concat(this.#draw([...this.#torrents.values()], count).map(({ infoHash }) => infoHash));
  }

  /** Forgets every peer whose time is over. */
  expire(now: Millis): void {
    for (const { infoHash } of [...this.#torrents.values()]) this.#fresh(infoHash, now);
  }

  #fresh(infoHash: NodeId, now: Millis): StoredTorrent | undefined {
    const key = infoHash.toString('latin1');
    const torrent = this.#torrents.get(key);
    if (torrent === undefined) return undefined;
    for (const [address, { announcedAt }] of torrent.peers) {
      if (now - announcedAt <= this.#options.lifetime) break;
      this.#remove(torrent, address);
    }
    if (torrent.peers.size > 0) return torrent;
    this.#torrents.delete(key);
    return undefined;
  }

  #makeRoomAtHost(torrent: StoredTorrent, host: string): void {
    const same = [...torrent.peers].filter(([, peer]) => peer.host === host);
    const [first] = same;
    if (same.length >= this.#options.maxPeersOfHost && first !== undefined) this.#remove(torrent, first[0]);
  }

  #remove(torrent: StoredTorrent, address: string): void {
    if (torrent.peers.delete(address)) this.#total -= 1;
  }

  #removeFirst(torrent: StoredTorrent): void {
    for (const address of torrent.peers.keys()) {
      this.#remove(torrent, address);
      return;
    }
  }

  #forgetFirst(): void {
    for (const [key, torrent] of this.#torrents) {
      this.#total -= torrent.peers.size;
      this.#torrents.delete(key);
      return;
    }
  }

  /** Up to `count` random items. It shuffles the front of `items` for that. */
  #draw<T>(items: T[], count: number): T[] {
    const drawn = Math.min(count, items.length);
    for (let index = 0; index < drawn; index += 1) {
      const other = index + this.#random.below(items.length - index);
      [items[index], items[other]] = [items[other] as T, items[index] as T];
    }
    return items.slice(0, drawn);
  }
}

/** Bytes of a filter (BEP 33). */
const FILTER_LENGTH = 256;

/** The filter of BEP 33, which holds a set of addresses. An asker can join the filters of several nodes. */
export class BloomFilter {
  readonly bytes: Buffer = Buffer.alloc(FILTER_LENGTH);

  /** `ip` is 4 or 16 bytes. BEP 33: "Port numbers or host names are not allowed." */
  add(ip: Uint8Array): void {
    const hash = sha1(ip);
    for (const begin of [0, 2]) {
      const index = hash.readUInt16LE(begin) % (FILTER_LENGTH * 8);
      this.bytes.writeUInt8(this.bytes.readUInt8(index >> 3) | (1 << (index & 7)), index >> 3);
    }
  }
}
