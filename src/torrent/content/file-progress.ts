import type { TorrentFile } from '../../metainfo/metainfo.js';
import { type PieceIndex, type PieceLayout, type PieceRun, piecesOfFile } from '../../metainfo/piece-layout.js';

/**
 * Counts which files are whole. Files that are neighbours may share the piece at their border. A pad file never becomes
 * whole, because it is never on the disk.
 */
export class FileProgress {
  /** Files without pieces, which are whole from the start: empty files and links. Indices in the metainfo. */
  readonly wholeAtOnce: readonly number[];
  /** Files with pieces in the order of their bytes, so that neither `first` nor `end` ever decreases. */
  readonly #tracked: readonly TrackedFile[];
  #unfinishedCount: number;

  constructor(files: readonly TorrentFile[], layout: PieceLayout) {
    const wholeAtOnce: number[] = [];
    const tracked: TrackedFile[] = [];
    for (const [index, file] of files.entries()) {
      if (file.padding) continue;
      const { first, end } = piecesOfFile(file, layout);
      if (first === end) wholeAtOnce.push(index);
      else tracked.push({ file: index, first, end, missing: end - first });
    }
    this.wholeAtOnce = wholeAtOnce;
    this.#tracked = tracked;
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
    this.#eachAt(piece, (tracked) => {
      if (tracked.missing === 0) throw new Error(`piece ${piece} of file ${tracked.file} is counted twice`);
      tracked.missing -= 1;
      if (tracked.missing === 0) whole.push(tracked.file);
    });
    this.#unfinishedCount -= whole.length;
    return whole;
  }

  #eachAt(piece: PieceIndex, visit: (tracked: TrackedFile) => void): void {
    for (let index = this.#firstEndingAfter(piece); index < this.#tracked.length; index += 1) {
      const tracked = this.#tracked[index] as TrackedFile;
      if (tracked.first > piece) return;
      visit(tracked);
    }
  }

  #firstEndingAfter(piece: PieceIndex): number {
    let low = 0;
    let high = this.#tracked.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#tracked[middle] as TrackedFile).end > piece) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** A file on the disk that has pieces. */
interface TrackedFile extends PieceRun {
  /** Index in the metainfo. */
  readonly file: number;
  /** How many of its pieces are not verified. */
  missing: number;
}
