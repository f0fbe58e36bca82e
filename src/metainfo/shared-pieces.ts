import type { TorrentFile } from './metainfo.js';
import type { PieceLayout } from './piece-layout.js';

/**
 * The pieces that hold bytes of several files, numbered in their order. Only the metainfo decides which pieces these
 * are, so their numbers stay valid after the process ends. Pad files do not count as files here, because their bytes
 * are known.
 */
export class SharedPieces {
  readonly #pieces: Uint32Array;

  constructor(files: readonly TorrentFile[], { pieceLength }: Pick<PieceLayout, 'pieceLength'>) {
    const pieces: number[] = [];
    let lastOfPrevious = -1;
    for (const { begin, length, padding, symlink } of files) {
      if (length === 0 || padding || symlink !== null) continue;
      const first = Math.floor(begin / pieceLength);
      if (first === lastOfPrevious && pieces.at(-1) !== first) pieces.push(first);
      lastOfPrevious = Math.floor((begin + length - 1) / pieceLength);
    }
    this.#pieces = new Uint32Array(pieces);
  }

  get count(): number {
    return this.#pieces.length;
  }

  has(piece: number): boolean {
    return this.numberOf(piece) !== undefined;
  }

  /** The number of the shared piece, from 0 on; undefined when the piece holds bytes of one file alone. */
  numberOf(piece: number): number | undefined {
    let low = 0;
    let high = this.#pieces.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#pieces[middle] as number) < piece) low = middle + 1;
      else high = middle;
    }
    return this.#pieces[low] === piece ? low : undefined;
  }
}
