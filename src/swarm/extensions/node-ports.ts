/**
 * Peers tell each other the ports of their DHT nodes (BEP 5, "Peer Protocol"). One `NodePorts` serves all torrents that
 * are not private. It also serves the first life of a magnet link, which does not know yet whether the torrent is
 * private: that life asks the DHT for peers anyway.
 */
import type { PeerAddress } from '../../net/raw-server.js';
import { encodeMessage } from '../../wire/message.js';
import { announces } from '../../wire/reserved.js';
import type { PeerConnection } from '../connections/peer-connection.js';
import { FINE, JUNK, type Judgement } from '../judgement.js';

/** Our node in the DHT. */
export interface OwnNode {
  /** The port at which a peer at `host` reaches our node; null when our node cannot be reached from there. */
  portFor(host: string): number | null;
  /** A peer says that there is a node at `address`. */
  addNode(address: PeerAddress): void;
}

export class NodePorts {
  readonly #own: OwnNode;
  /** Peers that we have told our port. */
  readonly #greeted = new WeakSet<PeerConnection>();
  /** Peers that have told us their port. */
  readonly #told = new WeakSet<PeerConnection>();

  constructor(own: OwnNode) {
    this.#own = own;
  }

  /**
   * BEP 5: "Peer receiving a handshake indicating the remote peer supports the DHT should send a PORT message." We send
   * it once over each connection, even when a second life of the torrent takes the connection over.
   */
  connectionMade(connection: PeerConnection): void {
    if (!announces(connection.reserved, 'dht') || this.#greeted.has(connection)) return;
    const port = this.#own.portFor(connection.address.host);
    if (port === null) return;
    this.#greeted.add(connection);
    connection.send([encodeMessage({ type: 'port', port })]);
  }

  /** We believe only the first port of a peer: each port makes us send a question to that node. */
  gotPort(connection: PeerConnection, port: number): Judgement {
    if (port === 0 || this.#told.has(connection)) return JUNK;
    this.#told.add(connection);
    this.#own.addNode({ host: connection.address.host, port });
    return FINE;
  }
}
