/**
 * What a restarted download believes of its journal, and what it hashes. Pure: the torrent asks the disk.
 *
 * Bytes were flushed before the journal spoke of them, so what it says was true when it was written. Since then
 * somebody may have replaced or changed a file, and that is what a file's identity is for:
 *
 * - After a clean end nothing was written any more, so the file must be the same to the nanosecond.
 * - After a kill or a power cut the file has changed rightly: the download wrote on for up to a batch after its last
 *   record. Then it must be the same file (inode and birth), no shorter and no older than it was when it was flushed;
 *   and no newer than the journal by more than `lag`, because every batch of writes leaves a record: what changed long
 *   after the last one was changed by somebody else. A file that came back from a backup is older, one that another
 *   program downloaded into has another birth or is newer. Neither needs a hash of a file of 50 GiB to be told from
 *   ours.
 * - What was written and not flushed is hashed piece by piece: after a kill it is there, after a power cut perhaps not.
 *   So is what a file holds that has its final name: it may have got that after the last record.
 * - Even so the newest records are proved, because a drive may have said of its cache that it was flushed, and one
 *   piece of each file, because everything else may have gone wrong.
 * - After a clean end one piece of each file is proved as well, of no more files than take a moment. No accident makes
 *   such a piece wrong, so when one is, nothing is believed at all.
 *
 * Files that are not the same are hashed as if there were no journal; the others lose nothing by it.
 */
import type { Millis } from '../base/clock.js';
import type { Random } from '../base/random.js';
import type { FileIdentity, FileSurvey } from '../disk/storage.js';
import { JOURNAL_LAG } from '../disk/target.js';
import type { TorrentFile } from '../metainfo/metainfo.js';
import { type PieceIndex, type PieceLayout, type PieceRun, piecesOfFile } from '../metainfo/piece-layout.js';
import { Bitfield } from '../wire/bitfield.js';
import type { Sums, UnfinishedPieces } from './journal-format.js';
import { isNotThere } from './own-journal.js';
import type { JournalContents } from './read-journal.js';

export interface BeliefOptions {
  /** How many bytes of the newest pieces are hashed after an unclean end: as much as the cache of a drive may lose. */
  readonly doubtLength: number;
  /** How many bytes are hashed after a clean end, or one piece. */
  readonly sampleLength: number;
  /** Nor are more pieces hashed then: opening a file takes a while too. */
  readonly samplePieces: number;
  /**
   * How much later than the journal a file may have changed: a batch and the time that a slow disk takes to flush it.
   */
  readonly lag: Millis;
}

export const DEFAULT_BELIEF_OPTIONS: BeliefOptions = {
  doubtLength: 64 * 1024 * 1024,
  sampleLength: 64 * 1024 * 1024,
  samplePieces: 256,
  lag: JOURNAL_LAG,
};

export interface BeliefParts {
  readonly files: readonly TorrentFile[];
  readonly layout: PieceLayout;
  readonly random: Random;
  readonly survey: readonly FileSurvey[];
  /** Pieces that the files are long enough for, in order. */
  readonly possible: readonly PieceIndex[];
  readonly contents: JournalContents;
  /** When the journal itself last changed, by the clock that the identities have. */
  readonly writtenAt: bigint;
  /** Whether files grow under their part names, so that a final name says that its file is whole. */
  readonly partNames: boolean;
}

/** What is in none of the lists is taken to be absent. */
export interface Belief {
  /** Verified, as the journal says. */
  readonly believed: readonly PieceIndex[];
  /** The journal says that these are verified, and they have to prove it. */
  readonly doubted: readonly PieceIndex[];
  /** For what each of them speaks: when it is wrong, nothing that the journal says of these pieces is believed. */
  readonly doubtedFor: 'their files' | 'all';
  /** The journal can vouch for none of these: they were not flushed, or hold bytes of a file that is not as it says. */
  readonly unknown: readonly PieceIndex[];
  /** Files that are ours by what the journal says, even those of which no piece is verified. */
  readonly known: ReadonlySet<number>;
  /** Blocks that may be there of pieces that are not verified by then. They have to prove themselves. */
  readonly unfinished: UnfinishedPieces;
}

