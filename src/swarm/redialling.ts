import type { Millis } from '../base/clock.js';
import type { PeerAddress } from '../net/raw-server.js';
import type { Connection, Ending } from './connections/connection.js';
import type { PeerEvents } from './connections/peer-connection.js';
import type { Spares } from './connections/spares.js';
import type { Teller } from './connections/tellers.js';

/** What the end of a connection teaches about its peer's address: whether it is worth another dial, and when. */
export class Redialling {
  readonly #spares: Spares;
  readonly #retryInterval: Millis;
  readonly #saysItListens: (address: PeerAddress) => Teller | undefined;

  /** `saysItListens`: who names the address of a peer that came from outside; undefined where that may not lead. */
  constructor(spares: Spares, retryInterval: Millis, saysItListens: (address: PeerAddress) => Teller | undefined) {
    this.#spares = spares;
    this.#retryInterval = retryInterval;
    this.#saysItListens = saysItListens;
  }

  /** To be called while `events`, the side above, still knows the connection. */
  ended(connection: Connection, ending: Ending, now: Millis, events: PeerEvents): void {
    const { address, locallyInitiated, completeSince } = connection;
    const isComplete = completeSince !== null;
    if (isComplete && events.hasNothingToSay(connection)) {
      const port = locallyInitiated ? address.port : events.listeningPort(connection);
      if (port !== null) this.#spares.partedComplete({ host: address.host, port }, connection.peerId, now);
      return;
    }
    if (locallyInitiated) {
      if (isComplete && now - completeSince >= this.#retryInterval) this.#spares.proved(address);
      if (isWorthRetrying(ending)) this.#spares.failed(address, now);
      else if (isHopeless(ending)) this.#spares.condemn(address);
    } else if (isComplete && ending.by === 'peer') {
      // It may have said where it can be found, and may come again by itself before that.
      const port = events.listeningPort(connection);
      const teller = port === null ? undefined : this.#saysItListens({ host: address.host, port });
      if (port === null || teller === undefined) return;
      this.#spares.add({ host: address.host, port }, teller, now + this.#retryInterval, connection.peerId);
    }
  }
}

/** Whether the same address may do better later. What a peer did wrong once, it does wrong again. */
function isWorthRetrying(ending: Ending): boolean {
  if (ending.by === 'peer') return ending.failure.code !== 'forbidden';
  const { code } = ending.reason;
  return code === 'connect-timeout' || code === 'handshake-timeout' || code === 'idle';
}

/**
 * Whether whoever names the address again is to be ignored: we found ourselves, or somebody who speaks something else.
 */
function isHopeless(ending: Ending): boolean {
  return ending.by === 'us' && (ending.reason.code === 'own-peer-id' || ending.reason.code === 'not-bittorrent');
}
