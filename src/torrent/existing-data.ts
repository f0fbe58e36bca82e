/**
 * What lies in the target folder when a torrent starts: surveyed, hashed, judged, and, for a download, made ours.
 */
import { BtgetError } from '../base/failure.js';
import type { FileSurvey, Storage } from '../disk/storage.js';
import type { Metainfo, TorrentFile } from '../metainfo/metainfo.js';
import type { PieceIndex, PieceLayout } from '../metainfo/piece-layout.js';
import { DEFAULT_INITIAL_CHECK_OPTIONS, InitialCheck } from '../pieces/initial-check.js';
import { Bitfield } from '../wire/bitfield.js';
import { judgeFiles, piecesToCheck } from './adoption.js';

export interface ExistingDataParts {
  readonly metainfo: Metainfo;
  readonly layout: PieceLayout;
  readonly storage: Storage;
  /** Where a file is, for people. */
  readonly pathOf: (file: TorrentFile) => string;
  /** False: nothing on the disk is touched, and nobody's file is in the way. */
  readonly mayWrite: boolean;
  /** True: a foreign file is not in the way, because it will be replaced. */
  readonly overwrite: boolean;
  readonly warned: (code: string, message: string) => void;
  /** Bytes looked at, of all that are to be looked at. */
  readonly checking: (checked: number, length: number) => void;
}

export interface ExistingDataFound {
  readonly ok: true;
  readonly verified: readonly PieceIndex[];
  /** Files that are whole and have their name. */
  readonly whole: ReadonlySet<number>;
}

export type ExistingDataOutcome = ExistingDataFound | { readonly ok: false; readonly failure: BtgetError };

/**
 * Runs once, then answers once, unless stopped. Only pieces that may be whole are hashed. A download renames what is
 * begun to its part name; a foreign file ends it before anything is touched.
 */
export class ExistingData {
  readonly #parts: ExistingDataParts;
  readonly #answered: (outcome: ExistingDataOutcome) => void;
  readonly #verified = new Set<PieceIndex>();
  #check: InitialCheck | null = null;
  #stopped = false;

  constructor(parts: ExistingDataParts, answered: (outcome: ExistingDataOutcome) => void) {
    this.#parts = parts;
    this.#answered = answered;
  }

  begin(): void {
    this.#parts.storage.survey((outcome) => {
      if (this.#stopped) return;
      if (outcome.ok) this.#hash(outcome.files);
      else this.#answer({ ok: false, failure: outcome.failure });
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#check?.stop();
  }

  #hash(survey: readonly FileSurvey[]): void {
    const { metainfo, layout, storage, checking } = this.#parts;
    const pieces = piecesToCheck(metainfo, layout, survey);
    const length = pieces.reduce((sum, piece) => sum + layout.lengthOf(piece), 0);
    let checked = 0;
    checking(0, length);
    if (pieces.length === 0) {
      this.#judge(survey, pieces);
      return;
    }
    let failure: BtgetError | null = null;
    const pieceDone = (piece: PieceIndex): void => {
      checked += layout.lengthOf(piece);
      checking(checked, length);
    };
    this.#check = new InitialCheck(storage, pieces, DEFAULT_INITIAL_CHECK_OPTIONS, {
      pieceChecked: (piece, matches) => {
        if (matches) this.#verified.add(piece);
        pieceDone(piece);
      },
      checkFailed: (piece, reason) => {
        failure ??= reason;
        pieceDone(piece);
      },
      checkEnded: () => {
        if (failure === null) this.#judge(survey, pieces);
        else this.#answer({ ok: false, failure });
      },
    });
    this.#check.start();
  }

  #judge(survey: readonly FileSurvey[], pieces: readonly PieceIndex[]): void {
    const { metainfo, layout, mayWrite } = this.#parts;
    const checked = new Bitfield(layout.pieceCount);
    for (const piece of pieces) checked.set(piece);
    const verified: ReadonlySet<number> = this.#verified;
    const verdicts = judgeFiles(
      metainfo,
      layout,
      survey,
      (piece) => checked.has(piece),
      (piece) => verified.has(piece),
    );
    const whole = new Set<number>();
    for (const [file, verdict] of verdicts.entries()) if (verdict === 'whole') whole.add(file);
    const outcome: ExistingDataOutcome = { ok: true, verified: [...this.#verified], whole };
    if (!mayWrite) {
      this.#answer(outcome);
      return;
    }
    const foreign = metainfo.files[verdicts.indexOf('foreign')];
    if (foreign !== undefined && !this.#parts.overwrite) {
      const message = `${this.#parts.pathOf(foreign)} exists and shares nothing with the torrent`;
      this.#answer({ ok: false, failure: new BtgetError('foreign-file', message) });
      return;
    }
    this.#demote(
      verdicts.flatMap((verdict, file) => (verdict === 'demote' ? [file] : [])),
      0,
      survey,
      outcome,
    );
  }

  /** `files` from `next` on, one after another: most downloads have none. */
  #demote(files: readonly number[], next: number, survey: readonly FileSurvey[], outcome: ExistingDataOutcome): void {
    const file = files[next];
    if (file === undefined) {
      this.#beginWriting(outcome);
      return;
    }
    const wanted = this.#parts.metainfo.files[file];
    if (wanted !== undefined && (survey[file]?.length ?? 0) > wanted.length) {
      this.#parts.warned(
        'longer-file',
        `${this.#parts.pathOf(wanted)} is longer than the torrent says and will be cut`,
      );
    }
    this.#parts.storage.demoteFile(file, (done) => {
      if (this.#stopped) return;
      if (done.ok) this.#demote(files, next + 1, survey, outcome);
      else this.#answer({ ok: false, failure: done.failure });
    });
  }

  /** A folder that cannot be written, or a full disk, is better known before the first peer is asked for anything. */
  #beginWriting(outcome: ExistingDataOutcome): void {
    const { layout, storage } = this.#parts;
    for (const piece of layout.pieceIndices()) {
      if (this.#verified.has(piece)) continue;
      // Whatever was there is not what the piece holds, so nothing is lost with its first byte.
      storage.writeBlock(piece, 0, Buffer.alloc(1), (done) =>
        this.#answer(done.ok ? outcome : { ok: false, failure: done.failure }),
      );
      return;
    }
    this.#answer(outcome);
  }

  #answer(outcome: ExistingDataOutcome): void {
    if (!this.#stopped) this.#answered(outcome);
  }
}
