import type { PieceIndex } from '../metainfo/piece-layout.js';

/** Where the blocks of a piece go. */
export interface PieceRoom {
  /** Makes room for an untouched piece; false when there is none now. */
  openPiece(piece: PieceIndex): boolean;
  /** Opens an untouched piece of which these blocks are there, from an earlier run. */
  resumePiece(piece: PieceIndex, blocks: readonly number[]): void;
  /** A piece that was opened, and of which no block has arrived, is not asked for any more. */
  releasePiece(piece: PieceIndex): void;
  /** The blocks of an opened piece that have arrived are not trusted: all of them will come again. */
  emptyPiece(piece: PieceIndex): void;
}
