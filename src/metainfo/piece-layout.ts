/** How a torrent is cut into pieces and blocks. Only this file makes a `PieceIndex`. */
import type { Metainfo, TorrentFile } from './metainfo.js';

/** The index of a piece, known to be below the torrent's piece count. */
export type PieceIndex = number & { readonly __brand: 'PieceIndex' };

// BEP 3: "All current implementations use 2^14 (16 kiB), and close connections which request an amount greater than
// that."
export const BLOCK_LENGTH = 16 * 1024;

/** The pieces and blocks of one torrent. It never changes. */
export class PieceLayout {
  readonly pieceCount: number;
  readonly pieceLength: number;
  /** Bytes of all pieces, with padding. */
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

  /** `index` as the index of a piece; undefined when this torrent has no such piece. */
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

  /** The SHA-1 that the piece must have, 20 bytes. */
  hashOf(piece: PieceIndex): Buffer {
    return this.#hashes.subarray(piece * 20, piece * 20 + 20);
  }

  blockCount(piece: PieceIndex): number {
    return Math.ceil(this.lengthOf(piece) / BLOCK_LENGTH);
  }

  /** Bytes of the block with this number in its piece: 16 KiB, or less for the last block of the piece. */
  blockLength(piece: PieceIndex, block: number): number {
    return Math.min(BLOCK_LENGTH, this.lengthOf(piece) - block * BLOCK_LENGTH);
  }

  /** A number that no other block of the torrent has. */
  blockKey(piece: PieceIndex, block: number): number {
    return piece * this.#blocksPerPiece + block;
  }

  /** The key of a block that a peer names, or undefined when this torrent has no such block. */
  keyOfForeign(piece: number, begin: number, length: number): number | undefined {
    const index = this.pieceIndex(piece);
    const block = begin / BLOCK_LENGTH;
    if (index === undefined || !Number.isInteger(block) || block < 0 || block >= this.blockCount(index))
      return undefined;
    return length === this.blockLength(index, block) ? this.blockKey(index, block) : undefined;
  }
}

/** The pieces from `first` to `end` − 1. */
export interface PieceRun {
  readonly first: number;
  readonly end: number;
}

/** The pieces that hold bytes of the file. An empty file and a link have none. */
export function piecesOfFile(file: TorrentFile, layout: PieceLayout): PieceRun {
  if (file.length === 0 || file.symlink !== null) return { first: 0, end: 0 };
  const first = Math.floor(file.begin / layout.pieceLength);
  return { first, end: Math.floor((file.begin + file.length - 1) / layout.pieceLength) + 1 };
}

/** The files that hold bytes of at least one of `pieces`, by index in the metainfo. Pad files never count. */
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
