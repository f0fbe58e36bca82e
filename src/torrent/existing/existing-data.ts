/**
 * What lies in the target folder when a torrent starts: surveyed, believed or hashed, judged, and taken over by a
 * download.
 */
import { BtgetError } from '../../base/failure.js';
import type { AdoptedFile } from '../../disk/storage.js';
import type { TorrentFile } from '../../metainfo/metainfo.js';
import { type PieceIndex, type PieceLayout, piecesOfFile } from '../../metainfo/piece-layout.js';
import { SharedPieces } from '../../metainfo/shared-pieces.js';
import type { UnfinishedPieces } from '../../resume/journal-format.js';
import { claimOf } from '../../resume/own-journal.js';
import { proveBlocks } from '../../resume/prove-blocks.js';
import type { Resume } from '../../resume/resume.js';
import { chooseFinalNames } from '../content/final-names.js';
import { filePath, type TorrentOptions } from '../torrent-options.js';
import { asBegun, asUnselected, judgeFiles, type Verdict } from './adoption.js';
import { findBlankFiles } from './blank-files.js';
import { type CheckedData, DataCheck, type DataCheckParts, type SurveyedFiles } from './data-check.js';
import { judgeLinkedFiles } from './linked-files.js';
import { Takeover, type TakeoverParts, type TakeoverPlan } from './takeover.js';

export type LookAbove = (answered: (place: string | null) => void) => void;

export interface ExistingDataParts extends TakeoverParts, Omit<DataCheckParts, 'believe'> {
  readonly resume: Pick<Resume, 'open' | 'believe' | 'begin' | 'claim' | 'undone'>;
  /** A torrent that only seeds touches nothing on the disk, and no file is in its way. */
  readonly options: TorrentOptions;
  /**
   * Looks for the torrent's files one folder too high, and answers once: how `-d` and `-o` find them, or null. Null or
   * absent where the user cannot have meant that.
   */
  readonly lookAbove?: LookAbove | null;
  /** Whether another torrent of this process has made this file whole. */
  readonly isAnothers: (file: number) => boolean;
  /** Bytes that were hashed or written, of all that are to be. */
  readonly checking: (done: number, length: number) => void;
}

