import type { Router } from '../discovery/dht/dht-options.js';
import type { VerifySignature } from '../discovery/dht/item-store.js';

/** A few bytes that outlive the process. */
export interface KeptBytes {
  /** Null when there are none, or none that can be used. Answers once, later. */
  read(answered: (bytes: Buffer | null) => void): void;
  /** Replaces what was there as a whole. Answers once, later, also when it cannot be done. */
  write(bytes: Buffer, answered: () => void): void;
}

/** What the DHT needs besides the network. */
export interface DhtMeans {
  readonly verify: VerifySignature;
  /**
   * From a name to IP literals that we may send to; an IP literal is its own address. Answers once, later; not after
   * `cancel`.
   */
  readonly resolve: (host: string, answered: (addresses: readonly string[]) => void) => { cancel(): void };
  /** Where it is entered when no node is known. */
  readonly routers: readonly Router[];
  /** What an earlier run knew, or null to keep nothing. */
  readonly kept: KeptBytes | null;
}
