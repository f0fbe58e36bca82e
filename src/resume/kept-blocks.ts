import type { PieceIndex } from '../metainfo/piece-layout.js';
import type { JournalRecord, UnfinishedPieces } from './journal-format.js';

type Blocks = Map<PieceIndex, Map<number, number>>;

/** More than this are not written down: 4 GiB of unfinished pieces. */
const MAX_BLOCKS = 262_144;

/** What is, and what is to be, written down of blocks whose piece is not whole. */
export class KeptBlocks {
  /** Written to the disk since the last batch began. */
  #written: Blocks = new Map();
  /** Being flushed. */
  #flushing: Blocks = new Map();
  readonly #flushed: Blocks = new Map();
  /** Pieces of whose blocks what stands in the journal holds no more. */
  readonly #wrong = new Set<PieceIndex>();
  /** Blocks of all pieces; one that was written again may count twice. */
  #count = 0;

  /** What was proved to be there at the start. */
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

  /** What is written down of the piece itself says more. */
  pieceVerified(piece: PieceIndex): void {
    for (const blocks of [this.#written, this.#flushing, this.#flushed]) this.#drop(blocks, piece);
  }

  /** Some of its blocks are wrong, and nobody knows which. */
  pieceWrong(piece: PieceIndex): void {
    if (this.#flushed.has(piece)) this.#wrong.add(piece);
    this.pieceVerified(piece);
  }

  /** A flush begins of what was written by now. One at a time. */
  flushing(): void {
    this.#flushing = this.#written;
    this.#written = new Map();
  }

  /** That flush is over: what is to be written down now. */
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

  /** All that there is to say, for a journal that begins anew. */
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
