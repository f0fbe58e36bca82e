import type { Millis } from '../../base/clock.js';
import type { PeerAddress } from '../../net/raw-server.js';
import type { RefusalCode } from '../../wire/refusal.js';
import type { Connection, Ending } from './connection.js';
import type { PeerEvents } from './peer-connection.js';
import type { Spares } from './spares.js';
import type { Teller } from './tellers.js';

/** After these the same address may do better later. A peer that broke the rules once will break them again. */
const WORTH_RETRYING: ReadonlySet<RefusalCode> = new Set(['connect-timeout', 'handshake-timeout', 'idle']);

/** We dial no such address. */
const IS_BARRED: ReadonlySet<RefusalCode> = new Set(['banned', 'listed']);

/** After one of these, the code that ended the connection decides later what becomes of the address. */
const DECIDED_LATER: ReadonlySet<RefusalCode> = new Set(['useless', 'info-hash-changed']);

/** Learns from the end of a connection whether the peer's address is worth another dial, and when. */
export class Redialling {
  readonly #spares: Spares;
  readonly #retryInterval: Millis;
  readonly #listenerTeller: (address: PeerAddress) => Teller | undefined;

  /**
   * `listenerTeller` returns the teller of the address at which a peer from outside says that it listens. Undefined
   * when the peer may not lead us there.
   */
  constructor(spares: Spares, retryInterval: Millis, listenerTeller: (address: PeerAddress) => Teller | undefined) {
    this.#spares = spares;
    this.#retryInterval = retryInterval;
    this.#listenerTeller = listenerTeller;
  }

  /** Must be called while `events`, the side above, still knows the connection. */
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
      this.#dialEnded(address, ending, now);
    } else if (isComplete && ending.by === 'peer') {
      // The peer may have said where it listens. We wait for a while, because it may come again by itself.
      const port = events.listeningPort(connection);
      const teller = port === null ? undefined : this.#listenerTeller({ host: address.host, port });
      if (port === null || teller === undefined) return;
      const found = connection.isV2 ? 'v2' : 'v1';
      this.#spares.add({ host: address.host, port }, teller, found, now + this.#retryInterval, connection.peerId);
    }
  }

  /**
   * What nobody names again is tried again however its connection has ended, unless it is our own, a liar's, or on
   * the user's blocklist: a peer may be mended, and another program may give way to it.
   */
  #dialEnded(address: PeerAddress, ending: Ending, now: Millis): void {
    const isNamedOnce = this.#spares.isNamedOnce(address);
    if (ending.by === 'peer') {
      if (ending.failure.isOurs === true) this.#spares.missed(address, now);
      else if (isNamedOnce || ending.failure.code !== 'forbidden') this.#spares.failed(address, now);
      return;
    }
    const { code } = ending.reason;
    if (DECIDED_LATER.has(code)) return;
    if (code === 'own-peer-id') this.#spares.condemn(address);
    else if (WORTH_RETRYING.has(code)) this.#spares.failed(address, now);
    // Not at once: the connection for which we ended this one may not be known yet.
    else if (isNamedOnce && !IS_BARRED.has(code)) this.#spares.failed(address, now + this.#retryInterval);
    // A program that speaks another protocol.
    else if (code === 'not-bittorrent') this.#spares.condemn(address);
  }
}
