/**
 * The files of one torrent as the main thread knows them: what lies in which file, which names they have, and which
 * file (device and inode) was found under a name. No other file is read in its place.
 */
import type { Metainfo } from '../../metainfo/metainfo.js';
import type { PieceIndex, PieceLayout } from '../../metainfo/piece-layout.js';
import { ContentMap, type ContentSegment, type PlaceRule } from '../content-map.js';
import type { ExactCandidate, FoundName } from '../exact-names.js';
import { borderName, type FileNames, StorageNames } from '../names.js';
import type {
  FileWrite,
  HashSource,
  KnownPlace,
  ReadPlace,
  StoragePlace,
  SurveyedFile,
  WatchedFile,
} from '../protocol.js';
import type { SeenFile } from '../same-file.js';
import type { LinkedPlace } from '../storage.js';
import { below, fromTop } from '../system/guard.js';
import type { IdentifiedFile } from '../system/operations.js';
import type { FileAddress } from './read-pool.js';

export class FilePlaces {
  readonly names: StorageNames;
  readonly borderNames: FileNames;
  readonly map: ContentMap;
  readonly #files: Metainfo['files'];
  readonly #layout: PieceLayout;
  readonly #place: StoragePlace;
  /** By index in the metainfo; null: all. */
  readonly #selected: ReadonlySet<number> | null;
  #namesAreSettled = false;
  /** By index in the metainfo: files that are read through a link. */
  readonly #linked = new Map<number, LinkedPlace>();
  /** Those files in `#linked` of which we have a copy. */
  readonly #copied = new Set<number>();
  /**
   * Which file was surveyed or finished, by the path that leads to it: a name below the root, or an absolute path
   * behind a link. When another file comes to that path, it is not read.
   */
  readonly #pinned = new Map<string, SeenFile>();
  /** Files that the worker writes, so that it knows which ones they are. Null is the border file. */
  readonly #written = new Set<number | null>();
  #isSurveyed = false;

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
    this.#selected = selected;
  }

  isSelected(file: number): boolean {
    return this.#selected?.has(file) !== false;
  }

  /** Whether it is known under which names the files lie. */
  get namesAreSettled(): boolean {
    return this.#namesAreSettled;
  }

  settleNames(candidates: readonly ExactCandidate[], found: readonly FoundName[]): void {
    this.#namesAreSettled = true;
    if (candidates.length > 0) this.names.settle(candidates, found);
  }

  /**
   * Records the survey. A file that was found through a link is read where it was found: a link that is planted later
   * leads no reader anywhere. What is known of a file already stays, even when another file has come to its name: only
   * `released` forgets it.
   */
  surveyed(found: readonly SurveyedFile[], border: SurveyedFile): void {
    this.#isSurveyed = true;
    for (const [file, { survey, ids }] of found.entries()) {
      const tellsNothing = survey.linked === undefined && ids.length === 0;
      if (tellsNothing || this.#isKnown(file)) continue;
      if (survey.linked !== undefined) this.#linked.set(file, survey.linked);
      this.pin({ survey, ids });
    }
    if (!this.#isKnown(null)) this.pin(border);
  }

  #isKnown(file: number | null): boolean {
    const { part, final } = this.namesOf(file);
    const isLinked = file !== null && this.#linked.has(file);
    return this.#written.has(file) || isLinked || this.#pinned.has(part) || this.#pinned.has(final);
  }

  pin({ survey: { identity }, ids }: SurveyedFile): void {
    for (const [path, id] of ids) if (!this.#pinned.has(path)) this.#pinned.set(path, { id, identity });
  }

  /** The worker writes to the file, or has made it. `file` null is the border file. */
  written(file: number | null): void {
    this.#written.add(file);
  }

  /** The file is whole, and `now` is the file with the final name. Null: a link has that name. */
  finished(file: number, now: IdentifiedFile | null): void {
    this.#written.delete(file);
    const { part, final } = this.names.of(file);
    this.#pinned.delete(part);
    if (now !== null) this.#pinned.set(final, { id: now.id, identity: now });
  }

  /** The file has its final name again, as when it was surveyed. */
  restored(file: number): void {
    this.#written.delete(file);
  }

  /** Forgets what was known of the files with these names. `file` null is the border file. */
  released(file: number | null): void {
    this.#written.delete(file);
    const { part, final } = this.namesOf(file);
    this.#pinned.delete(part);
    this.#pinned.delete(final);
    if (file === null) return;
    const path = this.#linked.get(file)?.path ?? null;
    if (path !== null) this.#pinned.delete(path);
    this.#linked.delete(file);
    this.#copied.delete(file);
  }

  /** The file that had the part name is gone. */
  partRemoved(file: number): void {
    this.#pinned.delete(this.names.of(file).part);
  }

  isWritten(file: number | null): boolean {
    return this.#written.has(file);
  }

  /** From here on the file is read where the download writes it, if it is there. */
  copied(file: number): void {
    this.#copied.add(file);
  }

  /** Where `length` bytes from offset `begin` of the torrent are written. */
  writes(begin: number, length: number): FileWrite[] {
    return this.map.writeSegments(begin, length).map((segment) => ({
      file: segment.kind === 'file' ? segment.file : null,
      names: this.namesIn(segment),
      begin: segment.begin,
      from: segment.from,
      length: segment.length,
    }));
  }

  /** What has to be hashed of a piece that lies as `rule` says: its first `length` bytes. */
  sources(rule: PlaceRule, piece: PieceIndex, length: number): HashSource[] {
    const segments = this.map.segmentsBy(rule, this.#layout.beginOf(piece), length);
    return segments.map((segment) => {
      if (segment.kind === 'zeros') return segment;
      const file = segment.kind === 'file' ? segment.file : null;
      const names = this.namesIn(segment);
      const places = this.readPlaces(file, names, this.linkOf(segment), null);
      const unselected = file === null || this.isSelected(file) ? {} : ({ isUnselected: true } as const);
      return { kind: 'file', places, begin: segment.begin, length: segment.length, ...unselected };
    });
  }

  /** As `sources`, for a piece of one file alone, with `place` in the place of that file. */
  sourcesIn(place: ReadPlace, piece: PieceIndex, length: number): HashSource[] {
    return this.map.segmentsBy('kept', this.#layout.beginOf(piece), length).map((segment) => {
      if (segment.kind === 'zeros') return segment;
      return { kind: 'file', places: [place], begin: segment.begin, length: segment.length };
    });
  }

  /**
   * Where the file may be read, the likeliest place first. `ours` is the file that the worker writes, as in
   * `FileFacts`; null where that need not be known.
   */
  readPlaces(
    file: number | null,
    { part, final }: FileNames,
    link: FileAddress['link'],
    ours: string | null,
  ): ReadPlace[] {
    const { root } = this.#place;
    const places: ReadPlace[] = [];
    for (const path of part === final ? [part] : [part, final]) {
      // Before the survey no file is known, and any will do: only hashing reads then, and hashes prove what was read.
      const pinned = this.#written.has(file) ? undefined : this.#pinned.get(path);
      const known = pinned?.id ?? (this.#isSurveyed ? undefined : null);
      const id = this.#written.has(file) ? ours : known;
      // The link of the user has the final name until a file of ours takes that name.
      const mayBeOurs = link === null || (link.isCopied && (path === part || this.#pinned.has(path)));
      if (mayBeOurs && id !== undefined) places.push({ root, path, id, identity: pinned?.identity ?? null });
    }
    const elsewhere = link?.path ?? null;
    if (elsewhere !== null) {
      const { id, identity } = this.#pinned.get(elsewhere) ?? { id: null, identity: null };
      places.push({ ...fromTop(elsewhere), id, identity });
    }
    return places;
  }

  /**
   * The file as it is known, to be looked at again; `isWhole`: it has its final name. Null when nothing is known of it.
   */
  watched(file: number, isWhole: boolean): WatchedFile | null {
    const listed = this.#files[file];
    if (listed === undefined || listed.padding) return null;
    const names = this.names.of(file);
    const link = this.names.linkTarget(file);
    const isWritten = this.#written.has(file);
    const places = [names.part, names.final].flatMap((path) => this.#knownAt(path, below(this.#place.root, path)));
    const elsewhere = this.#linked.get(file)?.path ?? null;
    if (elsewhere !== null) places.push(...this.#knownAt(elsewhere, elsewhere));
    if (!isWhole && (link !== null || (places.length === 0 && !isWritten))) return null;
    return { names, length: isWhole ? listed.length : null, link, isWritten, places };
  }

  #knownAt(path: string, name: string): KnownPlace[] {
    const pinned = this.#pinned.get(path);
    return pinned === undefined ? [] : [{ name, ...pinned }];
  }

  /** `file` null is the border file. */
  namesOf(file: number | null): FileNames {
    return file === null ? this.borderNames : this.names.of(file);
  }

  /** The file with this part name, as an index in the metainfo; null for the border file. */
  fileOf(part: string): number | null {
    const index = this.#files.findIndex((_, at) => this.names.of(at).part === part);
    return index === -1 ? null : index;
  }

  linkOf(segment: Exclude<ContentSegment, { kind: 'zeros' }>): FileAddress['link'] {
    const linked = segment.kind === 'file' ? this.#linked.get(segment.file) : undefined;
    if (segment.kind !== 'file' || linked === undefined) return null;
    return { path: linked.path, isCopied: this.#copied.has(segment.file) };
  }

  namesIn(segment: Exclude<ContentSegment, { kind: 'zeros' }>): FileNames {
    return segment.kind === 'border' ? this.borderNames : this.names.of(segment.file);
  }
}
