import type { BtgetError } from '../base/failure.js';
import type { PieceIndex } from '../metainfo/piece-layout.js';

/** What a StorageWrapper tells. */
export interface PieceEvents {
  /** `data` is the piece's bytes, valid during the call; null when it went to the disk block by block. */
  pieceVerified(piece: PieceIndex, data: Buffer | null): void;
  /** The hash is wrong, and the piece is closed: its blocks are gone. `data` as above. */
  pieceFailed(piece: PieceIndex, data: Buffer | null): void;
  /**
   * The piece is wrong, and these of its blocks are from an earlier run: they are asked for again before anybody is to
   * blame. The piece stays open, the others stay as they are.
   */
  blocksStale(piece: PieceIndex, blocks: readonly number[]): void;
  /**
   * The disk lost blocks, and the piece is closed: it starts over, and no peer is to blame. `diskFailed` came first.
   */
  pieceDropped(piece: PieceIndex): void;
  /** There may be room again after `openPiece` said false. */
  roomForPieces(): void;
  /** The disk refused something. Whole pieces are kept in memory until `retry` or the end of a `hold`. */
  diskFailed(failure: BtgetError): void;
}
