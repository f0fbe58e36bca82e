/**
 * Where the bytes of a torrent lie of which not every file is selected.
 *
 * A piece that reaches from a selected file into another one has to be kept whole, or it cannot be verified again; but
 * no file may appear that nobody asked for. So such a piece lies aside as well, in the border file, and its files have
 * what is theirs. Each shared piece has a place there as long as itself, in the order of the pieces: the selection does
 * not decide which, so another one later finds what this one left.
 */
import type { Metainfo, TorrentFile } from '../metainfo/metainfo.js';
import { type PieceLayout, piecesOfFile } from '../metainfo/piece-layout.js';
import { SharedPieces } from '../metainfo/shared-pieces.js';
import type { FileSurvey } from './storage.js';

export type ContentSegment =
  | FileSegment
  /** `begin` is the offset in the border file. */
  | { readonly kind: 'border'; readonly begin: number; readonly length: number };

/** What is written comes from offset `from` of the run. */
export type WriteSegment = Exclude<ContentSegment, { kind: 'zeros' }> & { readonly from: number };

/**
 * Where a shared piece may have come to lie, by earlier runs that selected others. What is looked for aside:
 * 'kept': files that are not selected. So it is after a run with the same selection, and so everything is written.
 * 'found': files that were not there at the start.
 * 'aside': files that were not whole at the start; what had been begun of them may know nothing of the piece.
 */
export const PLACE_RULES = ['kept', 'found', 'aside'] as const;
export type PlaceRule = (typeof PLACE_RULES)[number];

export class ContentMap {
  readonly #map: FileMap;
  readonly #layout: PieceLayout;
  readonly #shared: SharedPieces;
  readonly #selected: ReadonlySet<number> | null;
  /** Shared pieces with bytes of a file that is not selected. */
  readonly #borders = new Set<number>();
  /** What was there at the start; null until that is known, and when nothing can lie aside. */
  #survey: readonly Pick<FileSurvey, 'found'>[] | null = null;
  #isSurveyed = false;
  /** Shared pieces of which it is known how they lie. */
  readonly #rules = new Map<number, PlaceRule>();

  /** `selected`: by index in the metainfo; null for all. */
  constructor(metainfo: Metainfo, layout: PieceLayout, selected: ReadonlySet<number> | null) {
    this.#map = new FileMap(metainfo.files);
    this.#layout = layout;
    this.#shared = new SharedPieces(metainfo.files, layout);
    this.#selected = selected;
    for (const [index, file] of selected === null ? [] : metainfo.files.entries()) {
      const { first, end } = piecesOfFile(file, layout);
      if (file.padding || first === end || selected?.has(index) === true) continue;
      for (const piece of [first, end - 1]) if (this.#shared.has(piece)) this.#borders.add(piece);
    }
  }

  /** Whether there may be a border file. */
  get hasBorders(): boolean {
    return this.#shared.count > 0;
  }

  /** Whether anything may be written to a border file. */
  get keepsAside(): boolean {
    return this.#borders.size > 0;
  }

  /** `survey`: what was there before anything was written, by index in the metainfo. Later ones say nothing of that. */
  surveyed(survey: readonly Pick<FileSurvey, 'found'>[], hasBorderFile: boolean): void {
    if (this.#isSurveyed) return;
    this.#isSurveyed = true;
    this.#survey = hasBorderFile || this.#selected !== null ? survey : null;
  }

  /** The places of `length` bytes from offset `begin` of the torrent, in order, as they are to be read. */
  segments(begin: number, length: number): ContentSegment[] {
    return this.#place(begin, length, (piece) => this.#rules.get(piece) ?? 'found');
  }

  /** As `segments`, by one rule. */
  segmentsBy(rule: PlaceRule, begin: number, length: number): ContentSegment[] {
    return this.#place(begin, length, () => rule);
  }

  /** Where a run is to be written. What a file gets of a piece at a border lies aside too. */
  writeSegments(begin: number, length: number): WriteSegment[] {
    const writes: WriteSegment[] = [];
    let from = 0;
    for (const segment of this.segmentsBy('kept', begin, length)) {
      if (segment.kind === 'file') writes.push({ ...segment, from });
      from += segment.length;
    }
    if (this.#borders.size === 0) return writes;
    for (const { piece, at, length: taken } of this.#byPiece(begin, length)) {
      const number = this.#borders.has(piece) ? this.#shared.numberOf(piece) : undefined;
      if (number !== undefined) writes.push({ ...this.#aside(number, piece, at, taken), from: at - begin });
    }
    return writes;
  }

  /** The piece was found whole, or has been written, by this rule. */
  settle(piece: number, rule: PlaceRule): void {
    if (this.mayDiffer(piece)) this.#rules.set(piece, rule);
  }

  /** Whether the rules may say different things of the piece. */
  mayDiffer(piece: number): boolean {
    return this.#survey !== null && this.#shared.has(piece);
  }

  #place(begin: number, length: number, ruleOf: (piece: number) => PlaceRule): ContentSegment[] {
    const segments = this.#map.segments(begin, length);
    if (this.#selected === null && this.#survey === null) return segments;
    let at = begin;
    return segments.flatMap((segment): ContentSegment[] => {
      const from = at;
      at += segment.length;
      if (segment.kind === 'zeros' || !PLACE_RULES.some((rule) => this.#liesAside(segment.file, rule)))
        return [segment];
      return this.#cut(segment, from, ruleOf);
    });
  }

  /** A piece at each end of a file may lie aside while the rest of the file does not. */
  #cut(
    { file, begin, length }: FileSegment & { kind: 'file' },
    from: number,
    ruleOf: (piece: number) => PlaceRule,
  ): ContentSegment[] {
    return this.#byPiece(from, length).map(({ piece, at, length: taken }) => {
      const number = this.#shared.numberOf(piece);
      return number !== undefined && this.#liesAside(file, ruleOf(piece))
        ? this.#aside(number, piece, at, taken)
        : { kind: 'file', file, begin: begin + at - from, length: taken };
    });
  }

  /** A run cut at the borders of pieces. */
  #byPiece(begin: number, length: number): { piece: number; at: number; length: number }[] {
    const { pieceLength } = this.#layout;
    const runs: { piece: number; at: number; length: number }[] = [];
    for (let at = begin; at < begin + length; ) {
      const piece = Math.floor(at / pieceLength);
      const next = Math.min(begin + length, (piece + 1) * pieceLength);
      runs.push({ piece, at, length: next - at });
      at = next;
    }
    return runs;
  }

  #aside(number: number, piece: number, at: number, length: number): ContentSegment & { kind: 'border' } {
    const { pieceLength } = this.#layout;
    return { kind: 'border', begin: number * pieceLength + at - piece * pieceLength, length };
  }

  #liesAside(file: number, rule: PlaceRule): boolean {
    if (rule === 'kept' || this.#survey === null) return this.#selected !== null && !this.#selected.has(file);
    const found = this.#survey[file]?.found;
    return rule === 'found' ? found === 'absent' : found !== 'final';
  }
}

/** Consecutive bytes of a run that lie in one place. */
export type FileSegment =
  /** `begin` is the offset in the file, `file` its index in the metainfo. */
  | { readonly kind: 'file'; readonly file: number; readonly begin: number; readonly length: number }
  /** Bytes of a pad file: zeros that are hashed and sent, but never on the disk. */
  | { readonly kind: 'zeros'; readonly length: number };

/**
 * Where the bytes of a torrent lie: the one place that turns offsets of the torrent into offsets of files.
 *
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
