import type { TorrentFile } from './metainfo.js';

/** The bytes from `begin` to `end` − 1. */
export interface ByteRun {
  readonly begin: number;
  readonly end: number;
}

const NONE: readonly ByteRun[] = [];

/**
 * Where the pad files of a torrent lie (BEP 47). Their bytes are zeros. Everybody knows that, so they are neither
 * written nor taken from peers.
 */
export class Padding {
  /** Offsets in the torrent, ascending. Pad files that touch are one run. */
  readonly #begins: Float64Array;
  readonly #ends: Float64Array;

  constructor(files: readonly Pick<TorrentFile, 'begin' | 'length' | 'padding'>[]) {
    const runs: { begin: number; end: number }[] = [];
    for (const { begin, length, padding } of files) {
      if (!padding || length === 0) continue;
      const last = runs.at(-1);
      if (last?.end === begin) last.end += length;
      else runs.push({ begin, end: begin + length });
    }
    this.#begins = Float64Array.from(runs, ({ begin }) => begin);
    this.#ends = Float64Array.from(runs, ({ end }) => end);
  }

  /** The padding among the `length` bytes from offset `from` of the torrent, in order. Offsets count from `from`. */
  within(from: number, length: number): readonly ByteRun[] {
    let at = this.#firstEndingAfter(from);
    // Most blocks have none, and are told so without a list of their own.
    if (length === 0 || at === this.#begins.length || (this.#begins[at] as number) - from >= length) return NONE;
    const runs: ByteRun[] = [];
    for (; at < this.#begins.length; at += 1) {
      const begin = Math.max(0, (this.#begins[at] as number) - from);
      if (begin >= length) break;
      runs.push({ begin, end: Math.min(length, (this.#ends[at] as number) - from) });
    }
    return runs;
  }

  /** By bisection. */
  #firstEndingAfter(offset: number): number {
    let low = 0;
    let high = this.#ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ends[middle] as number) > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
