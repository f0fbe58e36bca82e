import type { BlockSpan } from '../../disk/storage.js';
import type { PieceIndex } from '../../metainfo/piece-layout.js';
import { encodeMessage, encodeRejects, type Span } from '../../wire/message.js';
import type { PeerConnection } from '../connections/peer-connection.js';

/**
 * In bytes. When more than this waits in the socket of a peer, blocks included, and the peer still asks, we part from
 * it.
 */
const MAX_UNSENT = 2 * 1024 * 1024;

/**
 * What the fast extension (BEP 6) adds when we serve a peer. Every request gets one answer: its block or a reject. And
 * a peer that has few pieces may have some in spite of our choke, as many bytes as they hold and no more.
 */
export class FastUpload {
  readonly #connection: PeerConnection;
  readonly #later: (task: () => void) => void;
  #allowed: ReadonlySet<PieceIndex> = new Set();
  #bytesLeft = 0;

  /** `later` runs a function in a task of its own. */
  constructor(connection: PeerConnection, later: (task: () => void) => void) {
    this.#connection = connection;
    this.#later = later;
  }

  get isAllowedSome(): boolean {
    return this.#allowed.size > 0;
  }

  /** Tells the peer that it may have `pieces`, of `length` bytes in all. Only the first call has an effect. */
  allow(pieces: readonly PieceIndex[], length: number): void {
    if (this.isAllowedSome || pieces.length === 0) return;
    this.#allowed = new Set(pieces);
    this.#bytesLeft = length;
    this.#connection.send([Buffer.concat(pieces.map((piece) => encodeMessage({ type: 'allowedFast', piece })))]);
  }

  /** Whether the peer may have this block in spite of our choke. If so, its bytes are counted. */
  spend({ piece, length }: BlockSpan): boolean {
    if (!this.#allowed.has(piece) || length > this.#bytesLeft) return false;
    this.#bytesLeft -= length;
    return true;
  }

  /** Rejects `requests`. They must get no other answer. */
  reject(requests: readonly Span[]): void {
    if (requests.length === 0) return;
    if (this.#connection.unsentLength > MAX_UNSENT) {
      this.#later(() => this.#connection.refuse({ code: 'takes-nothing' }));
      return;
    }
    this.#connection.send([encodeRejects(requests)]);
  }
}
