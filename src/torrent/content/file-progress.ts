import type { TorrentFile } from '../../metainfo/metainfo.js';
import { type PieceIndex, type PieceLayout, type PieceRun, piecesOfFile } from '../../metainfo/piece-layout.js';

/** A file on the disk with pieces of its own. */
interface TrackedFile extends PieceRun {
  /** Index in the metainfo. */
  readonly file: number;
  missing: number;
}

/**
 * Which file is whole when a piece is verified. Neighbouring files share the piece at their border. Pad files are
 * nobody's: they are never whole, because they are never on the disk.
 */
export class FileProgress {
  /** Files without pieces, which are whole from the start: empty ones and links. Indices in the metainfo. */
  readonly wholeAtOnce: readonly number[];
  /** In the order of their bytes, so that both `first` and `end` never decrease. */
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

  /** Files with pieces of their own that are not whole. */
  get unfinishedCount(): number {
    return this.#unfinishedCount;
  }

  /** A piece that was not counted yet is verified: the files that are whole by it, as indices in the metainfo. */
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
