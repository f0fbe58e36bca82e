/**
 * Finds out which pieces the disk holds. It believes the journal for some pieces, and hashes others. Pieces that cannot
 * be whole are neither believed nor hashed.
 */
import type { BtgetError } from '../../base/failure.js';
import type { FileSurvey, Storage, SurveyOutcome } from '../../disk/storage.js';
import type { Metainfo, TorrentFile } from '../../metainfo/metainfo.js';
import { filesOfPieces, type PieceIndex, type PieceLayout, piecesOfFile } from '../../metainfo/piece-layout.js';
import { SharedPieces } from '../../metainfo/shared-pieces.js';
import type { Belief } from '../../resume/belief.js';
import type { UnfinishedPieces } from '../../resume/journal-format.js';
import { Bitfield } from '../../wire/bitfield.js';
import type { WantedContent } from '../content/wanted-content.js';
import { piecesToCheck } from './adoption.js';

export type SurveyedFiles = Extract<SurveyOutcome, { ok: true }>;

export interface DataCheckParts {
  readonly metainfo: Metainfo;
  readonly layout: PieceLayout;
  readonly content: WantedContent;
  readonly storage: Storage;
  readonly believe: (survey: readonly FileSurvey[], possible: readonly PieceIndex[]) => Belief;
  /** The progress: bytes that were hashed, and bytes to hash in all. */
  readonly checking: (checked: number, length: number) => void;
  /**
   * The piece is verified, and nothing in the rest of the start can change that. Not called for every verified piece:
   * some may still have to be moved.
   */
  readonly pieceFound: (piece: PieceIndex) => void;
}

export interface CheckedData {
  readonly ok: true;
  readonly verified: ReadonlySet<PieceIndex>;
  /** Pieces that were believed or hashed, and of which every byte lies in a file. */
  readonly lookedAt: Bitfield;
  /** Verified pieces of which no journal says that they were flushed. */
  readonly unflushed: readonly PieceIndex[];
  /** Files that are ours by what the journal says. */
  readonly known: ReadonlySet<number>;
  /** Files with pieces that were neither believed nor hashed: unwanted ones, or such as nothing can prove. */
  readonly skipped: ReadonlySet<number>;
  /** Blocks that the disk may hold of pieces that are not verified. */
  readonly unfinished: UnfinishedPieces;
}

export type DataCheckOutcome = CheckedData | { readonly ok: false; readonly failure: BtgetError };

export class DataCheck {
  readonly #parts: DataCheckParts;
  readonly #survey: SurveyedFiles;
  readonly #answered: (outcome: DataCheckOutcome) => void;
  readonly #verified = new Set<PieceIndex>();
  readonly #lookedAt: Bitfield;
  /** Doubted pieces that have not proved themselves yet. */
  readonly #unproved = new Set<PieceIndex>();
  /** Pieces that are believed once all doubted ones have proved themselves. */
  #believed: readonly PieceIndex[] = [];
  /** Pieces that will be moved from the border file or copied from behind a link. They may get lost on the way. */
  readonly #movable: ((piece: PieceIndex) => boolean)[] = [];
  readonly #skipped = new Set<number>();
  /**
   * Pieces of which every byte is in a file; null for all pieces. Other pieces show nothing of their files when wrong.
   */
  #inFiles: ReadonlySet<number> | null = null;
  #length = 0;
  #hashedLength = 0;
  #check: InitialCheck | null = null;

  /** `answered` is called once after `begin`, unless the check is stopped. */
  constructor(parts: DataCheckParts, survey: SurveyedFiles, answered: (outcome: DataCheckOutcome) => void) {
    this.#parts = parts;
    this.#survey = survey;
    this.#answered = answered;
    this.#lookedAt = new Bitfield(parts.layout.pieceCount);
  }

