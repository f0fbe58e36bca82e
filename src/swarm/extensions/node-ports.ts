/**
 * Where the nodes of our peers are, and ours (BEP 5, "Peer Protocol"), for all torrents. Private ones do not use it;
 * the first life of a magnet link, which does not know, does, as it asks the DHT itself.
 */
import type { PeerAddress } from '../../net/raw-server.js';
import { encodeMessage } from '../../wire/message.js';
import { announces } from '../../wire/reserved.js';
import type { PeerConnection } from '../connections/peer-connection.js';
import { FINE, JUNK, type Judgement } from '../judgement.js';

/** Our node in the DHT. */
export interface OwnNode {
  /** The port at which whoever is at `host` reaches it, or null when he does not. */
  portFor(host: string): number | null;
  /** A node is said to be at `address`. */
  addNode(address: PeerAddress): void;
}

export class NodePorts {
  readonly #own: OwnNode;
  /** Peers that were told ours. */
  readonly #greeted = new WeakSet<PeerConnection>();
  /** Peers that have told their port. */
  readonly #told = new WeakSet<PeerConnection>();

  constructor(own: OwnNode) {
    this.#own = own;
  }

  /**
   * BEP 5: "Peer receiving a handshake indicating the remote peer supports the DHT should send a PORT message." Once,
   * however many lives of a torrent the connection sees.
   */
  connectionMade(connection: PeerConnection): void {
    if (!announces(connection.reserved, 'dht') || this.#greeted.has(connection)) return;
    const port = this.#own.portFor(connection.address.host);
    if (port === null) return;
    this.#greeted.add(connection);
    connection.send([encodeMessage({ type: 'port', port })]);
  }

  /** The first one is asked; each makes us send something, so one that has more to tell is heard no more. */
  gotPort(connection: PeerConnection, port: number): Judgement {
    if (port === 0 || this.#told.has(connection)) return JUNK;
    this.#told.add(connection);
    this.#own.addNode({ host: connection.address.host, port });
    return FINE;
  }
}
