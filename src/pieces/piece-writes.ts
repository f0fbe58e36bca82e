import type { BtgetError } from '../base/failure.js';
import type { CheckOutcome, Storage } from '../disk/storage.js';
import { BLOCK_LENGTH, type PieceLayout } from '../metainfo/piece-layout.js';
import type { OpenPiece } from './open-piece.js';
import type { PieceMemory } from './piece-memory.js';

/** Gives whole pieces to the disk, and keeps them while the disk takes none. */
export class WholePieces {
  readonly #storage: Storage;
  readonly #layout: PieceLayout;
  readonly #memory: PieceMemory;
  readonly #settled: (open: OpenPiece, outcome: CheckOutcome) => void;
  /** Whole pieces that wait until the disk works again. */
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

  /** The disk takes no pieces at present. */
  get isHeld(): boolean {
    return this.#held;
  }

  settle(open: OpenPiece): void {
    if (this.#held) this.#waiting.push(open);
    else this.#commit(open);
  }

  /** The disk did not take the piece. It waits until `retry`, or until a hold ends. */
  refused(open: OpenPiece): void {
    this.#waiting.push(open);
  }

  /** Gives the disk one of the pieces that wait, even during a hold. False when none waits. */
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

  /** The piece waits no longer. False when it did not wait. */
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

/** The disk has answered for a block of this piece; `failure` is null when the block is written. */
type Answered = (open: OpenPiece, failure: BtgetError | null) => void;

/** Writes blocks to the disk before their piece is whole. */
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

  /** How many bytes the disk was given and has not answered for. */
  get length(): number {
    return this.#length;
  }

  /** `block` is copied before the call returns. */
  write(open: OpenPiece, begin: number, block: Buffer): void {
    this.#write(open, begin, block, 'new');
  }

  /** Gives the disk all blocks of the piece that have come. The slot may be given back when they are written. */
  spill(open: OpenPiece): void {
    const { piece, slot } = open;
    if (slot === null) return;
    open.writesThrough = true;
    for (let block = 0; block < open.blockCount; block += 1) {
      if (!open.isStored(block)) continue;
      const begin = block * BLOCK_LENGTH;
      this.#write(open, begin, slot.data.subarray(begin, begin + this.#layout.blockLength(piece, block)), 'spilled');
    }
  }

  #write(open: OpenPiece, begin: number, block: Buffer, kind: 'new' | 'spilled'): void {
    const { length } = block;
    open.pendingWrites += 1;
    if (kind === 'spilled') open.pendingSpills += 1;
    this.#length += length;
    this.#storage.writeBlock(open.piece, begin, block, (outcome) => {
      open.pendingWrites -= 1;
      if (kind === 'spilled') open.pendingSpills -= 1;
      this.#length -= length;
      this.#answered(open, outcome.ok ? null : outcome.failure);
    });
  }
}
