import type { TorrentFile } from '../../metainfo/metainfo.js';
import {
  BLOCK_LENGTH,
  filesOfPieces,
  type PieceIndex,
  type PieceLayout,
  piecesOfFile,
} from '../../metainfo/piece-layout.js';
import { sumOf, type UnfinishedPieces } from '../../resume/journal-format.js';

/** This many bytes of a file must be those that we wrote. Fewer may be the same by chance. */
const PROOF_LENGTH = 64;

/**
 * The files that hold bytes of `blocks`, which the disk holds as our journal says that we wrote them: so the files are
 * ours, also when a copy gave them new inodes. Blocks of zeros prove nothing. By index.
 */
export function provedFiles(files: readonly TorrentFile[], layout: PieceLayout, blocks: UnfinishedPieces): Set<number> {
  const proved = new Set<number>();
  if (blocks.size === 0) return proved;
  const isOfZeros = zerosBySum();
  for (const index of filesOfPieces(files, layout, new Set<number>(blocks.keys()))) {
    const file = files[index] as TorrentFile;
    const isProof = (piece: PieceIndex, block: number): boolean => {
      const sum = blocks.get(piece)?.get(block);
      const length = layout.blockLength(piece, block);
      const at = piece * layout.pieceLength + block * BLOCK_LENGTH;
      const shared = Math.min(at + length, file.begin + file.length) - Math.max(at, file.begin);
      return sum !== undefined && shared >= PROOF_LENGTH && !isOfZeros(length, sum);
    };
    if (blocksOf(file, layout, blocks).some(([piece, block]) => isProof(piece, block))) proved.add(index);
  }
  return proved;
}

/**
 * The blocks of unfinished pieces in which the file has bytes. A torrent of tiny files has thousands of them in one
 * piece of a thousand blocks, so we do not look at each block for each file.
 */
function blocksOf(
  file: TorrentFile,
  layout: PieceLayout,
  blocks: UnfinishedPieces,
): readonly (readonly [PieceIndex, number])[] {
  const { first, end } = piecesOfFile(file, layout);
  const found: (readonly [PieceIndex, number])[] = [];
  for (let at = first; at < end; at += 1) {
    const piece = layout.pieceIndex(at);
    if (piece === undefined || !blocks.has(piece)) continue;
    const begin = at * layout.pieceLength;
    const last = Math.min(file.begin + file.length - begin, layout.lengthOf(piece)) - 1;
    let block = Math.floor(Math.max(0, file.begin - begin) / BLOCK_LENGTH);
    for (; block <= Math.floor(last / BLOCK_LENGTH); block += 1) found.push([piece, block]);
  }
  return found;
}

/** Tells whether a sum is that of so many zeros. Most blocks have one length, of which it makes the sum once. */
function zerosBySum(): (length: number, sum: number) => boolean {
  const known = new Map<number, number>();
  return (length, sum) => {
    const ofZeros = known.get(length) ?? sumOf(Buffer.alloc(length));
    known.set(length, ofZeros);
    return sum === ofZeros;
  };
}
