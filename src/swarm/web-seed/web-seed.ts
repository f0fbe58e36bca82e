import type { Millis, Timers } from '../../base/clock.js';
import { SecretUrl } from '../../base/secret-url.js';
import { DEFAULT_MEASURE_OPTIONS, Measure } from '../../measure/measure.js';
import type { Metainfo, TorrentFile } from '../../metainfo/metainfo.js';
import { type PieceIndex, type PieceLayout, piecesOfFile } from '../../metainfo/piece-layout.js';
import type { SourcedUrl } from '../../net/url-rule.js';
import { Bitfield, fullBitfield } from '../../wire/bitfield.js';
import type { OtherSender } from '../download/block-asker.js';
import type { FileRanges } from './file-ranges.js';
import { fileUrl } from './file-url.js';
import type { SeedFault } from './range-answer.js';

/** What a WebSeed needs of its torrent. */
export interface WebSeedParts {
  readonly timers: Timers;
  readonly layout: PieceLayout;
  readonly metainfo: Pick<Metainfo, 'files' | 'isFolder'>;
  readonly fileRanges: FileRanges;
  /** Told in a sentence what is wrong with the seed. */
  readonly told: (message: string) => void;
  /** The seed has sent wrong bytes: what is under way with it is of no use. */
  readonly convicted: (seed: WebSeed) => void;
}

/** What is wrong with a file there. */
interface FileState {
  /** The file is not asked for before this time; infinite for never again. */
  until: Millis;
  /** Faults in a row. */
  failures: number;
  /** The server gives only the whole file. */
  rangeless: boolean;
  /** How often the whole file was read. */
  readings: number;
}

const FIRST_WAIT: Millis = 30_000;
const MAX_WAIT: Millis = 3_600_000;
/** When this many files in a row are not there, the others will not be there either. */
const MANY_FILES = 8;

/**
 * A server that has the files of the torrent (BEP 19), and what we have learnt of it: which files it lacks and until
 * when it, or one of its files, is left alone. Nothing that it does costs the torrent more than its bytes.
 */
export class WebSeed implements OtherSender {
  readonly named: SourcedUrl;
  /** Its useful bytes. */
  readonly measure: Measure;
  /** How many runs are under way. */
  running = 0;
  /** Which of all runs was its last one; 0 before the first. */
  turn = 0;
  readonly #parts: WebSeedParts;
  readonly #states = new Map<number, FileState>();
  /** Pieces over several files that it has sent wrong bytes of. */
  readonly #barred = new Set<PieceIndex>();
  #maxRuns = 1;
  /** It has refused a second connection. */
  #isSingle = false;
  #failures = 0;
  #filesMissing = 0;
  #restsUntil: Millis = Number.NEGATIVE_INFINITY;
  /** Until when it has asked to be left alone itself. */
  #wishesUntil: Millis = Number.NEGATIVE_INFINITY;
  #rate: number | null = null;
  /** How often in a row it had to make way for being slow, and until when it does. */
  #slownesses = 0;
  #makesWayUntil: Millis = Number.NEGATIVE_INFINITY;
  #usable: Bitfield | null = null;
  /** When a file may be tried again that `#usable` leaves out. */
  #usableUntil: Millis = Number.POSITIVE_INFINITY;

  constructor(named: SourcedUrl, parts: WebSeedParts) {
    this.named = named;
    this.#parts = parts;
    this.measure = new Measure(DEFAULT_MEASURE_OPTIONS, parts.timers.now());
    const { files, isFolder } = parts.metainfo;
    const [some] = files;
    if (some === undefined || fileUrl(named.url.whole, isFolder, some) === null)
      this.failed(null, { of: 'seed', host: null, wait: null, message: 'no url of a file can be made of it' });
  }

  /** How many runs it may have at the same time. */
  get maxRuns(): number {
    return this.#maxRuns;
  }

