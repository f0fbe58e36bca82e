/** Decides what a download does with each file of its target folder when it takes them over. */
import type { AdoptedFile, FileIdentity } from '../../disk/storage.js';
import type { Metainfo, TorrentFile } from '../../metainfo/metainfo.js';
import { type PieceLayout, piecesOfFile } from '../../metainfo/piece-layout.js';
import { claimOf } from '../../resume/own-journal.js';
import type { WantedContent } from '../content/wanted-content.js';
import type { Verdict } from './adoption.js';
import type { CheckedData, SurveyedFiles } from './data-check.js';
import type { TakeoverPlan } from './takeover.js';

/** The torrent as far as the plan depends on it. */
interface PlannedTorrent {
  readonly metainfo: Metainfo;
  readonly layout: PieceLayout;
  readonly content: WantedContent;
}

/** The files on the disk, and what became of the look at them. Files are named by index in the metainfo. */
export interface JudgedFiles {
  readonly survey: SurveyedFiles;
  readonly data: CheckedData;
  readonly verdicts: readonly Verdict[];
  /** Files of another torrent of this process, which keep their final names. */
  readonly kept: ReadonlySet<number>;
}

/** What is known of the files' names. */
interface ChosenNames {
  /** Files of which the one under the final name counts, and whether the other, under the part name, is ours. */
  readonly beside: ReadonlyMap<number, 'ours' | 'strange'>;
  /** Parts of ours that stay beside files under final names. */
  readonly staying: ReadonlyMap<number, FileIdentity>;
  /** Files behind links whose verified pieces are copied. */
  readonly toCopy: readonly number[];
  /** Files that are whole and have their final name. */
  readonly whole: ReadonlySet<number>;
}

/** Puts together what the takeover does with each file, and what the journal records of it. It touches no file. */
export function planTakeover(
  { metainfo, layout, content }: PlannedTorrent,
  { survey, data, verdicts, kept }: JudgedFiles,
  { beside, staying, toCopy, whole }: ChosenNames,
): TakeoverPlan {
  const { verified, unfinished, unflushed } = data;
  const copied = new Set(toCopy);
  const incomplete = verdicts.flatMap((verdict, file) => (verdict === 'demote' && !copied.has(file) ? [file] : []));
  // The journal records each file as it was before this start. Of a file with skipped pieces it records only that the
  // file is ours, so that the next start hashes these pieces. So it does of a part that stays: nothing else tells the
  // next start that it is ours.
  const files = survey.files.map(({ identity }, file) => {
    const part = staying.get(file);
    if (part !== undefined) return claimOf(part);
    if (!isOurs(verdicts[file])) return null;
    return identity !== null && data.skipped.has(file) ? claimOf(identity) : identity;
  });
  const staleParts = [...beside].flatMap(([file, whose]) =>
    whose === 'ours' && content.files.has(file) ? [file] : [],
  );
  const isForeignPart = (file: number): boolean =>
    (verdicts[file] === 'foreign' && survey.files[file]?.found === 'part') ||
    (content.files.has(file) && beside.get(file) === 'strange' && verdicts[file] !== 'whole');
  const foreignParts = verdicts.flatMap((_, file) => (isForeignPart(file) ? [file] : []));
  const strange = new Set(foreignParts);
  // The download may make its own copy under the part name, beside the file with the final name. That copy is ours too.
  const makesOwn = (file: number): boolean =>
    verdicts[file] === 'unproved' || copied.has(file) || kept.has(file) || beside.has(file);
  const absent = survey.files.flatMap(({ found }, file) =>
    content.files.has(file) && (found === 'absent' || (found === 'part' ? strange.has(file) : makesOwn(file)))
      ? [file]
      : [],
  );
  const grown = new Set(incomplete.filter((file) => !kept.has(file)));
  const adopted = survey.files.flatMap(({ found, identity, length, linked }, file): AdoptedFile[] => {
    const isPart = found === 'part' && content.files.has(file) && verdicts[file] === 'ours';
    if (!(isPart || grown.has(file)) || linked !== undefined || identity === null) return [];
    const wanted = metainfo.files[file] as TorrentFile;
    const isWritten = grown.has(file) || length !== wanted.length || !isVerified(wanted, layout, verified);
    return [{ file, identity, isWritten }];
  });
  // Only the journal tells that these are ours, so a later run that wants them needs it.
  const leftBegun = survey.files.flatMap(({ found }, file) => {
    const isBegun = staying.has(file) || (found !== 'absent' && data.known.has(file) && !whole.has(file));
    return isBegun && !content.files.has(file) ? [file] : [];
  });
  const { hasBorderFile } = survey;
  return {
    survey,
    findings: { files, absent, leftBegun, verified: [...verified], unfinished, unflushed, hasBorderFile },
    whole,
    adopted,
    staleParts,
    foreignParts,
    beside,
    toCopy,
    toDemote: incomplete,
    kept,
  };
}

/** Whether a file with this verdict is ours. Only such files are written to, and only they go into the journal. */
function isOurs(verdict: Verdict | undefined): boolean {
  return verdict === 'ours' || verdict === 'demote' || verdict === 'whole';
}

/** Whether all pieces of the file are verified. */
function isVerified(file: TorrentFile, layout: PieceLayout, verified: ReadonlySet<number>): boolean {
  const { first, end } = piecesOfFile(file, layout);
  for (let piece = first; piece < end; piece += 1) if (!verified.has(piece)) return false;
  return true;
}
