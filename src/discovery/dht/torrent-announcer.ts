/** Looks for the peers of one torrent in the DHT of one family again and again, and announces our own address there. */
import type { Task, Timers } from '../../base/clock.js';
import type { Random } from '../../base/random.js';
import type { PeerAddress } from '../../net/raw-server.js';
import { addressKey, type NodeId, placeAt } from './contact.js';
import type { DhtOptions } from './dht-options.js';
import type { FamilyNode } from './family-node.js';
import type { LookupResult } from './lookup.js';

/** How many peers one lookup hands on. It is limited because every liar can name a hundred. */
const MAX_PEERS = 1_000;

/** Where other peers shall find us. The host is the one that the nodes see. */
export interface AnnouncedPlace {
  /** 1 to 65535. */
  readonly port: number;
  /**
   * BEP 5: the port from which our packets come counts instead of `port`. It is for a client behind a NAT that takes
   * peers over UDP (uTP) at the port of its node.
   */
  readonly impliedPort: boolean;
  /** Whether we seed (BEP 33). Called at each announce. */
  isSeed(): boolean;
}

export interface FoundPeer extends PeerAddress {
  /** The IP literal of the node that named it, or of the peer itself when it announced itself to us. */
  readonly teller: string;
}

export type FoundPeers = (peers: readonly FoundPeer[]) => void;
export class TorrentAnnouncer {
  readonly #infoHash: NodeId;
  readonly #place: AnnouncedPlace | null;
  readonly #node: FamilyNode;
  readonly #timers: Timers;
  readonly #random: Random;
  readonly #options: DhtOptions;
  readonly #found: FoundPeers;
  /** The lookup that is under way. */
  #underWay: { cancel(): void } | null = null;
  #task: Task | null = null;
  /** How many lookups in a row no node has answered. */
  #failures = 0;
  /** `hurry` was called since the lookup under way began. */
  #isHurried = false;

  constructor(
    infoHash: NodeId,
    place: AnnouncedPlace | null,
    node: FamilyNode,
    { timers, random }: { readonly timers: Timers; readonly random: Random },
    options: DhtOptions,
    found: FoundPeers,
  ) {
    this.#infoHash = infoHash;
    this.#place = place;
    this.#node = node;
    this.#timers = timers;
    this.#random = random;
    this.#options = options;
    this.#found = found;
  }

  /** Looks now, and from then on every 15 to 30 minutes. A lookup that is under way goes on. */
  begin(): void {
    if (this.#underWay !== null) return;
    this.#task?.cancel();
    this.#underWay = findPeers(this.#node, this.#infoHash, this.#found, (result) => this.#done(result));
  }

  /**
   * The first node of the DHT has answered. Looks again at once if no node answered the last lookup. If a lookup is
   * under way and no node answers it, the next one follows it without a wait.
   */
  hurry(): void {
    if (this.#underWay !== null) this.#isHurried = true;
    else if (this.#failures > 0) this.begin();
  }

  stop(): void {
    this.#task?.cancel();
    this.#underWay?.cancel();
  }

  #done({ answered, writable }: LookupResult): void {
    this.#underWay = null;
    if (this.#place !== null) this.#announce(this.#place, writable);
    this.#failures = answered === 0 ? this.#failures + 1 : 0;
    this.#task = this.#timers.addTask(() => this.begin(), this.#isHurried && answered === 0 ? 0 : this.#wait());
    this.#isHurried = false;
  }

  #announce(place: AnnouncedPlace, writable: LookupResult['writable']): void {
    const { port, impliedPort } = place;
    const isSeed = place.isSeed();
    for (const { contact, token } of writable) {
      const query = { method: 'announce_peer', target: this.#infoHash, token, port, impliedPort, isSeed } as const;
      this.#node.ask(contact, query, () => undefined);
    }
  }

  #wait(): number {
    const { announceInterval, firstRetry } = this.#options;
    if (this.#failures > 0) return Math.min(firstRetry * 2 ** Math.min(this.#failures - 1, 20), announceInterval);
    return announceInterval + (announceInterval * this.#random.below(1000)) / 1000;
  }
}

/**
 * Runs one get_peers lookup. `found` is called as peers come, with each peer once. The peers that we store ourselves
 * come at the end.
 */
function findPeers(
  node: FamilyNode,
  infoHash: NodeId,
  found: FoundPeers,
  done: (result: LookupResult) => void,
): { cancel(): void } {
  const seen = new Set<string>();
  const tell = (peers: readonly FoundPeer[]): void => {
    const fresh = peers.filter((peer) => {
      const key = addressKey(peer);
      if (seen.has(key) || seen.size >= MAX_PEERS) return false;
      seen.add(key);
      return true;
    });
    if (fresh.length > 0) found(fresh);
  };
  const query = {
    method: 'get_peers',
    target: infoHash,
    want: { nodes: false, nodes6: false },
    noSeeds: false,
    scrape: false,
  } as const;
  return node.lookUp(infoHash, query, {
    gotAnswer: (answer, from) => {
      const believed = answer.peers.filter((peer) => {
        const place = placeAt(peer);
        return place.ip.family === node.family && node.mayName(from, place);
      });
      tell(believed.map((peer) => ({ ...peer, teller: from.host })));
    },
    done: (result) => {
      tell(node.storedPeers(infoHash, MAX_PEERS).map((peer) => ({ ...peer, teller: peer.host })));
      done(result);
    },
  });
}
