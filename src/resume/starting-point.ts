import type { FileIdentity } from '../disk/storage.js';
import type { PieceIndex } from '../metainfo/piece-layout.js';
import type { UnfinishedPieces } from './block-sums.js';

/** What a torrent starts with. */
export interface StartingPoint {
  /** Whether a journal is written at once. False where there is nothing to say. */
  readonly rewrites: boolean;
  readonly verified: readonly PieceIndex[];
  /** Blocks of other pieces that are there too. */
  readonly unfinished: UnfinishedPieces;
  /** What the files were like when their pieces were believed or hashed, by index. */
  readonly files: ReadonlyMap<number, FileIdentity>;
  /** Files with pieces that were right on the disk, but that nobody is known to have flushed. */
  readonly unflushed: readonly number[];
}
