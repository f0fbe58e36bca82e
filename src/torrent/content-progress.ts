import type { Metainfo } from '../metainfo/metainfo.js';
import type { PieceIndex, PieceLayout } from '../metainfo/piece-layout.js';

/** How many bytes of content are verified. Padding belongs to pieces, but nobody wants it, so it is not counted. */
export class ContentProgress {
  /** All bytes of content. */
  readonly length: number;
  readonly #layout: PieceLayout;
  /** Bytes of padding in each piece that has any. */
  readonly #padding = new Map<number, number>();
  #have = 0;

  constructor(metainfo: Pick<Metainfo, 'files'>, layout: PieceLayout) {
    this.#layout = layout;
    let length = 0;
    for (const file of metainfo.files) {
      if (!file.padding) length += file.length;
      else this.#addPadding(file.begin, file.begin + file.length);
    }
    this.length = length;
  }

  /** Bytes of content in verified pieces. */
  get have(): number {
    return this.#have;
  }

  pieceVerified(piece: PieceIndex): void {
    this.#have += this.#layout.lengthOf(piece) - (this.#padding.get(piece) ?? 0);
  }

  pieceLost(piece: PieceIndex): void {
    this.#have -= this.#layout.lengthOf(piece) - (this.#padding.get(piece) ?? 0);
  }

  #addPadding(begin: number, end: number): void {
    const { pieceLength } = this.#layout;
    for (let at = begin; at < end; ) {
      const piece = Math.floor(at / pieceLength);
      const next = Math.min(end, (piece + 1) * pieceLength);
      this.#padding.set(piece, (this.#padding.get(piece) ?? 0) + next - at);
      at = next;
    }
  }
}
