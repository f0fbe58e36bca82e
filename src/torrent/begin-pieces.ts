import type { PieceIndex, PieceLayout } from '../metainfo/piece-layout.js';
import type { UnfinishedPieces } from '../resume/block-sums.js';
import type { JoinedSwarm } from './join-swarm.js';
import type { TorrentOptions } from './torrent-options.js';
import type { WantedContent } from './wanted-content.js';

/** Tells whoever keeps count of the pieces which are there, and which are wanted. Who only seeds wants no others. */
export function beginPieces(
  { store, picker, downloader }: Pick<JoinedSwarm, 'store' | 'picker' | 'downloader'>,
  layout: PieceLayout,
  content: WantedContent,
  verified: readonly PieceIndex[],
  unfinished: UnfinishedPieces,
  mode: TorrentOptions['mode'],
): void {
  for (const piece of verified) {
    store.markVerified(piece);
    picker.completePiece(piece);
  }
  for (const piece of layout.pieceIndices()) {
    if (content.hasPiece(piece) && (mode === 'download' || store.have.has(piece))) continue;
    store.setWanted(piece, false);
    picker.setWanted(piece, false);
  }
  for (const [piece, sums] of unfinished) if (content.hasPiece(piece)) downloader.resumePiece(piece, [...sums.keys()]);
}
