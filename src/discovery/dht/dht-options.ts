import type { Millis } from '../../base/clock.js';
import { DEFAULT_PEER_STORE_OPTIONS, type PeerStoreOptions } from './peer-store.js';

/** A node of which we know only the name and the port. We enter the DHT through it. */
export interface Router {
  /** A name or an IP literal. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
  /** A public router serves all nodes that enter. We spare it other queries, and do not keep it as a node. */
  readonly isPublic: boolean;
}

/** Times are milliseconds. */
export interface DhtOptions {
  /** The nodes that we ask when we know no other. */
  readonly routers: readonly Router[];
  /** Begin with random ids instead of those of the saved state, because another process may be using those. */
  readonly newIds: boolean;
  /** BEP 43: we ask other nodes, but answer no queries. */
  readonly readOnly: boolean;
  /** After this long without an answer a query has failed. */
  readonly queryTimeout: Millis;
  /**
   * After this long without an answer a lookup goes on without the node. It still takes the answer when it comes within
   * `queryTimeout`.
   */
  readonly slowAfter: Millis;
  /** Kademlia's alpha: how many queries of one lookup may be under way, not counting slow ones. */
  readonly parallel: number;
  /** How many queries one lookup may send in all. */
  readonly maxLookupQueries: number;
  /** How many lookups run at the same time. The others wait. */
  readonly maxLookups: number;
  /** Queries that we send per second, on average. */
  readonly queriesPerSecond: number;
  /** Queries that we may send at once after a quiet time. */
  readonly queryBurst: number;
  /**
   * Bytes of answers that we send per second, on average. An attacker that forges its source address can thus not use
   * us to flood a victim.
   */
  readonly answerBytesPerSecond: number;
  /** Bytes of answers that we may send at once after a quiet time. */
  readonly answerBurst: number;
  /**
   * The shortest time between two announces of a torrent. The longest is twice this. The time is random, so that our
   * torrents are not announced all at once.
   */
  readonly announceInterval: Millis;
  /** How long we wait after the first try that no node answered. It doubles with each try, up to `announceInterval`. */
  readonly firstRetry: Millis;
  /** How much we keep of what other nodes announce to us. */
  readonly store: PeerStoreOptions;
}

export const DEFAULT_DHT_OPTIONS: DhtOptions = {
  routers: [
    { host: 'dht.libtorrent.org', port: 25401, isPublic: true },
    { host: 'dht.transmissionbt.com', port: 6881, isPublic: true },
    { host: 'router.bittorrent.com', port: 6881, isPublic: true },
    { host: 'router.utorrent.com', port: 6881, isPublic: true },
  ],
  newIds: false,
  readOnly: false,
  queryTimeout: 5_000,
  slowAfter: 1_200,
  parallel: 4,
  maxLookupQueries: 150,
  maxLookups: 12,
  queriesPerSecond: 100,
  queryBurst: 100,
  answerBytesPerSecond: 50_000,
  answerBurst: 200_000,
  announceInterval: 15 * 60_000,
  firstRetry: 10_000,
  store: DEFAULT_PEER_STORE_OPTIONS,
};
