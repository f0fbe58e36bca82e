/** How a torrent is cut into pieces and blocks. Only this file makes a `PieceIndex`. */
import { V1_HASH_LENGTH } from './info-hash.js';
import { NODE_LENGTH, powerOfTwoFrom } from './merkle.js';
import type { Metainfo, TorrentFile } from './metainfo.js';
import { type ByteRun, Padding } from './padding.js';

/** The index of a piece, known to be below the torrent's piece count. */
export type PieceIndex = number & { readonly __brand: 'PieceIndex' };

// BEP 3: "All current implementations use 2^14 (16 kiB), and close connections which request an amount greater than
// that."
export const BLOCK_LENGTH = 16 * 1024;

/** What the bytes of a piece must give. At least one of `sha1` and `root` is there. */
export interface PieceProof {
  /** SHA-1 of the whole piece, 20 bytes; null when the torrent is of version 2 alone. */
  readonly sha1: Buffer | null;
  /**
   * The root of the hash tree of the piece's content (BEP 52), 32 bytes. Null for version 1, and when the torrent's
   * version 2 is not used because nobody told us its layers.
   */
  readonly root: Buffer | null;
  /** The leaves of that tree, padding included: a power of two. 0 without a root. */
  readonly width: number;
}

/** What a torrent says of its pieces. */
export type LayoutMetainfo = Pick<
  Metainfo,
  'version' | 'pieceCount' | 'pieceLength' | 'length' | 'pieces' | 'files' | 'pieceRoots' | 'missingLayers'
>;

/**
 * The pieces and blocks of one torrent. It never changes.
 *
 * In a torrent of version 2 or of both, each file with bytes begins a piece. A piece of version 2 ends with its file. A
 * piece of both goes on with the zeros of a pad file: all peers count these bytes, but its hash tree does not.
 */
export class PieceLayout {
  readonly pieceCount: number;
  readonly pieceLength: number;
  /** Bytes of all pieces: with the padding that version 1 lists, without that of version 2. */
  readonly length: number;
  /** Whether the torrent is of version 2 alone. */
  readonly isV2Alone: boolean;
  readonly #hashes: Buffer;
  readonly #roots: Buffer | null;
  readonly #blocksPerPiece: number;
  readonly #files: readonly TorrentFile[];
  /** By piece: the index of its file. Null for version 1. */
  readonly #fileOf: Uint32Array | null;
  /** Files whose piece layer is not known, by index. */
  readonly #withoutLayer: ReadonlySet<number>;
  readonly #padding: Padding;

