/** The files of one torrent: what lies in which, and under which names. */
import type { Metainfo } from '../metainfo/metainfo.js';
import type { PieceIndex, PieceLayout } from '../metainfo/piece-layout.js';
import { ContentMap, type ContentSegment, type PlaceRule } from './content-map.js';
import type { FileWrite, HashSource, StoragePlace } from './file-disk-protocol.js';
import type { ExactCandidate, FoundName } from './file-exact-names.js';
import { borderName, type FileNames, StorageNames } from './file-names.js';
import type { FileAddress } from './file-read-pool.js';

export class FilePlaces {
  readonly names: StorageNames;
  readonly borderNames: FileNames;
  readonly map: ContentMap;
  readonly #files: Metainfo['files'];
  readonly #layout: PieceLayout;
  readonly #place: StoragePlace;
  #namesAreSettled = false;

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
      return { kind: 'file', root, paths: [part, final], begin: segment.begin, length: segment.length };
    });
  }

  addressOf(segment: Exclude<ContentSegment, { kind: 'zeros' }>): FileAddress {
    return { storage: this.#place.id, root: this.#place.root, names: this.#namesOf(segment) };
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

  #namesOf(segment: Exclude<ContentSegment, { kind: 'zeros' }>): FileNames {
    return segment.kind === 'border' ? this.borderNames : this.names.of(segment.file);
  }
}
