/**
 * Takes the files in the target folder over for a download, once they are judged, and makes the disk ready for it. A
 * file that cannot be written to ends the takeover before any file loses its name.
 */
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
  /** Whether the disk is made ready. False once the torrent runs: it may damage pieces that are being written. */
  readonly prepares: boolean;
  readonly warned: (code: string, message: string) => void;
}

/** What the takeover does with the files. They are named by index in the metainfo. */
export interface TakeoverPlan {
  readonly survey: SurveyedFiles;
  readonly findings: Findings;
  /** Files that are whole and have their final name. */
  readonly whole: ReadonlySet<number>;
  /** Files that the download goes on with. */
  readonly adopted: readonly AdoptedFile[];
  /** Files whose part is ours and no longer needed, because the file under the final name counts. */
  readonly staleParts: readonly number[];
  /** Files whose part is foreign and is removed, as the user allows. */
  readonly foreignParts: readonly number[];
  /** Files of which the one under the final name counts, while another has the part name. */
  readonly beside: Pick<ReadonlySet<number>, 'has'>;
  /** Files behind links whose verified pieces are copied. */
  readonly toCopy: readonly number[];
  /** Files that get their part names instead of their final names. */
  readonly toDemote: readonly number[];
  /** Files of another torrent, which keep their final names: when they are demoted, a copy gets the part name. */
  readonly kept: ReadonlySet<number>;
}

export type TakeoverOutcome =
  /** `verified` are the pieces that are still verified. */
  | { readonly ok: true; readonly verified: readonly PieceIndex[] }
  | { readonly ok: false; readonly failure: BtgetError };

/** Runs once, then answers once, unless it is stopped. */
export class Takeover {
  readonly #parts: TakeoverParts;
  readonly #plan: TakeoverPlan;
  readonly #answered: (outcome: TakeoverOutcome) => void;
  /** Files that have lost their final names so far. */
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
      this.#ifOk(({ made }) => {
        const files = findings.files.map((identity, file) => made.get(file) ?? identity);
        // Only the journal of the run before tells that these parts are ours, so they go before it does.
        this.#removeParts(this.#plan.staleParts, () => this.#beginJournal({ ...findings, files }));
      }),
    );
  }

  #beginJournal(findings: Findings): void {
    this.#parts.resume.begin(findings, () => {
      if (!this.#stopped) this.#removeParts(this.#plan.foreignParts, () => this.#copyLinked());
    });
  }

  #removeParts(files: readonly number[], removed: () => void): void {
    const [file, ...others] = files;
    if (file === undefined) {
      removed();
      return;
    }
    const { storage } = this.#parts;
    if (this.#plan.beside.has(file)) storage.useParts([file]);
    storage.removePart(
      file,
      this.#ifOk(() => this.#removeParts(others, removed)),
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

  /** Demotes the files of the plan from `next` on, one after another. */
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

  /** The download does not begin, so the files that lost their final names get them back. */
  #undo(failure: BtgetError): void {
    const { storage, resume } = this.#parts;
    const file = this.#demoted.pop();
    if (file === undefined) {
      this.#answer({ ok: false, failure });
      return;
    }
    resume.undone();
    // When this fails too, the user still hears of the first failure, which matters more.
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

// How many files are made at once: the pieces of another torrent must not wait until 100,000 files are made.
const MADE_AT_ONCE = 1000;

/**
 * The selected files that are not there and will have bytes. When files grow under their final names, they are made
 * before the journal begins, so that the journal can say that they are ours. Otherwise a kill could leave a file with
 * bytes of ours that the next start takes for a stranger's.
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

/** Makes the files. Answers with the identities of all of them, or with the first failure. */
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
