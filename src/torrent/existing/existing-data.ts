/**
 * Handles the data that lies in the target folder when a torrent starts. It surveys the files, believes or hashes their
 * pieces, judges which files are ours, and has a download take them over. Pieces that cannot be whole are not hashed. A
 * foreign file in the way of a download ends it before anything on the disk is changed.
 */
import { BtgetError } from '../../base/failure.js';
import type { FileIdentity, FileSurvey, SymlinkPlace } from '../../disk/storage.js';
import type { TorrentFile } from '../../metainfo/metainfo.js';
import type { PieceIndex } from '../../metainfo/piece-layout.js';
import { SharedPieces } from '../../metainfo/shared-pieces.js';
import type { UnfinishedPieces } from '../../resume/journal-format.js';
import { proveBlocks } from '../../resume/prove-blocks.js';
import type { Resume } from '../../resume/resume.js';
import { chooseFinalNames } from '../content/final-names.js';
import { filePath, type TorrentOptions } from '../torrent-options.js';
import { asBegun, asUnselected, judgeFiles, type Verdict } from './adoption.js';
import { findBlankFiles } from './blank-files.js';
import { type CheckedData, DataCheck, type DataCheckParts, piecesWithin, type SurveyedFiles } from './data-check.js';
import { judgeLinkedFiles } from './linked-files.js';
import { findUnproven } from './own-bytes.js';
import { type JudgedFiles, planTakeover } from './plan-takeover.js';
import { provedFiles } from './proved-files.js';
import { Takeover, type TakeoverParts } from './takeover.js';

/** Looks for the torrent's files one folder too high. Answers once: the options that find them there, or null. */
export type LookAbove = (answered: (place: string | null) => void) => void;

/** Takes files from elsewhere on the disk. Answers once, unless it is stopped, with all that is verified then. */
export type BeginReuse = (
  found: ExistingDataFound,
  answered: (found: ExistingDataFound) => void,
) => { readonly stop: () => void };

export interface ExistingDataParts extends TakeoverParts, Omit<DataCheckParts, 'believe'> {
  readonly resume: Pick<Resume, 'open' | 'believe' | 'begin' | 'claim' | 'undone'> &
    Partial<Pick<Resume, 'othersJournal'>>;
  /** A torrent that only seeds changes nothing on the disk, and no file is in its way. */
  readonly options: TorrentOptions;
  /** Null or absent when the user has said clearly where the files lie. */
  readonly lookAbove?: LookAbove | null;
  /** For a download that may still change the disk; null or absent: nothing is taken from elsewhere. */
  readonly reuse?: BeginReuse | null;
  /** Whether another torrent of this process has completed this file. */
  readonly isAnothers: (file: number) => boolean;
  /** The progress: bytes that were hashed or written, and such bytes in all. */
  readonly checking: (done: number, length: number) => void;
}

export interface ExistingDataFound {
  readonly ok: true;
  readonly verified: readonly PieceIndex[];
  /** Blocks of other pieces that the disk holds as they were written. */
  readonly unfinished: UnfinishedPieces;
  /** Files that are whole and have their final name. */
  readonly whole: ReadonlySet<number>;
  /** Files that were not on the disk under any of their names, and links of the torrent that are not as it says. */
  readonly absent: ReadonlySet<number>;
}

export type ExistingDataOutcome = ExistingDataFound | { readonly ok: false; readonly failure: BtgetError };

/** Runs once, then answers once, unless it is stopped. */
export class ExistingData {
  readonly #parts: ExistingDataParts;
  readonly #answered: (outcome: ExistingDataOutcome) => void;
  #dataCheck: DataCheck | null = null;
  /** Files of which the one under the final name counts, and whether the other, under the part name, is ours. */
  readonly #beside = new Map<number, 'ours' | 'strange'>();
  /** Parts of ours that stay beside files under final names, because these files are not selected. */
  readonly #staying = new Map<number, FileIdentity>();
  /** Files of which verified pieces prove nothing, because these pieces were found aside. */
  #unproven: ReadonlySet<number> = new Set();
  /** Files that grow under their part names, while wrong files have their final names. */
  readonly #inTheWay = new Set<number>();
  #takeover: Takeover | null = null;
  #reuse: { readonly stop: () => void } | null = null;
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
    this.#reuse?.stop();
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
      const { resume, content } = this.#parts;
      const { known } = resume.believe(survey.files, []);
      for (const file of names.inTheWay) this.#inTheWay.add(file);
      for (const file of names.chosen) {
        const { found, length, identity } = survey.files[file] as FileSurvey;
        this.#beside.set(file, known.has(file) || length === 0 ? 'ours' : 'strange');
        const stays = found === 'part' && known.has(file) && !content.files.has(file);
        if (stays && identity !== null) this.#staying.set(file, identity);
      }
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
      if (this.#stopped) return;
      const known = new Set([...data.known, ...provedFiles(this.#parts.metainfo.files, layout, unfinished)]);
      this.#findUnproven(survey, { ...data, unfinished, known });
    });
  }

  #findUnproven(survey: SurveyedFiles, data: CheckedData): void {
    if (this.#parts.options.mode === 'seed') {
      this.#findBlank(survey, data);
      return;
    }
    const isPart = (file: number): boolean => survey.files[file]?.found === 'part';
    const known = new Set([...data.known].filter(isPart));
    findUnproven(this.#parts, survey, data.verified, known, (unproven) => {
      if (this.#stopped) return;
      this.#unproven = unproven;
      this.#findBlank(survey, data);
    });
  }

