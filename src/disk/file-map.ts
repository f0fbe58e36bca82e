/** Where the bytes of a torrent lie: the one place that turns offsets of the torrent into offsets of files. */
import type { TorrentFile } from '../metainfo/metainfo.js';

/** Consecutive bytes of a run that lie in one place. */
export type FileSegment =
  /** `begin` is the offset in the file, `file` its index in the metainfo. */
  | { readonly kind: 'file'; readonly file: number; readonly begin: number; readonly length: number }
  /** Bytes of a pad file: zeros that are hashed and sent, but never on the disk. */
  | { readonly kind: 'zeros'; readonly length: number };

/**
 * The files of a torrent by offset. Only files with bytes are listed: an empty file or a link holds no byte of any
 * piece. The files lie one after another without holes; the metainfo says so.
 */
export class FileMap {
  readonly #files: readonly TorrentFile[];
  /** Indexes in the metainfo of the files with bytes, in order. */
  readonly #filled: Uint32Array;
  /** Offset in the torrent of the first byte of each of `#filled`. */
  readonly #begins: Float64Array;

  constructor(files: readonly TorrentFile[]) {
    const filled: number[] = [];
    const begins: number[] = [];
    for (const [index, file] of files.entries()) {
      if (file.length === 0) continue;
      filled.push(index);
      begins.push(file.begin);
    }
    this.#files = files;
    this.#filled = new Uint32Array(filled);
    this.#begins = new Float64Array(begins);
  }

  /** The places of `length` bytes from offset `begin` of the torrent, in order. The run lies within the torrent. */
  segments(begin: number, length: number): FileSegment[] {
    const found: FileSegment[] = [];
    const end = begin + length;
    let at = begin;
    for (let place = this.#placeOf(begin); at < end; place += 1) {
      const index = this.#filled[place];
      const file = index === undefined ? undefined : this.#files[index];
      if (index === undefined || file === undefined || at < file.begin || at >= file.begin + file.length) {
        throw new Error(`no file holds byte ${at} of the torrent`);
      }
      const taken = Math.min(end, file.begin + file.length) - at;
      found.push(
        file.padding || file.symlink !== null
          ? { kind: 'zeros', length: taken }
          : { kind: 'file', file: index, begin: at - file.begin, length: taken },
      );
      at += taken;
    }
    return found;
  }

  /** Place in `#filled` of the last file that begins at `begin` or before, by bisection. */
  #placeOf(begin: number): number {
    let low = 0;
    let high = this.#begins.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#begins[middle] as number) <= begin) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
