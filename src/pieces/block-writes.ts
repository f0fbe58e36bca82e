import type { BtgetError } from '../base/failure.js';
import type { Storage } from '../disk/storage.js';
import { BLOCK_LENGTH, type PieceLayout } from '../metainfo/piece-layout.js';
import type { OpenPiece } from './open-piece.js';

/** The disk has answered for a block of this piece; null: it is written. */
type Answered = (open: OpenPiece, failure: BtgetError | null) => void;

/** Blocks that go to the disk before their piece is whole. */
export class BlockWrites {
  readonly #storage: Storage;
  readonly #layout: PieceLayout;
  readonly #answered: Answered;
  #length = 0;

  constructor(storage: Storage, layout: PieceLayout, answered: Answered) {
    this.#storage = storage;
    this.#layout = layout;
    this.#answered = answered;
  }

  /** Bytes that the disk was given and has not answered for. */
  get length(): number {
    return this.#length;
  }

  /** `block` is copied before the call returns. */
  write(open: OpenPiece, begin: number, block: Buffer): void {
    this.#write(open, begin, block, false);
  }

  /** Has the disk take what has come of the piece. The slot may be given back when the blocks are written. */
  spill(open: OpenPiece): void {
    const { piece, slot } = open;
    if (slot === null) return;
    open.writesThrough = true;
    for (let block = 0; block < open.blockCount; block += 1) {
      if (!open.hasArrived(block)) continue;
      const begin = block * BLOCK_LENGTH;
      this.#write(open, begin, slot.data.subarray(begin, begin + this.#layout.blockLength(piece, block)), true);
    }
  }

  #write(open: OpenPiece, begin: number, block: Buffer, fromSlot: boolean): void {
    const { length } = block;
    open.pendingWrites += 1;
    if (fromSlot) open.pendingSpills += 1;
    this.#length += length;
    this.#storage.writeBlock(open.piece, begin, block, (outcome) => {
      open.pendingWrites -= 1;
      if (fromSlot) open.pendingSpills -= 1;
      this.#length -= length;
      this.#answered(open, outcome.ok ? null : outcome.failure);
    });
  }
}