  /** A part file of zeros may come from a download of ours that was killed before it wrote its journal. */
  #findBlank(survey: SurveyedFiles, data: CheckedData): void {
    const { content, options } = this.#parts;
    const verdicts = options.mode === 'seed' ? [] : this.#verdictsOf(survey, data);
    const strange = verdicts.flatMap((verdict, file) =>
      verdict === 'foreign' && survey.files[file]?.found === 'part' && content.files.has(file) ? [file] : [],
    );
    findBlankFiles(this.#parts, survey.files, strange, (blank) => {
      if (this.#stopped) return;
      const known = new Set([...data.known, ...blank]);
      // A verdict takes long where there are very many files.
      if (blank.size === 0 && options.mode !== 'seed') this.#judge(survey, data, verdicts);
      else this.#judge(survey, { ...data, known }, this.#verdictsOf(survey, { ...data, known }));
    });
  }

  #verdictsOf(survey: SurveyedFiles, data: CheckedData): Verdict[] {
    const { metainfo, layout, content, options } = this.#parts;
    const verified: ReadonlySet<number> = data.verified;
    const aside = survey.hasBorderFile && !options.partNames ? new SharedPieces(metainfo.files, layout) : null;
    return judgeFiles(metainfo, layout, survey.files, {
      isLookedAt: (piece) => data.lookedAt.has(piece),
      isVerified: (piece, file) => verified.has(piece) && !this.#unproven.has(file),
      // Without part names an empty file may be ours, and if it is not, nothing is lost with it.
      isOurs: (file) => data.known.has(file) || (!options.partNames && survey.files[file]?.length === 0),
    }).map((verdict, file) => {
      if (!content.files.has(file)) return asUnselected(verdict);
      return aside === null ? verdict : asBegun(verdict, metainfo.files[file] as TorrentFile, layout, aside);
    });
  }

  #judge(survey: SurveyedFiles, data: CheckedData, verdicts: readonly Verdict[]): void {
    const { options, content, isAnothers } = this.#parts;
    const verified: ReadonlySet<number> = data.verified;
    const found = foundOf(survey, data, verdicts);
    if (options.mode === 'seed') {
      this.#tellLonger(survey);
      this.#answer(found);
      return;
    }
    const kept = new Set(
      verdicts.flatMap((verdict, file) =>
        (verdict === 'demote' || verdict === 'foreign') && content.files.has(file) && isAnothers(file) ? [file] : [],
      ),
    );
    const judged: JudgedFiles = { survey, data, verdicts, kept };
    const refusal = this.#refusalOf(judged);
    if (refusal !== null) {
      this.#answer({ ok: false, failure: refusal });
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
    const names = { beside: this.#beside, staying: this.#staying, toCopy: linked.toCopy };
    const plan = planTakeover(this.#parts, judged, { ...names, whole: found.whole });
    this.#takeover = new Takeover(this.#parts, plan, (taken) => {
      if (taken.ok) this.#takeFromElsewhere({ ...found, verified: taken.verified });
      else this.#answer(taken);
    });
    this.#takeover.begin();
  }

  /** A seed serves what the torrent says of a file, whatever follows that. */
  #tellLonger({ files }: SurveyedFiles): void {
    const { metainfo, content, options, warned } = this.#parts;
    const longer = metainfo.files.filter((file, index) => {
      const there = files[index];
      return content.files.has(index) && there?.found === 'final' && there.length > file.length;
    });
    const [first] = longer;
    if (first === undefined) return;
    const others = longer.length - 1;
    const more = others === 0 ? '' : `, and so ${others === 1 ? 'is' : 'are'} ${others.toLocaleString('en-US')} more`;
    warned('longer-file', `${filePath(first, options)} is longer than the torrent says${more}`);
  }

  /** Why the download may not take the files over; null when it may. */
  #refusalOf({ survey, data, verdicts, kept }: JudgedFiles): BtgetError | null {
    const { metainfo, layout, options, prepares } = this.#parts;
    const verified: ReadonlySet<number> = data.verified;
    const differing = metainfo.files.find((file, index) => {
      if (!kept.has(index) || !prepares) return false;
      return (
        survey.files[index]?.length !== file.length ||
        verdicts[index] === 'foreign' ||
        piecesWithin(file, layout).some((piece) => data.lookedAt.has(piece) && !verified.has(piece))
      );
    });
    if (differing !== undefined) {
      const message = `${filePath(differing, options)} is another torrent's of this run, and not the same here`;
      // --overwrite does not help: both torrents would replace the same file again and again.
      return new BtgetError('foreign-file', message, { hint: '-o or -d saves one of the two elsewhere' });
    }
    const onSymlink = this.#refusalOfSymlink(survey);
    if (options.overwrite || onSymlink?.code === 'cannot-open') return onSymlink;
    const foreign = verdicts.indexOf('foreign');
    if (foreign !== -1) {
      const path = filePath(metainfo.files[foreign] as TorrentFile, options);
      const isPart = survey.files[foreign]?.found === 'part';
      const message = `${isPart ? `${path}.part` : path} exists and shares nothing with the torrent`;
      const other = isPart ? (this.#parts.resume.othersJournal ?? null) : null;
      return new BtgetError('foreign-file', message, hintOf(other));
    }
    const blocked = this.#blocked(verdicts);
    return blocked === null ? onSymlink : new BtgetError('foreign-file', blocked);
  }

  /** Why the links of the torrent cannot be made where something else has the place of one; null when they can. */
  #refusalOfSymlink({ files }: SurveyedFiles): BtgetError | null {
    const { metainfo, content, options } = this.#parts;
    const first = (isInTheWay: (there: SymlinkPlace) => boolean): string | null => {
      const index = files.findIndex(
        ({ symlink }, file) => symlink !== undefined && content.files.has(file) && isInTheWay(symlink),
      );
      return index === -1 ? null : filePath(metainfo.files[index] as TorrentFile, options);
    };
    // A folder is never replaced.
    const folder = first((there) => there === 'folder');
    if (folder !== null) return new BtgetError('cannot-open', `cannot make ${folder}: ${FOLDER_IN_PLACE}`);
    if (options.overwrite) return null;
    const strange = first((there) => there !== 'absent' && there !== 'right');
    return strange === null ? null : new BtgetError('foreign-file', `${strange} ${IS_FOREIGN}`);
  }

  /** The journal says by now which files are ours, so a kill in the middle of a copy leaves no stranger's file. */
  #takeFromElsewhere(found: ExistingDataFound): void {
    const { reuse } = this.#parts;
    if (reuse === null || reuse === undefined) this.#answer(found);
    else this.#reuse = reuse(found, (outcome) => this.#answer(outcome));
  }

  /** Why a file with both names stops the download, as a sentence; null when none does. */
  #blocked(verdicts: readonly Verdict[]): string | null {
    const { metainfo, content, options } = this.#parts;
    if (this.#inTheWay.size === 0 && this.#beside.size === 0) return null;
    for (const [index, file] of metainfo.files.entries()) {
      if (!content.files.has(index)) continue;
      const path = filePath(file, options);
      if (this.#inTheWay.has(index)) return `${path} exists beside ${path}.part and is not whole`;
      if (this.#beside.get(index) === 'strange' && verdicts[index] !== 'whole')
        return `${path}.part exists beside ${path} and is not known to be this torrent's`;
    }
    return null;
  }

  #answer(outcome: ExistingDataOutcome): void {
    if (!this.#stopped) this.#answered(outcome);
  }
}

/** As the disk itself says it of what comes there later. */
const FOLDER_IN_PLACE = 'it is a folder, not a symbolic link';
const IS_FOREIGN = "exists and is not this torrent's";

/**
 * A part of which no piece is proven is not written to, though the other torrent may have the same content: its bytes
 * are all that that torrent has of the file.
 */
function hintOf(othersJournal: string | null): { readonly hint?: string } {
  if (othersJournal === null) return {};
  const whose = `another torrent has begun it (${othersJournal})`;
  return { hint: `${whose}: finish that one first, --overwrite begins anew, -o or -d saves elsewhere` };
}

function isNothingThere({ files, hasBorderFile }: SurveyedFiles): boolean {
  return !hasBorderFile && files.every(({ found }) => found === 'absent');
}

/** What lies on the disk, as the torrent hears of it. */
function foundOf({ files }: SurveyedFiles, data: CheckedData, verdicts: readonly Verdict[]): ExistingDataFound {
  return {
    ok: true,
    verified: [...data.verified],
    unfinished: data.unfinished,
    whole: new Set(verdicts.flatMap((verdict, file) => (verdict === 'whole' ? [file] : []))),
    absent: new Set(
      files.flatMap(({ found, symlink }, file) => (found === 'absent' && symlink !== 'right' ? [file] : [])),
    ),
  };
}
