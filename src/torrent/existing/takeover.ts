/** Makes what was found in the target folder ours, once it is judged, and makes the disk ready for the download. */
import type { BtgetError } from '../../base/failure.js';
import type { AdoptedFile, FileIdentity, FileSurvey, MakeOutcome, Storage } from '../../disk/storage.js';
import type { Metainfo } from '../../metainfo/metainfo.js';
import type { PieceIndex } from '../../metainfo/piece-layout.js';
import type { Findings, Resume } from '../../resume/resume.js';
import type { WantedContent } from '../content/wanted-content.js';
import { filePath, type TorrentOptions } from '../torrent-options.js';
import type { SurveyedFiles } from './data-check.js';
import { type DiskPreparationParts, prepareDisk } from './disk-preparation.js';
import { copyLinkedFiles } from './linked-files.js';

export interface TakeoverParts extends DiskPreparationParts {
  readonly resume: Pick<Resume, 'begin' | 'claim' | 'undone'>;
  readonly options: TorrentOptions;
  /** True: the disk is prepared for what is to come, once: that may hurt pieces that are under way. */
  readonly prepares: boolean;
  readonly warned: (code: string, message: string) => void;
}

/** What is to become of the files, by index in the metainfo. */
export interface TakeoverPlan {
  readonly survey: SurveyedFiles;
  readonly findings: Findings;
  /** Files that are whole and have their name. */
  readonly whole: ReadonlySet<number>;
  readonly adopted: readonly AdoptedFile[];
  /** Files of which what has the part name is removed … */
  readonly partsToRemove: readonly number[];
  /** … and those that lie under their final names beside what has their part names. */
  readonly beside: Pick<ReadonlySet<number>, 'has'>;
  /** Files of which what is right behind a link is copied. */
  readonly toCopy: readonly number[];
  /** Files that lose their final names … */
  readonly toDemote: readonly number[];
  /** … but for these, which are another torrent's: a copy gets the part name. */
  readonly kept: ReadonlySet<number>;
}

export type TakeoverOutcome =
  /** What is verified still. */
  | { readonly ok: true; readonly verified: readonly PieceIndex[] }
  | { readonly ok: false; readonly failure: BtgetError };

/** Runs once, then answers once, unless stopped. A file that cannot be written to ends it before any loses its name. */
export class Takeover {
  readonly #parts: TakeoverParts;
  readonly #plan: TakeoverPlan;
  readonly #answered: (outcome: TakeoverOutcome) => void;
  /** Files that have lost their final names. */
  readonly #demoted: number[] = [];
  #stopped = false;

  constructor(parts: TakeoverParts, plan: TakeoverPlan, answered: (outcome: TakeoverOutcome) => void) {
    this.#parts = parts;
    this.#plan = plan;
    this.#answered = answered;
  }

