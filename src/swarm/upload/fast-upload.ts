import type { BlockSpan } from '../../disk/storage.js';
import type { PieceIndex } from '../../metainfo/piece-layout.js';
import { encodeMessage, encodeRejects, type Span } from '../../wire/message.js';
import type { PeerConnection } from '../connections/peer-connection.js';

/**
 * Answers that a peer leaves lying, bytes, together with the blocks that wait for it; one that goes on asking is parted
 * from.
 */
const MAX_UNSENT = 2 * 1024 * 1024;

/**
 * What the fast extension (BEP 6) adds to serving one peer: every request has one answer, be it a reject, and a
 * beginner may have a few pieces in spite of our choke, each byte of them once.
 */
export class FastUpload {
  readonly #connection: PeerConnection;
  readonly #later: (task: () => void) => void;
  #allowed: ReadonlySet<PieceIndex> = new Set();
  #bytesLeft = 0;

  /** `later` runs a task in an event of its own. */
  constructor(connection: PeerConnection, later: (task: () => void) => void) {
    this.#connection = connection;
    this.#later = later;
  }

  /** Tells the peer that it may have `pieces`, of `length` bytes in all. Once: later calls do nothing. */
  allow(pieces: readonly PieceIndex[], length: number): void {
    if (this.#allowed.size > 0 || pieces.length === 0) return;
    this.#allowed = new Set(pieces);
    this.#bytesLeft = length;
    this.#connection.send([Buffer.concat(pieces.map((piece) => encodeMessage({ type: 'allowedFast', piece })))]);
  }

  /** Whether this is given in spite of our choke; it is counted if so. */
  spend({ piece, length }: BlockSpan): boolean {
    if (!this.#allowed.has(piece) || length > this.#bytesLeft) return false;
    this.#bytesLeft -= length;
    return true;
  }

  /** None of `requests` will be answered otherwise. */
  reject(requests: readonly Span[]): void {
    if (requests.length === 0) return;
    if (this.#connection.unsentLength > MAX_UNSENT) {
      this.#later(() => this.#connection.refuse({ code: 'takes-nothing' }));
      return;
    }
    this.#connection.send([encodeRejects(requests)]);
  }
}