export function believe(parts: BeliefParts, options: BeliefOptions): Belief {
  const { files, layout, possible, contents } = parts;
  const strange = new Bitfield(layout.pieceCount);
  const known = new Set<number>();
  for (const [index, file] of files.entries()) {
    const found = parts.survey[index];
    const isPart = found?.found === 'part' && !found.bothNames;
    if (isPart ? isOurPart(parts, index, options) : isOurs(parts, index, options)) known.add(index);
    if (!isUnchanged(parts, index, options) && !file.padding) addRun(strange, piecesOfFile(file, layout));
  }
  const said = new Bitfield(layout.pieceCount);
  for (const run of contents.runs) addRun(said, run);
  const written = new Bitfield(layout.pieceCount);
  for (const run of contents.written) addRun(written, run);
  if (parts.partNames) {
    for (const [index, file] of files.entries()) {
      const found = parts.survey[index];
      if (found?.found === 'final' || found?.bothNames) addRun(written, piecesOfFile(file, layout));
    }
  }
  const unknown = possible.filter((piece) => strange.has(piece) || (written.has(piece) && !said.has(piece)));
  const believed = possible.filter((piece) => said.has(piece) && !strange.has(piece));
  const unfinished = unfinishedIn(contents, layout);
  const { isClean } = contents;
  const doubted = isClean ? sampleOf(parts, believed, options) : doubtedOf(parts, believed, options.doubtLength);
  return {
    believed: believed.filter((piece) => !doubted.has(piece)),
    doubted: believed.filter((piece) => doubted.has(piece)),
    doubtedFor: isClean ? 'all' : 'their files',
    unknown,
    known,
    unfinished,
  };
}

/** The blocks that a journal speaks of, but for those that there are none of. */
export function unfinishedIn({ blocks }: JournalContents, layout: PieceLayout): UnfinishedPieces {
  const unfinished = new Map<PieceIndex, Sums>();
  for (const [number, sums] of blocks) {
    const piece = layout.pieceIndex(number);
    if (piece === undefined) continue;
    const count = layout.blockCount(piece);
    unfinished.set(piece, new Map([...sums].filter(([block]) => block < count)));
  }
  return unfinished;
}

function addRun(pieces: Bitfield, { first, end }: PieceRun): void {
  for (let piece = first; piece < end; piece += 1) pieces.set(piece);
}

/** Whether what the journal says of the file's pieces may hold. */
function isUnchanged({ survey, contents, writtenAt }: BeliefParts, index: number, { lag }: BeliefOptions): boolean {
  const then = contents.files.get(index);
  const now = survey[index]?.identity ?? null;
  if (then === undefined || now === null || !isSameFile(then, now)) return false;
  if (contents.isClean) return now.length === then.length && now.changedAt === then.changedAt;
  return now.length >= then.length && now.changedAt >= then.changedAt && now.changedAt <= latest(writtenAt, lag);
}

/**
 * Whether the file is the one that the journal speaks of, though a power cut may have taken bytes of it, and when they
 * changed: flushing need not write that down. Whoever copies another file into it leaves a time of after the journal,
 * or of before this file came to be.
 */
function isOurs(parts: BeliefParts, index: number, options: BeliefOptions): boolean {
  if (isUnchanged(parts, index, options)) return true;
  const { survey, contents, writtenAt } = parts;
  const then = contents.files.get(index);
  const now = survey[index]?.identity ?? null;
  if (contents.isClean || then === undefined || now === null || !isSameFile(then, now)) return false;
  return now.changedAt >= now.bornAt && now.changedAt <= latest(writtenAt, options.lag);
}

/**
 * Whether a part is one that we made. Its name says that it is nobody's whole file, and after a kill nothing may make
 * it a stranger's: it may be written to long after the journal last was, if no peer came until then. It is also ours
 * when the journal says that it was not there, and it was made after the last batch.
 */
