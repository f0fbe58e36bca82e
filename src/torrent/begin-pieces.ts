import type { PieceLayout } from '../metainfo/piece-layout.js';
import type { UnfinishedPieces } from '../resume/block-sums.js';
import type { WantedContent } from './content/wanted-content.js';
import type { JoinedSwarm } from './join-swarm.js';
import type { TorrentOptions } from './torrent-options.js';

/** Says which pieces are wanted, and which are begun. A torrent that only seeds wants what it has. */
export function beginPieces(
  { store, downloader }: Pick<JoinedSwarm, 'store' | 'downloader'>,
  layout: PieceLayout,
  content: WantedContent,
  unfinished: UnfinishedPieces,
  mode: TorrentOptions['mode'],
): void {
  for (const piece of layout.pieceIndices()) {
    if (content.hasPiece(piece) && (mode === 'download' || store.have.has(piece))) continue;
    downloader.setWanted(piece, false);
  }
  for (const [piece, sums] of unfinished) if (content.hasPiece(piece)) downloader.resumePiece(piece, [...sums.keys()]);
}