  constructor(metainfo: LayoutMetainfo) {
    this.pieceCount = metainfo.pieceCount;
    this.pieceLength = metainfo.pieceLength;
    this.length = metainfo.length;
    this.isV2Alone = metainfo.version === '2';
    this.#hashes = metainfo.pieces;
    this.#roots = rootsByPiece(metainfo);
    this.#blocksPerPiece = Math.ceil(metainfo.pieceLength / BLOCK_LENGTH);
    this.#files = metainfo.files;
    this.#padding = new Padding(this.#files);
    this.#fileOf = metainfo.version === '1' ? null : filesByPiece(this.#files, metainfo);
    this.#withoutLayer = new Set(metainfo.missingLayers);
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

  /** `pieceLength`, or less for the last piece. In a torrent of version 2 alone, less for each file's last piece. */
  lengthOf(piece: PieceIndex): number {
    if (this.isV2Alone) return this.contentLengthOf(piece);
    return Math.min(this.pieceLength, this.length - piece * this.pieceLength);
  }

  /** Bytes of the piece that its hash tree covers: those of its file. For version 1, `lengthOf`. */
  contentLengthOf(piece: PieceIndex): number {
    if (this.#fileOf === null) return this.lengthOf(piece);
    const { begin, length } = this.#fileOfPiece(piece);
    return Math.min(this.pieceLength, begin + length - piece * this.pieceLength);
  }

  /**
   * Bytes of the piece that peers may ask us for: `lengthOf`, and in a torrent with hash trees `pieceLength`. Some
   * clients ask for whole blocks there, also where a file ends within one. Behind the content come zeros.
   */
  servedLengthOf(piece: PieceIndex): number {
    return this.#fileOf === null ? this.lengthOf(piece) : this.pieceLength;
  }

  /** The padding in the piece, in order: its bytes are zeros, whatever a peer says. Offsets in the piece. */
  paddingOf(piece: PieceIndex): readonly ByteRun[] {
    return this.#padding.within(this.beginOf(piece), this.lengthOf(piece));
  }

  /** The padding in one block, in order. Offsets in the block. */
  paddingOfBlock(piece: PieceIndex, block: number): readonly ByteRun[] {
    const begin = block * BLOCK_LENGTH;
    return this.#padding.within(this.beginOf(piece) + begin, this.blockLength(piece, block));
  }

  /** The blocks of the piece that are nothing but padding. They are known, so no peer is asked for them. */
  paddingBlocks(piece: PieceIndex): readonly number[] {
    return this.paddingOf(piece).flatMap(({ begin, end }) => {
      const first = Math.ceil(begin / BLOCK_LENGTH);
      const next = end === this.lengthOf(piece) ? this.blockCount(piece) : Math.floor(end / BLOCK_LENGTH);
      return Array.from({ length: Math.max(0, next - first) }, (_, at) => first + at);
    });
  }

  /** Whether the piece is nothing but padding. */
  isPadding(piece: PieceIndex): boolean {
    const [run] = this.paddingOf(piece);
    return run?.begin === 0 && run.end === this.lengthOf(piece);
  }

  /** Bytes of the blocks that peers are asked for. */
  askedLengthOf(piece: PieceIndex): number {
    const known = this.paddingBlocks(piece).reduce((sum, block) => sum + this.blockLength(piece, block), 0);
    return this.lengthOf(piece) - known;
  }

  /**
   * Whether we know what the bytes of the piece must give. We do not when the piece layer of its file is not known. A
   * hybrid is no exception: what SHA-1 alone proves may be wrong to peers of version 2. Such a piece is never checked
   * and never asked for.
   */
  isProvable(piece: PieceIndex): boolean {
    return this.#withoutLayer.size === 0 || !this.#withoutLayer.has(this.#fileOf?.[piece] ?? -1);
  }

  /** What the bytes of the piece must give. No bytes give the root of a piece that is not provable. */
  proofOf(piece: PieceIndex): PieceProof {
    const sha1 = this.isV2Alone ? null : this.#hashes.subarray(piece * V1_HASH_LENGTH, (piece + 1) * V1_HASH_LENGTH);
    if (this.#roots === null) return { sha1, root: null, width: 0 };
    const root = this.#roots.subarray(piece * NODE_LENGTH, (piece + 1) * NODE_LENGTH);
    const { length } = this.#fileOfPiece(piece);
    const width = length > this.pieceLength ? this.#blocksPerPiece : powerOfTwoFrom(Math.ceil(length / BLOCK_LENGTH));
    return { sha1, root, width };
  }

  /** The file that the piece is of, by index; undefined for version 1, whose pieces may span files. */
  fileOf(piece: PieceIndex): number | undefined {
    return this.#fileOf?.[piece];
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

  #fileOfPiece(piece: PieceIndex): TorrentFile {
    return this.#files[this.#fileOf?.[piece] ?? -1] as TorrentFile;
  }
}

/** The root of each piece, 32 bytes each; zeros where it is not known. Null when the torrent tells none. */
function rootsByPiece(metainfo: LayoutMetainfo): Buffer | null {
  const { pieceRoots, pieceCount, pieceLength, files } = metainfo;
  if (pieceRoots === null || pieceRoots.length === pieceCount * NODE_LENGTH) return pieceRoots;
  const all = Buffer.alloc(pieceCount * NODE_LENGTH);
  for (const [index, roots] of rootsByFile(metainfo)) {
    roots?.copy(all, ((files[index] as TorrentFile).begin / pieceLength) * NODE_LENGTH);
  }
  return all;
}

/** For each file with bytes the roots of its pieces, by the index of the file; null where its layer is missing. */
export function* rootsByFile(metainfo: LayoutMetainfo): Generator<readonly [file: number, roots: Buffer | null]> {
  const { files, pieceLength, pieceRoots, missingLayers } = metainfo;
  if (pieceRoots === null) return;
  const missing = new Set(missingLayers);
  let at = 0;
  for (const [index, file] of files.entries()) {
    if (file.piecesRoot === undefined) continue;
    const end = at + (missing.has(index) ? 0 : Math.ceil(file.length / pieceLength) * NODE_LENGTH);
    yield [index, end === at ? null : pieceRoots.subarray(at, end)];
    at = end;
  }
}

/** By piece: the index of the file that the piece is of. Each file with bytes begins a piece. */
function filesByPiece(files: readonly TorrentFile[], { pieceCount, pieceLength }: LayoutMetainfo): Uint32Array {
  const owners = new Uint32Array(pieceCount);
  for (const [index, file] of files.entries()) {
    if (file.padding || file.length === 0) continue;
    const first = file.begin / pieceLength;
    owners.fill(index, first, first + Math.ceil(file.length / pieceLength));
  }
  return owners;
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
