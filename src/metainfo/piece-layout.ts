/** Which pieces and blocks a torrent is cut into. The only maker of `PieceIndex`. */
import type { Metainfo, TorrentFile } from './metainfo.js';

/** An index that is known to lie below the torrent's piece count. */
export type PieceIndex = number & { readonly __brand: 'PieceIndex' };

// BEP 3: "All current implementations use 2^14 (16 kiB), and close connections which request an amount greater than
// that."
export const BLOCK_LENGTH = 16 * 1024;

export class PieceLayout {
  readonly pieceCount: number;
  readonly pieceLength: number;
  /** All bytes, padding included. */
  readonly length: number;
  readonly #hashes: Buffer;
  readonly #blocksPerPiece: number;

  constructor(metainfo: Pick<Metainfo, 'pieceCount' | 'pieceLength' | 'length' | 'pieces'>) {
    this.pieceCount = metainfo.pieceCount;
    this.pieceLength = metainfo.pieceLength;
    this.length = metainfo.length;
    this.#hashes = metainfo.pieces;
    this.#blocksPerPiece = Math.ceil(metainfo.pieceLength / BLOCK_LENGTH);
  }

  /** The proof that `index` is a piece of this torrent, or undefined when it is not. */
  pieceIndex(index: number): PieceIndex | undefined {
    return Number.isInteger(index) && index >= 0 && index < this.pieceCount ? (index as PieceIndex) : undefined;
  }

  /** Every piece, in order. */
  *pieceIndices(): Iterable<PieceIndex> {
    for (let index = 0; index < this.pieceCount; index += 1) yield index as PieceIndex;
  }

  /** Offset of the piece's first byte in the torrent. */
  beginOf(piece: PieceIndex): number {
    return piece * this.pieceLength;
  }

  /** `pieceLength`, or less for the last piece. */
  lengthOf(piece: PieceIndex): number {
    return Math.min(this.pieceLength, this.length - piece * this.pieceLength);
  }

  /** SHA-1 that the piece must have, 20 bytes. */
  hashOf(piece: PieceIndex): Buffer {
    return this.#hashes.subarray(piece * 20, piece * 20 + 20);
  }

  blockCount(piece: PieceIndex): number {
    return Math.ceil(this.lengthOf(piece) / BLOCK_LENGTH);
  }

  /** Length of the block with this number in its piece: 16 KiB, or less for the piece's last. */
  blockLength(piece: PieceIndex, block: number): number {
    return Math.min(BLOCK_LENGTH, this.lengthOf(piece) - block * BLOCK_LENGTH);
  }

  /** A number that only this block of the torrent has. */
  blockKey(piece: PieceIndex, block: number): number {
    return piece * this.#blocksPerPiece + block;
  }

  /** The key of a block that somebody else names, or undefined when it is none of ours. */
  keyOfForeign(piece: number, begin: number, length: number): number | undefined {
    const index = this.pieceIndex(piece);
    const block = begin / BLOCK_LENGTH;
    if (index === undefined || !Number.isInteger(block) || block < 0 || block >= this.blockCount(index))
      return undefined;
    return length === this.blockLength(index, block) ? this.blockKey(index, block) : undefined;
  }
}

/** A run of pieces: from `first` to before `end`. */
export interface PieceRun {
  readonly first: number;
  readonly end: number;
}

/** The pieces that hold bytes of the file: none for an empty file and for a link, which are made without any. */
export function piecesOfFile(file: TorrentFile, layout: PieceLayout): PieceRun {
  if (file.length === 0 || file.symlink !== null) return { first: 0, end: 0 };
  const first = Math.floor(file.begin / layout.pieceLength);
  return { first, end: Math.floor((file.begin + file.length - 1) / layout.pieceLength) + 1 };
}

/** The files that hold bytes of one of `pieces`, as indices in the metainfo; pad files hold none. */
export function filesOfPieces(
  files: readonly TorrentFile[],
  layout: PieceLayout,
  pieces: ReadonlySet<number>,
): number[] {
  return files.flatMap((file, index) => {
    const { first, end } = piecesOfFile(file, layout);
    let at = first;
    while (at < end && !pieces.has(at)) at += 1;
    return at < end && !file.padding ? [index] : [];
  });
}