  begin(): void {
    const { adopted } = this.#plan;
    if (adopted.length === 0) this.#makeFiles();
    else
      this.#parts.storage.adoptFiles(
        adopted,
        this.#ifOk(() => this.#makeFiles()),
      );
  }

  stop(): void {
    this.#stopped = true;
  }

  #makeFiles(): void {
    const { storage, metainfo, content, options } = this.#parts;
    const { survey, findings } = this.#plan;
    const toMake = options.partNames ? [] : filesToMake(metainfo, content, survey.files);
    makeFiles(
      storage,
      toMake,
      this.#ifOk(({ made }) =>
        this.#beginJournal({ ...findings, files: findings.files.map((identity, file) => made.get(file) ?? identity) }),
      ),
    );
  }

  #beginJournal(findings: Findings): void {
    this.#parts.resume.begin(findings, () => {
      if (!this.#stopped) this.#removeParts(this.#plan.partsToRemove);
    });
  }

  #removeParts(files: readonly number[]): void {
    const [file, ...others] = files;
    if (file === undefined) {
      this.#copyLinked();
      return;
    }
    const { storage } = this.#parts;
    if (this.#plan.beside.has(file)) storage.useParts([file]);
    storage.removePart(
      file,
      this.#ifOk(() => this.#removeParts(others)),
    );
  }

  #copyLinked(): void {
    const { metainfo, layout, storage } = this.#parts;
    const { toCopy, findings } = this.#plan;
    const verified = new Set<number>(findings.verified);
    const isVerified = (piece: number): boolean => verified.has(piece);
    const lost = (piece: PieceIndex): void => {
      verified.delete(piece);
    };
    copyLinkedFiles(
      storage,
      { metainfo, layout, isVerified },
      toCopy,
      lost,
      this.#ifOk(() => this.#demote(0, findings.verified.filter(isVerified))),
    );
  }

  /** The files of the plan from `next` on, one after another: most downloads have none. */
  #demote(next: number, verified: readonly PieceIndex[]): void {
    const { metainfo, storage, options, prepares, warned } = this.#parts;
    const { survey, toDemote, kept } = this.#plan;
    const file = toDemote[next];
    if (file === undefined) {
      if (prepares) this.#prepare(verified);
      else this.#answer({ ok: true, verified });
      return;
    }
    const wanted = metainfo.files[file];
    if (wanted !== undefined && (survey.files[file]?.length ?? 0) > wanted.length)
      warned('longer-file', `${filePath(wanted, options)} is longer than the torrent says and will be cut`);
    storage.demoteFile(file, kept.has(file), (done) => {
      if (this.#stopped) return;
      if (!done.ok) {
        this.#undo(done.failure);
        return;
      }
      if (options.partNames && !kept.has(file) && !survey.files[file]?.bothNames) this.#demoted.push(file);
      this.#demote(next + 1, verified);
    });
  }

  #prepare(found: readonly PieceIndex[]): void {
    const { content, layout, resume } = this.#parts;
    const { survey, findings, whole } = this.#plan;
    prepareDisk(this.#parts, survey, { verified: found, unfinished: findings.unfinished, whole }, (outcome) => {
      if (this.#stopped) return;
      if (!outcome.ok) {
        this.#undo(outcome.failure);
        return;
      }
      const { verified } = outcome;
      const prepared = { ok: true, verified: [...verified] } as const;
      const isMissing = [...layout.pieceIndices()].some((piece) => content.hasPiece(piece) && !verified.has(piece));
      if (isMissing) resume.claim(() => this.#answer(prepared));
      else this.#answer(prepared);
    });
  }

  /** Files that lost their names for a download that does not begin get them back. */
  #undo(failure: BtgetError): void {
    const { storage, resume } = this.#parts;
    const file = this.#demoted.pop();
    if (file === undefined) {
      this.#answer({ ok: false, failure });
      return;
    }
    resume.undone();
    // What cannot be undone is less to the user than why it had to be.
    storage.restoreFile(file, () => {
      if (!this.#stopped) this.#undo(failure);
    });
  }

  #ifOk<T extends { readonly ok: true }>(
    goOn: (outcome: T) => void,
  ): (outcome: T | { readonly ok: false; readonly failure: BtgetError }) => void {
    return (outcome) => {
      if (this.#stopped) return;
      if (outcome.ok) goOn(outcome);
      else this.#answer(outcome);
    };
  }

  #answer(outcome: TakeoverOutcome): void {
    if (!this.#stopped) this.#answered(outcome);
  }
}

// Another torrent's pieces need not wait until 100,000 files are made.
const MADE_AT_ONCE = 1000;

/**
 * Files that grow under their final names are made before anything is written to them, so that it can be written down
 * that they are ours: a kill must not leave bytes under a name of which nobody can tell whose they are.
 *
 * The selected files that are not there and will have bytes.
 */
function filesToMake(
  { files }: Pick<Metainfo, 'files'>,
  content: Pick<WantedContent, 'files'>,
  survey: readonly FileSurvey[],
): number[] {
  return files.flatMap(({ length, padding, symlink }, index) => {
    const hasBytes = length > 0 && !padding && symlink === null;
    return hasBytes && content.files.has(index) && survey[index]?.found === 'absent' ? [index] : [];
  });
}

/** Answers with what all of them are like, or with the first failure. */
function makeFiles(
  storage: Pick<Storage, 'makeFiles'>,
  files: readonly number[],
  answered: (outcome: MakeOutcome) => void,
): void {
  const all = new Map<number, FileIdentity>();
  const next = (begin: number): void => {
    const some = files.slice(begin, begin + MADE_AT_ONCE);
    if (some.length === 0) {
      answered({ ok: true, made: all });
      return;
    }
    storage.makeFiles(some, (outcome) => {
      if (!outcome.ok) {
        answered(outcome);
        return;
      }
      for (const [file, identity] of outcome.made) all.set(file, identity);
      next(begin + MADE_AT_ONCE);
    });
  };
  next(0);
}