function isOurPart(parts: BeliefParts, index: number, options: BeliefOptions): boolean {
  if (isUnchanged(parts, index, options)) return true;
  const { survey, contents, writtenAt } = parts;
  const then = contents.files.get(index);
  const now = survey[index]?.identity ?? null;
  if (then === undefined || now === null) return false;
  // After a clean end nothing is made any more, and a power cut may still have taken the time of the last change.
  if (contents.isClean && (isNotThere(then) || now.changedAt > then.changedAt)) return false;
  const lag = BigInt(options.lag) * 1_000_000n;
  if (isNotThere(then)) return now.changedAt >= now.bornAt && now.bornAt >= writtenAt - lag;
  // A journal that is dated back vouches for nothing.
  // A copy that keeps its time may be older than the file that it was put into.
  return isSameFile(then, now) && now.changedAt >= now.bornAt && then.bornAt <= writtenAt + lag;
}

function latest(writtenAt: bigint, lag: Millis): bigint {
  return writtenAt + BigInt(lag) * 1_000_000n;
}

function isSameFile(then: FileIdentity, now: FileIdentity): boolean {
  return then.inode === now.inode && then.bornAt === now.bornAt;
}

/** One piece of each file, by chance; of files by chance, where there are too many. */
function sampleOf(
  { files, layout, random }: BeliefParts,
  believed: readonly PieceIndex[],
  { sampleLength, samplePieces }: BeliefOptions,
): ReadonlySet<number> {
  const runs = runsOfFiles(files, layout, believed);
  const sample = new Set<number>();
  let length = 0;
  for (let taken = 0; taken < runs.length && sample.size < samplePieces; taken += 1) {
    const at = taken + random.below(runs.length - taken);
    const { begin, end } = runs[at] as (typeof runs)[number];
    runs[at] = runs[taken] as (typeof runs)[number];
    const piece = believed[begin + random.below(end - begin)] as PieceIndex;
    if (sample.has(piece)) continue;
    length += layout.lengthOf(piece);
    if (length > sampleLength && sample.size > 0) break;
    sample.add(piece);
  }
  return sample;
}

function doubtedOf(
  { files, layout, random, contents }: BeliefParts,
  believed: readonly PieceIndex[],
  doubtLength: number,
): ReadonlySet<number> {
  const candidates = new Bitfield(layout.pieceCount);
  for (const piece of believed) candidates.set(piece);
  const doubted = new Set<number>();
  let length = 0;
  for (const number of newestFirst(contents.runs)) {
    const piece = layout.pieceIndex(number);
    if (length >= doubtLength || candidates.isEmpty) break;
    if (piece === undefined || !candidates.clear(piece)) continue;
    doubted.add(piece);
    length += layout.lengthOf(piece);
  }
  for (const { begin, end } of runsOfFiles(files, layout, believed))
    doubted.add(believed[begin + random.below(end - begin)] as number);
  return doubted;
}

/** Where the pieces of each file stand in `believed`, of files that have any there. */
function runsOfFiles(
  files: readonly TorrentFile[],
  layout: PieceLayout,
  believed: readonly PieceIndex[],
): { readonly begin: number; readonly end: number }[] {
  const runs: { begin: number; end: number }[] = [];
  let begin = 0;
  for (const file of files) {
    const run = piecesOfFile(file, layout);
    // Files are in the order of their bytes, so none begins before the one in front of it.
    while (begin < believed.length && (believed[begin] as number) < run.first) begin += 1;
    let end = begin;
    while (end < believed.length && (believed[end] as number) < run.end) end += 1;
    if (!file.padding && end > begin) runs.push({ begin, end });
  }
  return runs;
}

function* newestFirst(runs: readonly PieceRun[]): Generator<number> {
  for (let index = runs.length - 1; index >= 0; index -= 1) {
    const { first, end } = runs[index] as PieceRun;
    for (let piece = end - 1; piece >= first; piece -= 1) yield piece;
  }
}
