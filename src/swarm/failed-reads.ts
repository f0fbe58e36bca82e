import type { BlockSpan } from '../disk/storage.js';
import type { PieceIndex } from '../metainfo/piece-layout.js';
import type { PeerConnection } from './connections/peer-connection.js';

// Whoever asks again for what the disk does not give would go on for ever.
const MAX_FAILED_READS = 3;

/** Requests of one peer that the disk does not answer. */
export class FailedReads {
  readonly #connection: Pick<PeerConnection, 'refuse'>;
  readonly #have: (piece: PieceIndex) => boolean;
  /** Since the last that did not fail. */
  #count = 0;

  /** `have`: what we may still give. */
  constructor(connection: Pick<PeerConnection, 'refuse'>, have: (piece: PieceIndex) => boolean) {
    this.#connection = connection;
    this.#have = have;
  }

  /** One bad block fails a whole batch: until a read succeeds, each is read alone. */
  get readsAlone(): boolean {
    return this.#count > 0;
  }

  /**
   * A read has ended. True when the peer is to ask again for `lost`, which it did not give; the third time in a row the
   * peer is parted from instead, so that it asks others. What is no longer ours to serve is no matter here: the torrent
   * parts from those whom it was promised.
   */
  ended(wasRead: boolean, lost: readonly BlockSpan[]): boolean {
    if (wasRead) this.#count = 0;
    if (!lost.some(({ piece }) => this.#have(piece))) return false;
    this.#count += 1;
    if (this.#count < MAX_FAILED_READS) return true;
    this.#connection.refuse({ code: 'cannot-serve' });
    return false;
  }
}
