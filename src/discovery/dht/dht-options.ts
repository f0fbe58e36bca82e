import type { Millis } from '../../base/clock.js';
import { DEFAULT_PEER_STORE_OPTIONS, type PeerStoreOptions } from './peer-store.js';

/** A node of whom nothing is known but its name: where to enter the DHT. */
export interface Router {
  /** A name or an IP literal. */
  readonly host: string;
  readonly port: number;
  /** It serves everybody who enters, and is spared all else: we do not keep it as a node. */
  readonly isPublic: boolean;
}

export interface DhtOptions {
  /** Whom to ask when no other node is known. */
  readonly routers: readonly Router[];
  /** Begin under ids of chance, whatever the state says: another process may have those. */
  readonly newIds: boolean;
  /** BEP 43: we ask, and answer nobody. */
  readonly readOnly: boolean;
  /** How long a query may take. */
  readonly queryTimeout: Millis;
  /**
   * After this a lookup goes on as if a node were not there; its answer is still welcome until the query's time is
   * over.
   */
  readonly slowAfter: Millis;
  /** Kademlia's alpha: queries of one lookup that are under way and not slow. */
  readonly parallel: number;
  /** Queries of one lookup in all. */
  readonly maxLookupQueries: number;
  /** Lookups that run at a time; the others wait. */
  readonly maxLookups: number;
  /** Queries that we send in a second, on the average. */
  readonly queriesPerSecond: number;
  /** Queries that may leave at once after a quiet time. */
  readonly queryBurst: number;
  /** Bytes of answers that we send in a second, on the average: nobody is flooded by what others ask in his name. */
  readonly answerBytesPerSecond: number;
  /** Bytes of answers that may leave at once after a quiet time. */
  readonly answerBurst: number;
  /** A torrent is announced again after this, or after up to twice as long: never all of them at once. */
  readonly announceInterval: Millis;
  /** How long to wait when nobody answered, the first time; it doubles up to `announceInterval`. */
  readonly firstRetry: Millis;
  /** What is kept of others' announces. */
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
