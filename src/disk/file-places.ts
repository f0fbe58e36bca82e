/** The files of one torrent: what lies in which, and under which names. */
import type { Metainfo } from '../metainfo/metainfo.js';
import type { PieceIndex, PieceLayout } from '../metainfo/piece-layout.js';
import { ContentMap, type ContentSegment, type PlaceRule } from './content-map.js';
import type { FileWrite, HashSource, StoragePlace } from './file-disk-protocol.js';
import type { ExactCandidate, FoundName } from './file-exact-names.js';
import { borderName, type FileNames, StorageNames } from './file-names.js';
import type { FileAddress } from './file-read-pool.js';
import type { FileSurvey, LinkedPlace } from './storage.js';

export class FilePlaces {
  readonly names: StorageNames;
  readonly borderNames: FileNames;
  readonly map: ContentMap;
  readonly #files: Metainfo['files'];
  readonly #layout: PieceLayout;
  readonly #place: StoragePlace;
  #namesAreSettled = false;
  /** By index in the metainfo: files that are read through a link. */
  readonly #linked = new Map<number, LinkedPlace>();
  /** Those of them of which there is a copy of ours. */
  readonly #copied = new Set<number>();

  constructor(
    metainfo: Metainfo,
    layout: PieceLayout,
    place: StoragePlace,
    output: string | null,
    selected: ReadonlySet<number> | null,
  ) {
    this.names = new StorageNames(metainfo.files, output);
    this.map = new ContentMap(metainfo, layout, selected);
    const border = borderName(output ?? metainfo.files[0]?.path[0] ?? metainfo.name, metainfo.infoHash);
    this.borderNames = { part: border, final: border };
    this.#files = metainfo.files;
    this.#layout = layout;
    this.#place = place;
  }

  /** Whether it is known under which names the files lie. */
  get namesAreSettled(): boolean {
    return this.#namesAreSettled;
  }

  settleNames(candidates: readonly ExactCandidate[], found: readonly FoundName[]): void {
    this.#namesAreSettled = true;
    if (candidates.length > 0) this.names.settle(candidates, found);
  }

  /** What was found through links is read where it is: a link that is planted later leads no reader anywhere. */
  surveyed(survey: readonly FileSurvey[]): void {
    this.#linked.clear();
    this.#copied.clear();
    for (const [file, { linked }] of survey.entries()) if (linked !== undefined) this.#linked.set(file, linked);
  }

  /** The file is read where the download writes it, if it is there. */
  copied(file: number): void {
    this.#copied.add(file);
  }

  /** Where `length` bytes from `begin` of the torrent are written. */
  writes(begin: number, length: number): FileWrite[] {
    return this.map.writeSegments(begin, length).map((segment) => ({
      file: segment.kind === 'file' ? segment.file : null,
      names: this.#namesOf(segment),
      begin: segment.begin,
      from: segment.from,
      length: segment.length,
    }));
  }

  /** What is to be hashed of a piece that lies as `rule` says. */
  sources(rule: PlaceRule, piece: PieceIndex): HashSource[] {
    const { root } = this.#place;
    const segments = this.map.segmentsBy(rule, this.#layout.beginOf(piece), this.#layout.lengthOf(piece));
    return segments.map((segment) => {
      if (segment.kind === 'zeros') return segment;
      const { part, final } = this.#namesOf(segment);
      const link = this.#linkOf(segment);
      const paths = link === null ? [part, final] : link.isCopied ? [part] : [];
      const elsewhere = link?.path ?? null;
      return { kind: 'file', root, paths, elsewhere, begin: segment.begin, length: segment.length };
    });
  }

  addressOf(segment: Exclude<ContentSegment, { kind: 'zeros' }>): FileAddress {
    const link = this.#linkOf(segment);
    return { storage: this.#place.id, root: this.#place.root, names: this.#namesOf(segment), link };
  }

  /** `file` null is the border file. */
  namesOf(file: number | null): FileNames {
    return file === null ? this.borderNames : this.names.of(file);
  }

  /** The file of this part name, as an index in the metainfo; null for the border file. */
  fileOf(part: string): number | null {
    const index = this.#files.findIndex((_, at) => this.names.of(at).part === part);
    return index === -1 ? null : index;
  }

  #linkOf(segment: Exclude<ContentSegment, { kind: 'zeros' }>): FileAddress['link'] {
    const linked = segment.kind === 'file' ? this.#linked.get(segment.file) : undefined;
    if (segment.kind !== 'file' || linked === undefined) return null;
    return { path: linked.path, isCopied: this.#copied.has(segment.file) };
  }

  #namesOf(segment: Exclude<ContentSegment, { kind: 'zeros' }>): FileNames {
    return segment.kind === 'border' ? this.borderNames : this.names.of(segment.file);
  }
}
