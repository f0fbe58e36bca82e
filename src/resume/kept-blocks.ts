import type { PieceIndex } from '../metainfo/piece-layout.js';
import type { JournalRecord, UnfinishedPieces } from './journal-format.js';

type Blocks = Map<PieceIndex, Map<number, number>>;

/** How many blocks are written down at most: 4 GiB of unfinished pieces. */
const MAX_BLOCKS = 262_144;

/** The blocks of unfinished pieces that the journal names, and those that it is going to name. */
export class KeptBlocks {
  /** Blocks that were written to the disk since the last batch began. */
  #written: Blocks = new Map();
  /** Blocks that the disk flushes now. */
  #flushing: Blocks = new Map();
  /** Blocks that the journal names. */
  readonly #flushed: Blocks = new Map();
  /** Pieces whose blocks the journal names, although these records are no longer true. */
  readonly #wrong = new Set<PieceIndex>();
  /** The number of blocks of all pieces. A block that was written again may count twice. */
  #count = 0;

  /** Takes the blocks that proved themselves at the start. */
  begin(unfinished: UnfinishedPieces): void {
    for (const [piece, sums] of unfinished) this.#put(this.#flushed, piece, sums);
  }

  /** Whether there is something to write down. */
  get hasNews(): boolean {
    return this.#written.size > 0 || this.#wrong.size > 0;
  }

  blockWritten(piece: PieceIndex, block: number, sum: number): void {
    if (this.#count < MAX_BLOCKS) this.#put(this.#written, piece, [[block, sum]]);
  }

  /** Forgets the blocks of a verified piece: the journal names the piece itself. */
  pieceVerified(piece: PieceIndex): void {
    for (const blocks of [this.#written, this.#flushing, this.#flushed]) this.#drop(blocks, piece);
  }

  /** At least one block of the piece is wrong, and we do not know which, so all of them are forgotten. */
  pieceWrong(piece: PieceIndex): void {
    if (this.#flushed.has(piece)) this.#wrong.add(piece);
    this.pieceVerified(piece);
  }

  /** A flush begins of all blocks that were written so far. Only one flush is under way at a time. */
  flushing(): void {
    this.#flushing = this.#written;
    this.#written = new Map();
  }

  /** The flush is over. Returns the records to write now. */
  flushed(): JournalRecord[] {
    const wrong = [...this.#wrong].map((piece): JournalRecord => ({ kind: 'blocks', piece, sums: new Map() }));
    const records = recordsOf(this.#flushing);
    for (const [piece, sums] of this.#flushing) {
      this.#put(this.#flushed, piece, sums);
      this.#count -= sums.size;
    }
    this.#wrong.clear();
    this.#flushing = new Map();
    return [...wrong, ...records];
  }

  /** The records of all flushed blocks, for a journal that is written anew. */
  records(): JournalRecord[] {
    this.#wrong.clear();
    return recordsOf(this.#flushed);
  }

  #put(blocks: Blocks, piece: PieceIndex, sums: Iterable<readonly [number, number]>): void {
    const known = blocks.get(piece) ?? new Map<number, number>();
    this.#count -= known.size;
    for (const [block, sum] of sums) known.set(block, sum);
    this.#count += known.size;
    blocks.set(piece, known);
  }

  #drop(blocks: Blocks, piece: PieceIndex): void {
    this.#count -= blocks.get(piece)?.size ?? 0;
    blocks.delete(piece);
  }
}

function recordsOf(blocks: Blocks): JournalRecord[] {
  return [...blocks].map(([piece, sums]) => ({ kind: 'blocks', piece, sums }));
}
