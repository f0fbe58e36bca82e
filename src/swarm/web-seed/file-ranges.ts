import type { BlockSpan } from '../../disk/storage.js';
import type { TorrentFile } from '../../metainfo/metainfo.js';
import type { PieceLayout } from '../../metainfo/piece-layout.js';

/** A part of a file that holds bytes of blocks that we ask for. Offsets in the file. */
export interface FileRange {
  /** Index of the file. */
  readonly file: number;
  readonly begin: number;
  readonly end: number;
}

/** Finds the parts of files that hold given blocks. Pad files, links and empty files hold nothing to ask for. */
export class FileRanges {
  readonly #layout: PieceLayout;
  readonly #files: readonly TorrentFile[];
  /** Indices of the files with bytes, in the order of their bytes. */
  readonly #order: readonly number[];

  constructor(layout: PieceLayout, files: readonly TorrentFile[]) {
    this.#layout = layout;
    this.#files = files;
    this.#order = [...files.keys()].filter((index) => {
      const file = files[index] as TorrentFile;
      return file.length > 0 && !file.padding && file.symlink === null;
    });
  }

  /** The parts of files that make up the blocks `spans`, which are in order. */
  rangesOf(spans: readonly BlockSpan[]): FileRange[] {
    const ranges: FileRange[] = [];
    const [first] = spans;
    if (first === undefined) return ranges;
    let at = this.#placeAt(this.#layout.beginOf(first.piece) + first.begin);
    for (const { piece, begin: offset, length } of spans) {
      const begin = this.#layout.beginOf(piece) + offset;
      const end = begin + length;
      for (let place = at; place < this.#order.length; place += 1) {
        const index = this.#order[place] as number;
        const file = this.#files[index] as TorrentFile;
        if (file.begin >= end) break;
        const from = Math.max(begin, file.begin) - file.begin;
        const to = Math.min(end, file.begin + file.length) - file.begin;
        if (from >= to) continue;
        at = place;
        const last = ranges.at(-1);
        if (last?.file === index && last.end === from) ranges[ranges.length - 1] = { ...last, end: to };
        else ranges.push({ file: index, begin: from, end: to });
      }
    }
    return ranges;
  }

  /** The files that hold bytes of the piece, by index. */
  filesOf(piece: number): number[] {
    const begin = piece * this.#layout.pieceLength;
    const end = begin + this.#layout.pieceLength;
    const found: number[] = [];
    for (let place = this.#placeAt(begin); place < this.#order.length; place += 1) {
      const index = this.#order[place] as number;
      const file = this.#files[index] as TorrentFile;
      if (file.begin >= end) break;
      found.push(index);
    }
    return found;
  }

  /** The place in the order of the first file that ends behind `offset`. */
  #placeAt(offset: number): number {
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { begin, length } = this.#files[this.#order[middle] as number] as TorrentFile;
      if (begin + length > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
