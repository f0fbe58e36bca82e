import type { BtgetError } from '../base/failure.js';
import type { Storage } from '../disk/storage.js';
import type { PieceIndex } from '../metainfo/piece-layout.js';

export interface InitialCheckOptions {
  /**
   * How many pieces the storage is given at once: enough that small ones travel to its workers together and all workers
   * are busy. What no worker has is dropped with the storage, so more takes no longer to stop.
   */
  readonly atOnce: number;
}

export const DEFAULT_INITIAL_CHECK_OPTIONS: InitialCheckOptions = { atOnce: 1024 };

export interface InitialCheckEvents {
  /** Pieces come in any order, each once. */
  pieceChecked(piece: PieceIndex, matches: boolean): void;
  /** The disk could not tell; the check goes on with the others. The piece counts as checked. */
  checkFailed(piece: PieceIndex, failure: BtgetError): void;
  /** Every piece has been checked. Not called after `stop`, nor within `start`. */
  checkEnded(): void;
}

/** Hashes what the disk holds at the start, a bounded number of pieces at once. */
export class InitialCheck {
  readonly #storage: Pick<Storage, 'checkPiece'>;
  readonly #pieces: readonly PieceIndex[];
  readonly #options: InitialCheckOptions;
  readonly #events: InitialCheckEvents;
  #next = 0;
  #checked = 0;
  #stopped = false;

  /** `pieces` are those worth looking at: at least one, because an empty check has no later moment at which to end. */
  constructor(
    storage: Pick<Storage, 'checkPiece'>,
    pieces: readonly PieceIndex[],
    options: InitialCheckOptions,
    events: InitialCheckEvents,
  ) {
    if (pieces.length === 0) throw new Error('there is no piece to check');
    this.#storage = storage;
    this.#pieces = pieces;
    this.#options = options;
    this.#events = events;
  }

  start(): void {
    for (let asked = 0; asked < this.#options.atOnce; asked += 1) this.#checkNext();
  }

  /** No event follows. What the storage is at work on comes to nothing. */
  stop(): void {
    this.#stopped = true;
  }

  #checkNext(): void {
    const piece = this.#pieces[this.#next];
    if (piece === undefined || this.#stopped) return;
    this.#next += 1;
    this.#storage.checkPiece(piece, (outcome) => {
      if (this.#stopped) return;
      this.#checked += 1;
      if (outcome.ok) this.#events.pieceChecked(piece, outcome.matches);
      else this.#events.checkFailed(piece, outcome.failure);
      this.#checkNext();
      if (this.#checked === this.#pieces.length && !this.#stopped) this.#events.checkEnded();
    });
  }
}