export interface ExistingDataFound {
  readonly ok: true;
  readonly verified: readonly PieceIndex[];
  /** Blocks of other pieces that are there as they were written. */
  readonly unfinished: UnfinishedPieces;
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
  /** Files that lie under their final names though something else has their part names, and whose that is. */
  readonly #beside = new Map<number, 'ours' | 'strange'>();
  /** Files that grow under their part names, and whose final names somebody has. */
  readonly #inTheWay = new Set<number>();
  #takeover: Takeover | null = null;
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
        if (!outcome.ok) this.#answer(outcome);
        else if (isNothingThere(outcome)) this.#lookAbove(outcome);
        else this.#chooseNames(outcome);
      });
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#dataCheck?.stop();
    this.#takeover?.stop();
  }

  #lookAbove(survey: SurveyedFiles): void {
    const { lookAbove, metainfo, options } = this.#parts;
    if (lookAbove === null || lookAbove === undefined) {
      this.#check(survey);
      return;
    }
    lookAbove((place) => {
      if (this.#stopped) return;
      if (place === null) {
        this.#check(survey);
        return;
      }
      const { dir, mode } = options;
      const here = dir === '.' ? 'this folder' : dir;
      const code = mode === 'seed' ? 'bytes-missing' : 'foreign-file';
      const below = filePath({ path: [metainfo.name] }, options);
      const message = `the files lie in ${here} itself, not in ${below}`;
      const hint = `${place} takes them as they are${mode === 'seed' ? '' : '; -o NAME fetches them once more'}`;
      this.#answer({ ok: false, failure: new BtgetError(code, message, { hint }) });
    });
  }

  #chooseNames(survey: SurveyedFiles): void {
    chooseFinalNames(this.#parts, survey.files, (names) => {
      if (this.#stopped) return;
      if (!names.ok) {
        this.#answer(names);
        return;
      }
      const { known } = this.#parts.resume.believe(survey.files, []);
      for (const file of names.inTheWay) this.#inTheWay.add(file);
      for (const file of names.chosen)
        this.#beside.set(file, known.has(file) || survey.files[file]?.length === 0 ? 'ours' : 'strange');
      this.#check({ ...survey, files: names.files });
    });
  }

  #check(survey: SurveyedFiles): void {
    const { resume } = this.#parts;
    const believe: DataCheckParts['believe'] = (found, possible) => resume.believe(found, possible);
    this.#dataCheck = new DataCheck({ ...this.#parts, believe }, survey, (outcome) => {
      if (outcome.ok) this.#prove(survey, outcome);
      else this.#answer(outcome);
    });
    this.#dataCheck.begin();
  }

  #prove(survey: SurveyedFiles, data: CheckedData): void {
    const { storage, layout, options } = this.#parts;
    proveBlocks(storage, layout, options.mode === 'seed' ? new Map() : data.unfinished, (unfinished) => {
      if (!this.#stopped) this.#findBlank(survey, { ...data, unfinished });
    });
  }

  /** A part of zeros may be what a kill left before anything was written down. */
  #findBlank(survey: SurveyedFiles, data: CheckedData): void {
    const { content, options } = this.#parts;
    const verdicts = options.mode === 'seed' ? [] : this.#verdictsOf(survey, data);
    const strange = verdicts.flatMap((verdict, file) =>
      verdict === 'foreign' && survey.files[file]?.found === 'part' && content.files.has(file) ? [file] : [],
    );
    findBlankFiles(this.#parts, survey.files, strange, (blank) => {
      if (!this.#stopped) this.#judge(survey, { ...data, known: new Set([...data.known, ...blank]) });
    });
  }

  #verdictsOf(survey: SurveyedFiles, data: CheckedData): Verdict[] {
    const { metainfo, layout, content, options } = this.#parts;
    const verified: ReadonlySet<number> = data.verified;
    const aside = survey.hasBorderFile && !options.partNames ? new SharedPieces(metainfo.files, layout) : null;
    return judgeFiles(metainfo, layout, survey.files, {
      isLookedAt: (piece) => data.lookedAt.has(piece),
      isVerified: (piece) => verified.has(piece),
      // Without part names an empty file is what we left, or at least nothing is lost with it.
      isOurs: (file) => data.known.has(file) || (!options.partNames && survey.files[file]?.length === 0),
    }).map((verdict, file) => {
      if (!content.files.has(file)) return asUnselected(verdict);
      return aside === null ? verdict : asBegun(verdict, metainfo.files[file] as TorrentFile, layout, aside);
    });
  }

  #judge(survey: SurveyedFiles, data: CheckedData): void {
    const { metainfo, layout, content, options } = this.#parts;
    const verified: ReadonlySet<number> = data.verified;
    const verdicts = this.#verdictsOf(survey, data);
    const whole = new Set<number>();
    for (const [file, verdict] of verdicts.entries()) if (verdict === 'whole') whole.add(file);
    const { unfinished } = data;
    const outcome: ExistingDataFound = { ok: true, verified: [...data.verified], unfinished, whole };
    if (options.mode === 'seed') {
      this.#answer(outcome);
      return;
    }
    const { isAnothers } = this.#parts;
    const kept = new Set<number>();
    for (const [file, verdict] of verdicts.entries())
      if ((verdict === 'demote' || verdict === 'foreign') && content.files.has(file) && isAnothers(file))
        kept.add(file);
    const differing = metainfo.files.find((file, index) => {
      if (!kept.has(index) || !this.#parts.prepares) return false;
      return (
        survey.files[index]?.length !== file.length ||
        verdicts[index] === 'foreign' ||
        piecesWithin(file, layout).some((piece) => data.lookedAt.has(piece) && !verified.has(piece))
      );
    });
    if (differing !== undefined) {
      const message = `${filePath(differing, options)} is another torrent's of this run, and not the same here`;
      this.#answer({ ok: false, failure: new BtgetError('foreign-file', message) });
      return;
    }
    const foreign = verdicts.indexOf('foreign');
    if (foreign !== -1 && !options.overwrite) {
      const path = filePath(metainfo.files[foreign] as TorrentFile, options);
      const name = survey.files[foreign]?.found === 'part' ? `${path}.part` : path;
      const message = `${name} exists and shares nothing with the torrent`;
      this.#answer({ ok: false, failure: new BtgetError('foreign-file', message) });
      return;
    }
    const blocked = this.#blocked(verdicts);
    if (blocked !== null && !options.overwrite) {
      this.#answer({ ok: false, failure: new BtgetError('foreign-file', blocked) });
      return;
    }
    const linked = judgeLinkedFiles({
      ...this.#parts,
      survey: survey.files,
      verdicts,
      isLookedAt: (piece) => data.lookedAt.has(piece),
      isVerified: (piece) => verified.has(piece),
      mayCopy: this.#parts.prepares,
    });
    if (!linked.ok) {
      this.#answer(linked);
      return;
    }
    const copied = new Set(linked.toCopy);
    const incomplete = verdicts.flatMap((verdict, file) => (verdict === 'demote' && !copied.has(file) ? [file] : []));
    // What was written down before holds for files that nobody has touched since.
    const files = survey.files.map(({ identity }, file) =>
      !isOurs(verdicts[file]) ? null : identity !== null && data.skipped.has(file) ? claimOf(identity) : identity,
    );
    // Strangers' files, which the user has said may be replaced, and ours that are not needed.
    const partsToRemove = verdicts.flatMap((verdict, file) =>
      (verdict === 'foreign' && survey.files[file]?.found === 'part') ||
      (content.files.has(file) && this.#isStale(file, verdict))
        ? [file]
        : [],
    );
    const strange = new Set(partsToRemove);
    // The part that a download may make of its own beside what has the final name is ours too.
    const makesOwn = (file: number): boolean =>
      verdicts[file] === 'unproved' || copied.has(file) || kept.has(file) || this.#beside.has(file);
    const absent = survey.files.flatMap(({ found }, file) =>
      content.files.has(file) && (found === 'absent' || (found === 'part' ? strange.has(file) : makesOwn(file)))
        ? [file]
        : [],
    );
    const grown = new Set(incomplete.filter((file) => !kept.has(file)));
    const adopted = survey.files.flatMap(({ found, identity, length, linked: link }, file): AdoptedFile[] => {
      const isPart = found === 'part' && content.files.has(file) && verdicts[file] === 'ours';
      if (!(isPart || grown.has(file)) || link !== undefined || identity === null) return [];
      const wanted = metainfo.files[file] as TorrentFile;
      const isWritten = grown.has(file) || length !== wanted.length || !isVerified(wanted, layout, verified);
      return [{ file, identity, isWritten }];
    });
    const { unflushed } = data;
    const { hasBorderFile } = survey;
    const plan: TakeoverPlan = {
      survey,
      findings: { files, absent, verified: outcome.verified, unfinished, unflushed, hasBorderFile },
      whole,
      adopted,
      partsToRemove,
      beside: this.#beside,
      toCopy: linked.toCopy,
      toDemote: incomplete,
      kept,
    };
    this.#takeover = new Takeover(this.#parts, plan, (taken) =>
      this.#answer(taken.ok ? { ...outcome, verified: taken.verified } : taken),
    );
    this.#takeover.begin();
  }

  /** What stands against the download of the files that have both names, as a sentence, or null. */
  #blocked(verdicts: readonly Verdict[]): string | null {
    const { metainfo, content, options } = this.#parts;
    for (const [index, file] of metainfo.files.entries()) {
      if (!content.files.has(index)) continue;
      const path = filePath(file, options);
      if (this.#inTheWay.has(index)) return `${path} exists beside ${path}.part and is not whole`;
      if (this.#beside.get(index) === 'strange' && verdicts[index] !== 'whole')
        return `${path}.part exists beside ${path} and is not known to be this torrent's`;
    }
    return null;
  }

  /** Whether what has the part name of a file is removed in favour of the one with its final name. */
  #isStale(file: number, verdict: Verdict): boolean {
    return this.#beside.get(file) === 'ours' || (this.#beside.has(file) && verdict !== 'whole');
  }

  #answer(outcome: ExistingDataOutcome): void {
    if (!this.#stopped) this.#answered(outcome);
  }
}

function isNothingThere({ files, hasBorderFile }: SurveyedFiles): boolean {
  return !hasBorderFile && files.every(({ found }) => found === 'absent');
}

/** Whether the download may write to a file of this verdict. Of others, nothing is written down either. */
function isOurs(verdict: Verdict | undefined): boolean {
  return verdict === 'ours' || verdict === 'demote' || verdict === 'whole';
}

function isVerified(file: TorrentFile, layout: PieceLayout, verified: ReadonlySet<number>): boolean {
  const { first, end } = piecesOfFile(file, layout);
  for (let piece = first; piece < end; piece += 1) if (!verified.has(piece)) return false;
  return true;
}

/** The pieces that no other file has a byte of. */
function piecesWithin({ begin, length }: TorrentFile, layout: PieceLayout): number[] {
  const first = Math.ceil(begin / layout.pieceLength);
  // The last piece of a torrent ends where its last file does.
  const isLast = begin + length > (layout.pieceCount - 1) * layout.pieceLength;
  const reaches = isLast && begin + length === layout.length;
  const end = reaches ? layout.pieceCount : Math.floor((begin + length) / layout.pieceLength);
  return Array.from({ length: Math.max(0, end - first) }, (_, index) => first + index);
}
