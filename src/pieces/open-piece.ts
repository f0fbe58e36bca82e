import { copyBytes } from '../base/bytes.js';
import type { Millis } from '../base/clock.js';
import type { PieceSlot } from '../disk/storage.js';
import type { PieceIndex, PieceLayout } from '../metainfo/piece-layout.js';

const CAME_IN = 1;
/** An earlier run left it on the disk, so we do not know which peer sent it. */
const FROM_DISK = 2;
/** It holds nothing but padding: zeros, which are there from the start. */
const PADDING = 3;

/** A piece whose blocks are arriving, and where they go. */
export class OpenPiece {
  readonly piece: PieceIndex;
  /**
   * The memory of the piece; null when its blocks go to the disk as they come in. While the piece is being spilled, it
   * has its memory still.
   */
  slot: PieceSlot | null;
  /** Blocks go to the disk as they come in. */
  writesThrough: boolean;
  /** When its last block came in, or when it was opened. */
  lastBlockAt: Millis;
  /** How many blocks the disk was given and has not answered for. */
  pendingWrites = 0;
  /** How many of them the disk still reads from the slot. */
  pendingSpills = 0;
  /** The disk refused or lost a block, so the blocks that are there cannot become the piece. */
  damaged = false;
  /** The piece is whole and failed its hash, and it is being found out which blocks are wrong. */
  isSuspect = false;
  /** The state of each block: CAME_IN, FROM_DISK, PADDING, or 0 when it is missing. */
  readonly #arrived: Uint8Array;
  /** The blocks of padding. */
  readonly #padding: readonly number[];
  #arrivedCount = 0;

  constructor(piece: PieceIndex, slot: PieceSlot | null, layout: PieceLayout, now: Millis) {
    this.piece = piece;
    this.slot = slot;
    this.writesThrough = slot === null;
    this.lastBlockAt = now;
    this.#arrived = new Uint8Array(layout.blockCount(piece));
    this.#padding = layout.paddingBlocks(piece);
    this.empty();
    // A slot may hold bytes of another piece still.
    if (slot !== null) for (const { begin, end } of layout.paddingOf(piece)) slot.data.fill(0, begin, end);
  }

  get blockCount(): number {
    return this.#arrived.length;
  }

  /** How many blocks have come, in this run or in an earlier one. Blocks of padding do not count. */
  get storedCount(): number {
    return this.#arrivedCount - this.#padding.length;
  }

  /** The whole piece is padding: no peer sends anything of it. */
  get isPadding(): boolean {
    return this.#padding.length === this.#arrived.length;
  }

  get isWhole(): boolean {
    return this.#arrivedCount === this.#arrived.length;
  }

  /** The block has come, in this run or in an earlier one. */
  isStored(block: number): boolean {
    return this.#arrived[block] === CAME_IN || this.#arrived[block] === FROM_DISK;
  }

  /** An earlier run left these blocks on the disk. */
  resume(blocks: Iterable<number>): void {
    for (const block of blocks) {
      if (this.#arrived[block] !== 0) throw new Error(`block ${block} of piece ${this.piece} is there twice`);
      this.#arrived[block] = FROM_DISK;
      this.#arrivedCount += 1;
    }
  }

  /** The blocks that an earlier run left count as missing from now on. Returns which blocks these were. */
  dropResumed(): number[] {
    const dropped: number[] = [];
    for (const [block, state] of this.#arrived.entries()) if (state === FROM_DISK) dropped.push(block);
    for (const block of dropped) this.#arrived[block] = 0;
    this.#arrivedCount -= dropped.length;
    return dropped;
  }

  /** Copies a block to its place in the slot. */
  keep(begin: number, block: Buffer): void {
    if (this.slot !== null) copyBytes(block, this.slot.data, begin);
  }

  /** These blocks, which had come, count as missing from now on. New blocks overwrite what is there. */
  drop(blocks: readonly number[]): void {
    for (const block of blocks) {
      if (!this.isStored(block)) throw new Error(`block ${block} of piece ${this.piece} cannot be dropped`);
      this.#arrived[block] = 0;
      this.#arrivedCount -= 1;
    }
  }

  /** All blocks but those of padding count as missing from now on. New blocks overwrite what is there. */
  empty(): void {
    this.#arrived.fill(0);
    for (const block of this.#padding) this.#arrived[block] = PADDING;
    this.#arrivedCount = this.#padding.length;
  }

  arrive(block: number, now: Millis): void {
    if (this.#arrived[block] !== 0) throw new Error(`block ${block} of piece ${this.piece} cannot be stored`);
    this.#arrived[block] = CAME_IN;
    this.#arrivedCount += 1;
    this.lastBlockAt = now;
  }

  /** Throws when an invariant is broken. For tests. */
  check(): void {
    if (this.isSuspect && !this.isWhole) throw new Error(`piece ${this.piece} is suspect and not whole`);
    if (this.slot === null && !this.writesThrough) throw new Error(`piece ${this.piece} has nowhere to go`);
    if (this.slot !== null && this.writesThrough && this.pendingSpills === 0) {
      throw new Error(`piece ${this.piece} keeps its slot after it was spilled`);
    }
  }
}

/** Of the pieces that arrive in memory and are not whole, the one that has waited longest for a block. */
export function idlest(pieces: Iterable<OpenPiece>): OpenPiece | undefined {
  let found: OpenPiece | undefined;
  for (const piece of pieces) {
    if (piece.slot === null || piece.writesThrough || piece.isWhole) continue;
    if (found === undefined || piece.lastBlockAt < found.lastBlockAt) found = piece;
  }
  return found;
}
