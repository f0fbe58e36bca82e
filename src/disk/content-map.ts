/**
 * Where the bytes of a torrent lie when only some of its files are selected.
 *
 * A piece that reaches from a selected file into another one must be kept whole, or it cannot be verified again. But no
 * file may appear that the user did not select. So such a piece is written to the border file as well ("aside"), and
 * each selected file gets its own bytes of the piece. Each shared piece has a place in the border file, as long as a
 * piece, in the order of the pieces. The places do not depend on the selection, so a run with another selection finds
 * what this one left.
 */
import type { Metainfo, TorrentFile } from '../metainfo/metainfo.js';
import { type PieceLayout, piecesOfFile } from '../metainfo/piece-layout.js';
import { SharedPieces } from '../metainfo/shared-pieces.js';
import type { FileSurvey } from './storage.js';

/** Consecutive bytes of a run that lie in one place. */
export type FileSegment =
  /** `begin` is the offset in the file, `file` its index in the metainfo. */
  | { readonly kind: 'file'; readonly file: number; readonly begin: number; readonly length: number }
  /** Bytes of padding: zeros that are hashed and sent, but never written to the disk. */
  | { readonly kind: 'zeros'; readonly length: number };

/** As `FileSegment`, or in the border file. */
export type ContentSegment =
  | FileSegment
  /** `begin` is the offset in the border file. */
  | { readonly kind: 'border'; readonly begin: number; readonly length: number };

/** A place to write to. Its bytes begin at offset `from` of the run. */
export type WriteSegment = Exclude<ContentSegment, { kind: 'zeros' }> & { readonly from: number };

/**
 * Where a shared piece may lie after earlier runs with other selections. Each rule says of which files the bytes are
 * looked for aside:
 * - 'kept': files that are not selected. A run with the same selection leaves it so, and everything is written so.
 * - 'found': files that were not there at the start.
 * - 'aside': files that were not whole at the start. What an earlier run began of such a file may lack the piece.
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
  /** What was there at the start. Null until that is known, and when nothing can lie aside. */
  #survey: readonly Pick<FileSurvey, 'found'>[] | null = null;
  #isSurveyed = false;
  /** Files with parts that do not count: another file has the final name. */
  readonly #passedOver = new Set<number>();
  /** The rule by which a shared piece lies, once that is known. */
  readonly #rules = new Map<number, PlaceRule>();

  /** `selected`: files by index in the metainfo; null: all. */
  constructor(metainfo: Metainfo, layout: PieceLayout, selected: ReadonlySet<number> | null) {
    const isPadded = metainfo.version !== '1';
    this.#map = new FileMap(metainfo.files, isPadded ? layout.pieceCount * layout.pieceLength : 0);
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

  /**
   * `survey`: what was there before anything was written, by index in the metainfo. Only the first survey counts: a
   * later one may see what this run wrote.
   */
  surveyed(survey: readonly Pick<FileSurvey, 'found'>[], hasBorderFile: boolean): void {
    if (this.#isSurveyed) return;
    this.#isSurveyed = true;
    this.#survey = hasBorderFile || this.#selected !== null ? survey : null;
  }

  /** For each of these files, what has its final name counts, and not the part that was surveyed. */
  passOver(files: readonly number[]): void {
    for (const file of files) this.#passedOver.add(file);
  }

  /** Undoes `passOver`. */
  usePart(files: readonly number[]): void {
    for (const file of files) this.#passedOver.delete(file);
  }

  /** Where `length` bytes from offset `begin` of the torrent are read, in order. */
  segments(begin: number, length: number): ContentSegment[] {
    return this.#place(begin, length, (piece) => this.#rules.get(piece) ?? 'found');
  }

  /** As `segments`, when nothing lies aside. */
  segmentsInFiles(begin: number, length: number): FileSegment[] {
    return this.#map.segments(begin, length);
  }

  /** As `segments`, when all shared pieces lie by `rule`. */
  segmentsBy(rule: PlaceRule, begin: number, length: number): ContentSegment[] {
    return this.#place(begin, length, () => rule);
  }

  /** Where a run is written. A piece at a border goes aside as a whole, its bytes of selected files too. */
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

  /** The piece was found whole, or was written, as `rule` says. */
  settle(piece: number, rule: PlaceRule): void {
    if (this.mayDiffer(piece)) this.#rules.set(piece, rule);
  }

  /** Whether the rules may give different places for the piece. */
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

  /** The pieces at the two ends of a file may lie aside while the rest of the file does not. */
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

  /** The run, cut where one piece ends and the next begins. */
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
    const found = this.#passedOver.has(file) ? 'final' : this.#survey[file]?.found;
    return rule === 'found' ? found === 'absent' : found !== 'final';
  }
}

/**
 * Turns offsets of the torrent into offsets of its files; no other code does that. Only files with bytes are listed: an
 * empty file or a link holds no byte of any piece. In version 1 the files follow one another without holes: the
 * metainfo makes sure of that. In the others, what no file holds of a file's last piece is padding.
 */
export class FileMap {
  readonly #files: readonly TorrentFile[];
  /** Indexes in the metainfo of the files with bytes, in order. */
  readonly #filled: Uint32Array;
  /** Offset in the torrent of the first byte of each of `#filled`. */
  readonly #begins: Float64Array;
  readonly #paddingEnd: number;

  /** `paddingEnd`: up to this offset, bytes that no file holds are padding; 0 when there is none of that kind. */
  constructor(files: readonly TorrentFile[], paddingEnd = 0) {
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
    this.#paddingEnd = paddingEnd;
  }

  /**
   * The places of `length` bytes from offset `begin` of the torrent, in order. The run must lie within the torrent, and
   * its padding.
   */
  segments(begin: number, length: number): FileSegment[] {
    const found: FileSegment[] = [];
    const end = begin + length;
    let at = begin;
    for (let place = this.#placeOf(begin); at < end; place += 1) {
      const inFile = this.#inFile(place, at, end);
      if (inFile !== null) found.push(inFile);
      at += inFile?.length ?? 0;
      const padding = Math.min(end, this.#begins[place + 1] ?? this.#paddingEnd) - at;
      if (padding > 0 && this.#paddingEnd > 0) {
        found.push({ kind: 'zeros', length: padding });
        at += padding;
      } else if (inFile === null) throw new Error(`no file holds byte ${at} of the torrent`);
    }
    return found;
  }

  /** What the file at `place` holds of the bytes from `at` to `end`; null when it does not hold the first of them. */
  #inFile(place: number, at: number, end: number): FileSegment | null {
    const index = this.#filled[place];
    const file = index === undefined ? undefined : this.#files[index];
    if (index === undefined || file === undefined || at < file.begin || at >= file.begin + file.length) return null;
    const length = Math.min(end, file.begin + file.length) - at;
    const isZeros = file.padding || file.symlink !== null;
    return isZeros ? { kind: 'zeros', length } : { kind: 'file', file: index, begin: at - file.begin, length };
  }

  /** Index in `#filled` of the last file that begins at `begin` or before it, by bisection. */
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