  begin(): void {
    const { metainfo, layout, content, believe } = this.#parts;
    const { files, hasBorderFile } = this.#survey;
    const shared = new SharedPieces(metainfo.files, layout);
    const whole = piecesToCheck(metainfo, layout, files, hasBorderFile ? shared : null);
    const possible = whole.filter((piece) => layout.isProvable(piece));
    if (possible.length < whole.length) this.#skip(whole.filter((piece) => !layout.isProvable(piece)));
    const said = believe(files, possible);
    if (hasBorderFile) this.#inFiles = new Set(piecesToCheck(metainfo, layout, files, null));
    const belief = hasBorderFile || !content.isAll ? this.#narrow(said, possible, shared) : said;
    for (const piece of belief.believed) {
      this.#verified.add(piece);
      this.#lookedAt.set(piece);
    }
    if (hasBorderFile) this.#movable.push((piece) => shared.has(piece));
    const linked = this.#survey.files.flatMap((found, file) => (found.linked === undefined ? [] : [file]));
    if (linked.length > 0) this.#movable.push(this.#reachesInto(linked));
    this.#believed = belief.believed;
    for (const piece of belief.doubted) this.#unproved.add(piece);
    this.#tellBelieved();
    this.#hash([...belief.doubted, ...belief.unknown], () => {
      const wrong = belief.doubted.filter((piece) => !this.#verified.has(piece));
      if (wrong.length === 0) this.#end(belief, belief.known);
      else this.#hashFallen(belief, possible, new Set(wrong));
    });
  }

  stop(): void {
    this.#check?.stop();
  }

  /**
   * Only its hash shows whether a shared piece lies in its files or in the border file, so shared pieces are never
   * believed. Of the other unknown pieces only the wanted ones are hashed.
   */
  #narrow(said: Belief, possible: readonly PieceIndex[], shared: SharedPieces): Belief {
    const { metainfo, layout, content } = this.#parts;
    const isSure = (piece: number): boolean => !shared.has(piece);
    const ofFiles = new Bitfield(layout.pieceCount);
    for (const file of metainfo.files) {
      const { first, end } = file.padding ? { first: 0, end: 0 } : piecesOfFile(file, layout);
      for (let piece = first; piece < end; piece += 1) ofFiles.set(piece);
    }
    // The next start does not believe a skipped piece, because its file is recorded without its bytes. A piece of
    // padding alone has no such file, so it is not skipped.
    const isSkipped = (piece: number): boolean => isSure(piece) && !content.hasPiece(piece) && ofFiles.has(piece);
    const skipped = said.unknown.filter(isSkipped);
    if (skipped.length > 0) this.#skip(skipped);
    const unknown = new Set<number>(said.unknown);
    // What is not wanted is not written to in this run, so the next one finds it as it is.
    const isProvable = (piece: PieceIndex): boolean => isSure(piece) || !content.hasPiece(piece);
    const isHashed = (piece: number): boolean => !isSure(piece) || (unknown.has(piece) && !isSkipped(piece));
    return {
      ...said,
      believed: said.believed.filter(isSure),
      doubted: said.doubted.filter(isSure),
      unknown: possible.filter((piece) => isHashed(piece) && said.gone?.has(piece) !== true),
      unfinished: new Map([...said.unfinished].filter(([piece]) => isProvable(piece))),
    };
  }

  #skip(pieces: readonly PieceIndex[]): void {
    const { metainfo, layout } = this.#parts;
    for (const file of filesOfPieces(metainfo.files, layout, new Set(pieces))) this.#skipped.add(file);
  }

  /** Some doubted pieces are wrong, so the pieces that they spoke for are no longer believed, and are hashed. */
  #hashFallen(belief: Belief, possible: readonly PieceIndex[], wrong: ReadonlySet<number>): void {
    const { metainfo, layout } = this.#parts;
    const fallen = new Set<number>();
    const known = new Set(belief.known);
    if (belief.doubtedFor === 'all') for (const piece of possible) fallen.add(piece);
    for (const index of filesOfPieces(metainfo.files, layout, wrong)) {
      // A file under its part name stays ours, whatever its bytes are.
      if (this.#survey.files[index]?.found !== 'part') known.delete(index);
      const file = metainfo.files[index];
      const { first, end } = file === undefined ? { first: 0, end: 0 } : piecesOfFile(file, layout);
      for (let piece = first; piece < end; piece += 1) fallen.add(piece);
    }
    const hashed = new Set([...belief.doubted, ...belief.unknown]);
    const pieces = possible.filter((piece) => fallen.has(piece) && !hashed.has(piece));
    for (const piece of pieces) this.#verified.delete(piece);
    this.#hash(pieces, () => this.#end(belief, known));
  }

  #hash(pieces: readonly PieceIndex[], hashed: () => void): void {
    const { layout, storage, checking } = this.#parts;
    this.#length += pieces.reduce((sum, piece) => sum + layout.lengthOf(piece), 0);
    checking(this.#hashedLength, this.#length);
    if (pieces.length === 0) {
      hashed();
      return;
    }
    let failure: BtgetError | null = null;
    const pieceDone = (piece: PieceIndex, isRead: boolean): void => {
      if (isRead && (this.#inFiles === null || this.#inFiles.has(piece))) this.#lookedAt.set(piece);
      this.#hashedLength += layout.lengthOf(piece);
      checking(this.#hashedLength, this.#length);
    };
    this.#check = new InitialCheck(storage, pieces, DEFAULT_INITIAL_CHECK_OPTIONS, {
      pieceChecked: (piece, matches, isRead) => {
        if (matches) this.#verified.add(piece);
        if (matches) this.#tell(piece);
        if (matches && this.#unproved.delete(piece)) this.#tellBelieved();
        pieceDone(piece, isRead);
      },
      checkFailed: (piece, reason) => {
        failure ??= reason;
        pieceDone(piece, true);
      },
      checkEnded: () => {
        if (failure === null) hashed();
        else this.#answered({ ok: false, failure });
      },
    });
    this.#check.start();
  }

  /** Reports the believed pieces. While a doubted piece may be wrong, these may still have to be hashed. */
  #tellBelieved(): void {
    if (this.#unproved.size > 0) return;
    for (const piece of this.#believed) this.#tell(piece);
  }

  #tell(piece: PieceIndex): void {
    if (!this.#movable.some((isMovable) => isMovable(piece))) this.#parts.pieceFound(piece);
  }

  /** A test for pieces that hold bytes of these files. */
  #reachesInto(files: readonly number[]): (piece: PieceIndex) => boolean {
    const { metainfo, layout } = this.#parts;
    const reached = new Bitfield(layout.pieceCount);
    for (const file of files) {
      const { first, end } = piecesOfFile(metainfo.files[file] as TorrentFile, layout);
      for (let piece = first; piece < end; piece += 1) reached.set(piece);
    }
    return (piece) => reached.has(piece);
  }

  #end({ believed, doubted, unfinished, unproved }: Belief, known: ReadonlySet<number>): void {
    const flushed = new Set([...believed, ...doubted]);
    this.#answered({
      ok: true,
      verified: this.#verified,
      lookedAt: this.#lookedAt,
      unflushed: [...this.#verified].filter((piece) => !flushed.has(piece)),
      known:
        unproved === undefined
          ? known
          : new Set([...known].filter((file) => !unproved.has(file) || !this.#isWrong(file))),
      skipped: this.#skipped,
      unfinished: new Map([...unfinished].filter(([piece]) => !this.#verified.has(piece))),
    });
  }

  /** Whether a piece of the file alone has another hash. */
  #isWrong(file: number): boolean {
    const { metainfo, layout } = this.#parts;
    const verified: ReadonlySet<number> = this.#verified;
    return piecesWithin(metainfo.files[file] as TorrentFile, layout).some(
      (piece) => this.#lookedAt.has(piece) && !verified.has(piece),
    );
  }
}

/** The pieces that hold bytes of this file alone. */
export function piecesWithin(file: TorrentFile, layout: PieceLayout): number[] {
  const { begin, length } = file;
  const first = Math.ceil(begin / layout.pieceLength);
  // The last piece of a torrent ends with its last file. With hash trees, the last piece of each file does.
  const piece = layout.pieceIndex(first);
  const isOfOneFile = piece !== undefined && layout.fileOf(piece) !== undefined;
  const reaches = isOfOneFile || begin + length === layout.length;
  const end = reaches ? piecesOfFile(file, layout).end : Math.floor((begin + length) / layout.pieceLength);
  return Array.from({ length: Math.max(0, end - first) }, (_, index) => first + index);
}

interface InitialCheckOptions {
  /**
   * How many pieces are given to the storage at once: so many that small pieces go to its workers in groups and all
   * workers are busy. When the storage closes, it drops pieces that no worker has, so a large number does not delay the
   * end.
   */
  readonly atOnce: number;
}

export const DEFAULT_INITIAL_CHECK_OPTIONS: InitialCheckOptions = { atOnce: 1024 };

interface InitialCheckEvents {
  /** The piece has been hashed, unless not all of it could be read. Pieces come in any order, each once. */
  pieceChecked(piece: PieceIndex, matches: boolean, isRead: boolean): void;
  /** The disk could not read the piece. The piece counts as checked, and the check goes on with the others. */
  checkFailed(piece: PieceIndex, failure: BtgetError): void;
  /** Every piece has been checked. Not called after `stop`, nor within `start`. */
  checkEnded(): void;
}

/** Hashes pieces on the disk, a bounded number of them at once. */
export class InitialCheck {
  readonly #storage: Pick<Storage, 'checkPiece'>;
  readonly #pieces: readonly PieceIndex[];
  readonly #options: InitialCheckOptions;
  readonly #events: InitialCheckEvents;
  #next = 0;
  #checked = 0;
  #stopped = false;

  /**
   * There must be at least one piece: `checkEnded` is never called within `start`, and without a piece nothing calls
   * it.
   */
  constructor(
    storage: Pick<Storage, 'checkPiece'>,
    pieces: readonly PieceIndex[],
    options: InitialCheckOptions,
    events: InitialCheckEvents,
  ) {
    if (pieces.length === 0) throw new Error('there is no piece to check');
    this.#storage = storage;
    this.#pieces = pieces;
    this.#options = options;
    this.#events = events;
  }

  start(): void {
    for (let asked = 0; asked < this.#options.atOnce; asked += 1) this.#checkNext();
  }

  /** No event follows. Answers that the storage still gives are ignored. */
  stop(): void {
    this.#stopped = true;
  }

  #checkNext(): void {
    const piece = this.#pieces[this.#next];
    if (piece === undefined || this.#stopped) return;
    this.#next += 1;
    this.#storage.checkPiece(piece, (outcome) => {
      if (this.#stopped) return;
      this.#checked += 1;
      if (outcome.ok) this.#events.pieceChecked(piece, outcome.matches, outcome.isUnreadable !== true);
      else this.#events.checkFailed(piece, outcome.failure);
      this.#checkNext();
      if (this.#checked === this.#pieces.length && !this.#stopped) this.#events.checkEnded();
    });
  }
}
