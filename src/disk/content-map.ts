/**
 * Where the bytes of a torrent lie of which not every file is selected.
 *
 * A piece that reaches from a selected file into another one has to be kept whole, or it cannot be verified again; but no
 * file may appear that nobody asked for. So what such a piece holds of a file that is not selected lies aside, in the
 * border file. Each shared piece has a place there as long as itself, in the order of the pieces: the selection does not
 * decide which, so another one later finds what this one left.
 */
import type { Metainfo } from '../metainfo/metainfo.js';
import type { PieceLayout } from '../metainfo/piece-layout.js';
import { SharedPieces } from '../metainfo/shared-pieces.js';
import { FileMap, type FileSegment } from './file-map.js';

export type ContentSegment =
  | FileSegment
  /** `begin` is the offset in the border file. */
  | { readonly kind: 'border'; readonly begin: number; readonly length: number };

/**
 * 'kept': files that are not selected lie aside; all that is written goes by this. 'found': files that were not there at
 * the start lie aside, selected or not: so it is after a run that selected others.
 */
export type PlaceRule = 'kept' | 'found';

export class ContentMap {
  readonly #map: FileMap;
  readonly #layout: PieceLayout;
  readonly #shared: SharedPieces;
  readonly #wanted: ReadonlySet<number> | null;
  /** Files that were there at the start; null until that is known. */
  #there: ReadonlySet<number> | null = null;
  /** Shared pieces that are known to lie as `kept` says. */
  readonly #kept = new Set<number>();

  /** `wanted`: the selected files, by index in the metainfo; null for all. */
  constructor(metainfo: Metainfo, layout: PieceLayout, wanted: ReadonlySet<number> | null) {
    this.#map = new FileMap(metainfo.files);
    this.#layout = layout;
    this.#shared = new SharedPieces(metainfo.files, layout);
    this.#wanted = wanted;
  }

  /** Whether there may be a border file. */
  get hasBorders(): boolean {
    return this.#shared.count > 0;
  }

  /** What was there before anything was written. Without a border file all that is there lies in its own file. */
  surveyed(there: ReadonlySet<number>, hasBorderFile: boolean): void {
    this.#there = hasBorderFile || this.#wanted !== null ? there : null;
  }

  /** The places of `length` bytes from offset `begin` of the torrent, in order, as they are to be read. */
  segments(begin: number, length: number): ContentSegment[] {
    return this.#place(begin, length, (piece) => (this.#kept.has(piece) ? 'kept' : 'found'));
  }

  /** As `segments`, by one rule. */
  segmentsBy(rule: PlaceRule, begin: number, length: number): ContentSegment[] {
    return this.#place(begin, length, () => rule);
  }

  /** The piece was found whole, or has been written, by this rule. */
  settle(piece: number, rule: PlaceRule): void {
    if (rule === 'found') this.#kept.delete(piece);
    else if (this.mayDiffer(piece)) this.#kept.add(piece);
  }

  /** Whether the rules may say different things of the piece. */
  mayDiffer(piece: number): boolean {
    return this.#there !== null && this.#shared.has(piece);
  }

  #place(begin: number, length: number, ruleOf: (piece: number) => PlaceRule): ContentSegment[] {
    const segments = this.#map.segments(begin, length);
    if (this.#wanted === null && this.#there === null) return segments;
    let at = begin;
    return segments.flatMap((segment): ContentSegment[] => {
      const from = at;
      at += segment.length;
      if (segment.kind === 'zeros' || !this.#mayLieAside(segment.file)) return [segment];
      return this.#cut(segment, from, ruleOf);
    });
  }

  /** A piece at each end of a file may lie aside while the rest of the file does not. */
  #cut(segment: FileSegment & { kind: 'file' }, from: number, ruleOf: (piece: number) => PlaceRule): ContentSegment[] {
    const { pieceLength } = this.#layout;
    const { file } = segment;
    const end = from + segment.length;
    const cut: ContentSegment[] = [];
    for (let at = from; at < end; ) {
      const piece = Math.floor(at / pieceLength);
      const next = Math.min(end, (piece + 1) * pieceLength);
      const number = this.#shared.numberOf(piece);
      if (number === undefined || !this.#liesAside(file, ruleOf(piece))) {
        cut.push({ kind: 'file', file, begin: segment.begin + at - from, length: next - at });
      } else {
        cut.push({ kind: 'border', begin: number * pieceLength + (at - piece * pieceLength), length: next - at });
      }
      at = next;
    }
    return cut;
  }

  #mayLieAside(file: number): boolean {
    return this.#liesAside(file, 'kept') || this.#liesAside(file, 'found');
  }

  #liesAside(file: number, rule: PlaceRule): boolean {
    if (rule === 'kept' || this.#there === null) return this.#wanted !== null && !this.#wanted.has(file);
    return !this.#there.has(file);
  }
}