  /** A second run would be of use. */
  wantsSecondRun(): void {
    if (!this.#isSingle) this.#maxRuns = 2;
  }

  /** Until when it is left alone; infinite when it is banned. */
  get restsUntil(): Millis {
    return this.#restsUntil;
  }

  /** When there may be more to ask it for, after a wait; infinite when time changes nothing. */
  get changesAt(): Millis {
    const now = this.#parts.timers.now();
    const until = Math.max(this.#restsUntil, this.#makesWayUntil);
    return until > now ? until : this.#usableUntil;
  }

  /** Bytes a second of one connection at the end of its last run; null when it has not shown what it can do. */
  get rate(): number | null {
    return this.#rate;
  }

  /** A run has shown what one connection gives. */
  showed(rate: number, floorRate: number): void {
    this.#rate = rate;
    if (rate >= floorRate) this.#slownesses = 0;
  }

  /** It is so slow that it is asked for nothing for a while, as long as another one gives something. */
  makeWay(): void {
    this.#slownesses += 1;
    this.#makesWayUntil = this.#parts.timers.now() + waitOf(DOUBLING, this.#slownesses);
    this.#tell('it is so slow that others are asked in its place');
  }

  /** Whether it is asked for something only when no other one is. */
  get makesWay(): boolean {
    return this.#makesWayUntil > this.#parts.timers.now();
  }

  /** The pieces that it may be asked for now. The caller must not change it. */
  get usable(): Bitfield {
    if (this.#usable === null || this.#usableUntil <= this.#parts.timers.now()) this.#usable = this.#findUsable();
    return this.#usable;
  }

  /** The URL of a file; null when the seed cannot have it. */
  urlOf(file: number): SecretUrl | null {
    const { files, isFolder } = this.#parts.metainfo;
    const url = fileUrl(this.named.url.whole, isFolder, files[file] as TorrentFile);
    return url === null ? null : new SecretUrl(url);
  }

  /** The files that it gives only as a whole. */
  get rangeless(): readonly number[] {
    const now = this.#parts.timers.now();
    return [...this.#states].flatMap(([file, { rangeless, until }]) => (rangeless && until <= now ? [file] : []));
  }

  /**
   * The pieces that it may be asked for when it is to send the whole of `file`: they begin there, at byte `from` of the
   * file or later.
   */
  usableOfWhole(file: number, from: number): Bitfield {
    const { layout, metainfo, timers } = this.#parts;
    const { begin } = metainfo.files[file] as TorrentFile;
    const { end } = piecesOfFile(metainfo.files[file] as TorrentFile, layout);
    const pieces = new Bitfield(layout.pieceCount);
    for (let piece = Math.ceil((begin + from) / layout.pieceLength); piece < end; piece += 1) pieces.set(piece);
    this.#leaveOut(pieces, (state) => state.until > timers.now());
    return pieces;
  }

  /** It gives the file, but no part of it. */
  givesNoRanges(file: number): void {
    this.#stateOf(file).rangeless = true;
    this.#usable = null;
    this.#tell(`it gives only the whole of ${this.#nameOf(file)}`);
  }

  /**
   * A file that it gives only as a whole was read. What is still missing of it may come from peers, so we wait before
   * we read all of it again.
   */
  readWhole(file: number): void {
    const state = this.#stateOf(file);
    state.readings += 1;
    state.until = this.#parts.timers.now() + waitOf(DOUBLING, state.readings);
    this.#usable = null;
  }

  /** It has begun to send bytes of the file. */
  worked(file: number): void {
    this.#failures = 0;
    this.#filesMissing = 0;
    const state = this.#states.get(file);
    if (state !== undefined) state.failures = 0;
  }

  /** `file`: the one that was asked for; null when the fault has nothing to do with a file. */
  failed(file: number | null, fault: SeedFault): void {
    if (fault.of === 'way') {
      this.#restsUntil = Math.max(this.#restsUntil, this.#parts.timers.now() + waitOf(fault, 1));
      this.#tell(fault.message);
      return;
    }
    if (fault.of === 'seed' && this.running > 1) {
      // The other connection works, so the server may only refuse a second one.
      this.#isSingle = true;
      this.#maxRuns = 1;
      return;
    }
    const now = this.#parts.timers.now();
    const culprit = fault.of === 'seed' ? fault.host : file === null ? null : this.#nameOf(file);
    this.#tell(culprit === null ? fault.message : `${culprit}: ${fault.message}`);
    if (fault.of === 'file' && file !== null) {
      const state = this.#stateOf(file);
      state.failures += 1;
      state.until = now + waitOf(fault, state.failures);
      this.#usable = null;
      this.#filesMissing += 1;
      if (this.#filesMissing < MANY_FILES) return;
    }
    this.#failures += 1;
    const wait = fault.of === 'seed' ? waitOf(fault, this.#failures) : waitOf(DOUBLING, this.#failures);
    this.#restsUntil = Math.max(this.#restsUntil, now + wait);
    // Only a server that has answered wishes for a time of its own.
    if (fault.of === 'seed' && fault.host !== null && fault.wait !== 'doubling')
      this.#wishesUntil = Math.max(this.#wishesUntil, now + wait);
  }

  /** We may be in another network: what kept us from the server says nothing any more. */
  networkChanged(): void {
    if (this.#restsUntil === Number.POSITIVE_INFINITY) return;
    this.#failures = 0;
    this.#restsUntil = Math.min(this.#restsUntil, this.#wishesUntil);
  }

  /**
   * It has sent wrong bytes. A torrent of one file has no other file for it to give. A piece within one file shows that
   * this file is another one there; of a piece over several files nobody knows which. Pieces that came before the first
   * verdict say nothing new, and must not end what the seed was asked for since.
   */
  sentWrong(piece: PieceIndex): void {
    const { metainfo, fileRanges } = this.#parts;
    const files = fileRanges.filesOf(piece);
    const [file] = files;
    if (this.#isConvicted(piece, files)) return;
    this.#usable = null;
    if (!metainfo.isFolder) {
      this.#restsUntil = Number.POSITIVE_INFINITY;
      this.#tell(`it has sent wrong bytes (piece ${piece}), and is asked no more`);
    } else if (file !== undefined && files.length === 1) {
      this.#stateOf(file).until = Number.POSITIVE_INFINITY;
      this.#tell(`${this.#nameOf(file)}: wrong bytes (piece ${piece}); the file is asked for no more there`);
    } else {
      this.#barred.add(piece);
      this.#tell(`wrong bytes in piece ${piece}, which is over ${files.length} files`);
    }
    this.#parts.convicted(this);
  }

  /** Whether it is never asked for the piece, which lies in `files`, again. */
  #isConvicted(piece: PieceIndex, files: readonly number[]): boolean {
    if (this.#restsUntil === Number.POSITIVE_INFINITY || this.#barred.has(piece)) return true;
    return files.some((file) => this.#states.get(file)?.until === Number.POSITIVE_INFINITY);
  }

  #findUsable(): Bitfield {
    const { layout, timers } = this.#parts;
    const now = timers.now();
    const usable = fullBitfield(layout.pieceCount);
    this.#usableUntil = Number.POSITIVE_INFINITY;
    for (const { until } of this.#states.values())
      if (until > now) this.#usableUntil = Math.min(this.#usableUntil, until);
    this.#leaveOut(usable, ({ until, rangeless }) => until > now || rangeless);
    return usable;
  }

  /** Leaves the pieces out that are barred, and those with bytes of files that must not be asked for. */
  #leaveOut(pieces: Bitfield, mustNot: (state: FileState) => boolean): void {
    const { layout, metainfo } = this.#parts;
    for (const [index, state] of this.#states) {
      if (!mustNot(state)) continue;
      const { first, end } = piecesOfFile(metainfo.files[index] as TorrentFile, layout);
      for (let piece = first; piece < end; piece += 1) pieces.clear(piece);
    }
    for (const piece of this.#barred) pieces.clear(piece);
  }

  #stateOf(file: number): FileState {
    const state = this.#states.get(file) ?? {
      until: Number.NEGATIVE_INFINITY,
      failures: 0,
      rangeless: false,
      readings: 0,
    };
    this.#states.set(file, state);
    return state;
  }

  #nameOf(file: number): string {
    const { files, isFolder } = this.#parts.metainfo;
    const { path } = files[file] as TorrentFile;
    return (isFolder ? path.slice(1) : path).join('/');
  }

  #tell(message: string): void {
    const { url } = this.named;
    this.#parts.told(`web seed ${url}: ${url.hide(message)}`);
  }
}

const DOUBLING: SeedFault = { of: 'seed', host: null, wait: 'doubling', message: '' };

function waitOf({ wait }: SeedFault, failures: number): Millis {
  if (wait === null) return Number.POSITIVE_INFINITY;
  return wait === 'doubling' ? Math.min(MAX_WAIT, FIRST_WAIT * 2 ** Math.min(failures - 1, 20)) : wait;
}
