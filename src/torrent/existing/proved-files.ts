import type { TorrentFile } from '../../metainfo/metainfo.js';
import { BLOCK_LENGTH, filesOfPieces, type PieceLayout, piecesOfFile } from '../../metainfo/piece-layout.js';
import { sumOf, type UnfinishedPieces } from '../../resume/journal-format.js';

/** So many bytes of a file must be those that we wrote. Fewer may be the same by chance. */
const PROOF_LENGTH = 64;

/**
 * The files that hold bytes of `blocks`, which the disk holds as our journal says that we wrote them: so the files are
 * ours, also when a copy gave them new inodes. Blocks of zeros prove nothing. By index.
 */
export function provedFiles(files: readonly TorrentFile[], layout: PieceLayout, blocks: UnfinishedPieces): Set<number> {
  const proved = new Set<number>();
  if (blocks.size === 0) return proved;
  for (const index of filesOfPieces(files, layout, new Set<number>(blocks.keys()))) {
    const file = files[index] as TorrentFile;
    const { first, end } = piecesOfFile(file, layout);
    for (const [piece, sums] of blocks) {
      if (piece < first || piece >= end || proved.has(index)) continue;
      for (const [block, sum] of sums) {
        const length = layout.blockLength(piece, block);
        const at = piece * layout.pieceLength + block * BLOCK_LENGTH;
        const shared = Math.min(at + length, file.begin + file.length) - Math.max(at, file.begin);
        if (shared >= PROOF_LENGTH && sum !== sumOf(Buffer.alloc(length))) proved.add(index);
      }
    }
  }
  return proved;
}
