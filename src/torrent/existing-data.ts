/**
 * What lies in the target folder when a torrent starts: surveyed, believed or hashed, judged, and, for a download, made
 * ours.
 */
import { BtgetError } from '../base/failure.js';
import type { FileSurvey, Storage } from '../disk/storage.js';
import type { Metainfo, TorrentFile } from '../metainfo/metainfo.js';
import type { PieceIndex, PieceLayout } from '../metainfo/piece-layout.js';
import type { Resume } from '../resume/resume.js';
import { judgeFiles, type Verdict } from './adoption.js';
import { type CheckedData, DataCheck, type DataCheckParts } from './data-check.js';

export interface ExistingDataParts {
  readonly metainfo: Metainfo;
  readonly layout: PieceLayout;
  readonly storage: Storage;
  readonly resume: Pick<Resume, 'open' | 'believe' | 'begin'>;
  /** Where a file is, for people. */
  readonly pathOf: (file: TorrentFile) => string;
  /** False: nothing on the disk is touched, and nobody's file is in the way. */
  readonly mayWrite: boolean;
  /** True: a foreign file is not in the way, because it will be replaced. */
  readonly overwrite: boolean;
  /** True: the disk is tried by writing a byte, which must hurt no piece that is under way. */
  readonly probes: boolean;
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
  #dataCheck: DataCheck | null = null;
  #stopped = false;

  constructor(parts: ExistingDataParts, answered: (outcome: ExistingDataOutcome) => void) {
    this.#parts = parts;
    this.#answered = answered;
  }

  begin(): void {
    const { resume, storage } = this.#parts;
    resume.open((opened) => {
      if (this.#stopped) return;
      if (!opened.ok) {
        this.#answer(opened);
        return;
      }
      storage.survey((outcome) => {
        if (this.#stopped) return;
        if (outcome.ok) this.#check(outcome.files);
        else this.#answer(outcome);
      });
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#dataCheck?.stop();
  }

  #check(survey: readonly FileSurvey[]): void {
    const { resume } = this.#parts;
    const believe: DataCheckParts['believe'] = (found, possible) => resume.believe(found, possible);
    this.#dataCheck = new DataCheck({ ...this.#parts, believe }, survey, (outcome) => {
      if (outcome.ok) this.#judge(survey, outcome);
      else this.#answer(outcome);
    });
    this.#dataCheck.begin();
  }

  #judge(survey: readonly FileSurvey[], data: CheckedData): void {
    const { metainfo, layout, mayWrite } = this.#parts;
    const verified: ReadonlySet<number> = data.verified;
    const verdicts = judgeFiles(metainfo, layout, survey, {
      isLookedAt: (piece) => data.lookedAt.has(piece),
      isVerified: (piece) => verified.has(piece),
      isOurs: (file) => data.known.has(file),
    });
    const whole = new Set<number>();
    for (const [file, verdict] of verdicts.entries()) if (verdict === 'whole') whole.add(file);
    const outcome: ExistingDataFound = { ok: true, verified: [...data.verified], whole };
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
    const incomplete = verdicts.flatMap((verdict, file) => (verdict === 'demote' ? [file] : []));
    // What was written down before holds for files that nobody has touched since.
    const files = survey.map(({ identity }, file) => (isOurs(verdicts[file]) ? identity : null));
    this.#parts.resume.begin({ files, verified: outcome.verified, unflushed: data.unflushed }, () => {
      if (!this.#stopped) this.#demote(incomplete, 0, survey, outcome);
    });
  }

  /** `files` from `next` on, one after another: most downloads have none. */
  #demote(files: readonly number[], next: number, survey: readonly FileSurvey[], outcome: ExistingDataFound): void {
    const file = files[next];
    if (file === undefined) {
      if (this.#parts.probes) this.#beginWriting(outcome);
      else this.#answer(outcome);
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
  #beginWriting(outcome: ExistingDataFound): void {
    const { layout, storage } = this.#parts;
    const verified = new Set(outcome.verified);
    for (const piece of layout.pieceIndices()) {
      if (verified.has(piece)) continue;
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

/** Whether the download may write to a file of this verdict. Of others, nothing is written down either. */
function isOurs(verdict: Verdict | undefined): boolean {
  return verdict === 'ours' || verdict === 'demote' || verdict === 'whole';
}
