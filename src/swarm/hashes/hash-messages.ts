import { encodeHashMessage, type HashMessage } from '../../wire/hash-message.js';
import type { PeerConnection } from '../connections/peer-connection.js';
import { JUNK, type Judgement, refuse } from '../judgement.js';
import type { HashFetch } from './hash-fetch.js';

/** Answers the hash requests of peers. */
export interface HashAnswerer {
  /** The peer asks for hashes. Called only for a connection of version 2. */
  gotRequest(connection: PeerConnection, message: Extract<HashMessage, { type: 'hashRequest' }>): Judgement;
  connectionFlushed(connection: PeerConnection): void;
  connectionLost(connection: PeerConnection): void;
}

/** The answers of one that knows no hashes yet. */
export const KNOWS_NO_HASHES: HashAnswerer = {
  gotRequest: (connection, { range }) => {
    connection.send([encodeHashMessage({ type: 'hashReject', range })]);
    return JUNK;
  },
  connectionFlushed: () => undefined,
  connectionLost: () => undefined,
};

/**
 * All that is said about hash trees over the connections of one torrent: what we ask for, and what we are asked for.
 * Choking does not matter to it.
 */
export class HashMessages {
  readonly #fetch: HashFetch;
  readonly #answerer: HashAnswerer;

  constructor(fetch: HashFetch, answerer: HashAnswerer) {
    this.#fetch = fetch;
    this.#answerer = answerer;
  }

  connectionMade(connection: PeerConnection): void {
    this.#fetch.connectionMade(connection);
  }

  connectionLost(connection: PeerConnection): void {
    this.#fetch.connectionLost(connection);
    this.#answerer.connectionLost(connection);
  }

  /** The kernel has taken all that we sent to the peer. */
  connectionFlushed(connection: PeerConnection): void {
    this.#answerer.connectionFlushed(connection);
  }

  gotMessage(connection: PeerConnection, message: HashMessage): Judgement {
    if (!connection.isV2) return HASHES_NOT_ANNOUNCED;
    switch (message.type) {
      case 'hashRequest':
        return this.#answerer.gotRequest(connection, message);
      case 'hashes':
        return this.#fetch.gotHashes(connection, message);
      case 'hashReject':
        return this.#fetch.gotReject(connection, message);
    }
  }
}

/** libtorrent parts from such a peer too. */
export const HASHES_NOT_ANNOUNCED: Judgement = refuse({ code: 'hashes-not-announced' });
