import { encodeHashMessage, type HashMessage, type HashRange } from '../../wire/hash-message.js';
import type { PeerConnection } from '../connections/peer-connection.js';
import { FINE, JUNK, type Judgement, refuse } from '../judgement.js';
import { HASH_PRICE } from '../price.js';
import type { RateLimiter } from '../rate-limiter.js';
import type { HashAnswerer } from './hash-messages.js';
import { HashUpload, type HashUploadOptions } from './hash-upload.js';
import { KnownHashes, type KnownHashesParts, MAX_SERVED } from './known-hashes.js';

export interface HashSharingOptions extends HashUploadOptions {
  /** Nobody asks for more hashes than this at once: libtorrent answers no more. */
  readonly maxAsked: number;
  /**
   * One peer needs no more over one connection than this many hashes for each piece, and `spare` besides. What it asks
   * for beyond that is work of no use.
   */
  readonly copies: number;
  /** How many hashes a peer may ask for besides. See `copies`. */
  readonly spare: number;
}

export const DEFAULT_HASH_SHARING_OPTIONS: HashSharingOptions = {
  maxQueued: 64,
  maxUnsent: 128 * 1024,
  maxAsked: 8_192,
  copies: 3,
  spare: 16_384,
};

/**
 * The price of a block that must be read and hashed for the leaves of its piece. All of it counts as work of no use: a
 * peer needs the leaves of few pieces, and pays for them with the blocks that it takes or sends.
 */
const BLOCK_READ_PRICE = 20;
/** The most that one request costs in this way: ten of them are forgiven at once, and one in each second. */
const MAX_READ_PRICE = 20_000;

export interface HashSharingParts extends KnownHashesParts {
  readonly limiter: RateLimiter;
}

/**
 * Gives the hashes of a torrent's trees to peers that ask for them (BEP 52). What is merely odd is rejected: other
 * clients read the rules in other ways. Rejects are junk, and what costs us work is charged, so that nobody goes on for
 * ever.
 */
export class HashSharing implements HashAnswerer {
  readonly #parts: HashSharingParts;
  readonly #options: HashSharingOptions;
  readonly #known: KnownHashes;
  readonly #uploads = new Map<PeerConnection, HashUpload>();

  constructor(parts: HashSharingParts, options: HashSharingOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#known = new KnownHashes(parts);
  }

  gotRequest(connection: PeerConnection, { range }: Extract<HashMessage, { type: 'hashRequest' }>): Judgement {
    if (range.length > this.#options.maxAsked) return refuse({ code: 'request-too-long', length: range.length });
    const known = this.#known.find(range);
    if (known === undefined) return reject(connection, range);
    const upload = this.#uploadOf(connection);
    if (!upload.add(known)) return reject(connection, range);
    const { copies, spare } = this.#options;
    const isTooMuch = upload.total > copies * this.#parts.layout.pieceCount + spare;
    connection.charge(HASH_PRICE * MAX_SERVED, isTooMuch);
    if (known.blocks > 0) connection.charge(Math.min(MAX_READ_PRICE, BLOCK_READ_PRICE * known.blocks), true);
    return FINE;
  }

  connectionFlushed(connection: PeerConnection): void {
    this.#uploads.get(connection)?.serveSoon();
  }

  connectionLost(connection: PeerConnection): void {
    this.#uploads.get(connection)?.end();
    this.#uploads.delete(connection);
  }

  #uploadOf(connection: PeerConnection): HashUpload {
    const known = this.#uploads.get(connection);
    if (known !== undefined) return known;
    const { timers, limiter } = this.#parts;
    const made = new HashUpload(connection, { timers, known: this.#known, limiter }, this.#options);
    this.#uploads.set(connection, made);
    return made;
  }
}

function reject(connection: PeerConnection, range: HashRange): Judgement {
  connection.send([encodeHashMessage({ type: 'hashReject', range })]);
  return JUNK;
}
