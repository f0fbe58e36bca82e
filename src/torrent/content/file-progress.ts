import type { TorrentFile } from '../../metainfo/metainfo.js';
import { type PieceIndex, type PieceLayout, piecesOfFile } from '../../metainfo/piece-layout.js';

/**
 * Counts which files are whole. Files that are neighbours may share the piece at their border. A pad file never becomes
 * whole, because it is never on the disk.
 */
export class FileProgress {
  /** Files without pieces, which are whole from the start: empty files and links. Indices in the metainfo. */
  readonly wholeAtOnce: readonly number[];
  /** Files with pieces in the order of their bytes: their indices in the metainfo. There may be very many. */
  readonly #tracked: Uint32Array;
  /** By place in `#tracked`: the first piece, and the one behind the last. Neither ever decreases. */
  readonly #first: Uint32Array;
  readonly #end: Uint32Array;
  /** By place in `#tracked`: how many pieces are not verified. */
  readonly #missing: Uint32Array;
  #unfinishedCount: number;

  constructor(files: readonly TorrentFile[], layout: PieceLayout) {
    const wholeAtOnce: number[] = [];
    const tracked: number[] = [];
    const first: number[] = [];
    const end: number[] = [];
    for (const [index, file] of files.entries()) {
      if (file.padding) continue;
      const pieces = piecesOfFile(file, layout);
      if (pieces.first === pieces.end) {
        wholeAtOnce.push(index);
        continue;
      }
      tracked.push(index);
      first.push(pieces.first);
      end.push(pieces.end);
    }
    this.wholeAtOnce = wholeAtOnce;
    this.#tracked = Uint32Array.from(tracked);
    this.#first = Uint32Array.from(first);
    this.#end = Uint32Array.from(end);
    this.#missing = this.#end.map((behind, at) => behind - (this.#first[at] as number));
    this.#unfinishedCount = tracked.length;
  }

  /** How many files with pieces are not whole. */
  get unfinishedCount(): number {
    return this.#unfinishedCount;
  }

  /**
   * Counts a piece that was not counted before. Returns the files that it makes whole, by index in the metainfo. Throws
   * when the piece is counted twice.
   */
  pieceVerified(piece: PieceIndex): readonly number[] {
    const whole: number[] = [];
    for (let at = this.#firstEndingAfter(piece); (this.#first[at] ?? Infinity) <= piece; at += 1) {
      const file = this.#tracked[at] as number;
      const missing = this.#missing[at] as number;
      if (missing === 0) throw new Error(`piece ${piece} of file ${file} is counted twice`);
      this.#missing[at] = missing - 1;
      if (missing === 1) whole.push(file);
    }
    this.#unfinishedCount -= whole.length;
    return whole;
  }

  #firstEndingAfter(piece: PieceIndex): number {
    let low = 0;
    let high = this.#tracked.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#end[middle] as number) > piece) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
