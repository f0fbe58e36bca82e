import type { BtgetError } from '../base/failure.js';
import type { CheckOutcome, Storage } from '../disk/storage.js';
import { BLOCK_LENGTH, type PieceLayout } from '../metainfo/piece-layout.js';
import type { OpenPiece } from './open-piece.js';
import type { PieceMemory } from './piece-memory.js';

/** Gives the disk the pieces that are whole, or keeps them while it takes none. */
export class WholePieces {
  readonly #storage: Storage;
  readonly #layout: PieceLayout;
  readonly #memory: PieceMemory;
  readonly #settled: (open: OpenPiece, outcome: CheckOutcome) => void;
  /** They wait for the disk to work again. */
  readonly #waiting: OpenPiece[] = [];
  #held = false;

  constructor(
    storage: Storage,
    layout: PieceLayout,
    memory: PieceMemory,
    settled: (open: OpenPiece, outcome: CheckOutcome) => void,
  ) {
    this.#storage = storage;
    this.#layout = layout;
    this.#memory = memory;
    this.#settled = settled;
  }

  /** The disk takes nothing at present. */
  get isHeld(): boolean {
    return this.#held;
  }

  settle(open: OpenPiece): void {
    if (this.#held) this.#waiting.push(open);
    else this.#commit(open);
  }

  /** The disk did not take it: it waits until `retry`, or the end of a hold. */
  refused(open: OpenPiece): void {
    this.#waiting.push(open);
  }

  /** Gives the disk one of those that wait, held or not. False when none waits. */
  retry(): boolean {
    const open = this.#waiting.shift();
    if (open === undefined) return false;
    this.#commit(open);
    return true;
  }

  hold(held: boolean): void {
    this.#held = held;
    if (held) return;
    for (const open of this.#waiting.splice(0)) this.settle(open);
  }

  /** It waits no longer. False when it did not. */
  withdraw(open: OpenPiece): boolean {
    const place = this.#waiting.indexOf(open);
    if (place !== -1) this.#waiting.splice(place, 1);
    return place !== -1;
  }

  #commit(open: OpenPiece): void {
    const { piece, slot } = open;
    if (slot === null) {
      this.#storage.checkPiece(piece, (outcome) => this.#settled(open, outcome));
      return;
    }
    const length = this.#layout.lengthOf(piece);
    this.#memory.settling(length);
    this.#storage.commitPiece(piece, slot, (outcome) => {
      this.#memory.settled(length);
      this.#settled(open, outcome);
    });
  }
}

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
