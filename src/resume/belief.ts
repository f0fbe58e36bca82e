/**
 * Decides what a restarted download believes of its journal, and what it hashes. Pure: the torrent asks the disk.
 *
 * Bytes are flushed before the journal names them, so every record was true when it was written. Since then another
 * program may have replaced or changed a file. The identity of the file shows that:
 *
 * - After a clean end the download writes nothing more, so the file must be the same to the nanosecond.
 * - After a kill or a power cut the file may differ from the last record, because the download wrote on for up to one
 *   batch. The file must still be the same one (inode and birth), and no shorter and no older than at its last flush.
 *   It must not be newer than the journal by more than `lag`: every batch leaves a record, so another program made a
 *   change that came long after the last record. A file from a backup is older. A file that another program has
 *   downloaded has another birth or is newer. So we can tell these files from ours without hashing 50 GiB.
 * - Pieces that were written and not flushed are hashed one by one. After a kill they are there, after a power cut
 *   perhaps not. The pieces of a file with its final name are hashed too, since the file may have got this name after
 *   the last record.
 * - The newest records have to prove themselves even so, because a drive may have claimed a flush that was still in its
 *   cache. One piece of each file has to as well, in case something else went wrong.
 * - After a clean end one piece of each file has to prove itself too, for as many files as a moment allows. No accident
 *   makes such a piece wrong, so when one is wrong, nothing of the journal is believed.
 *
 * A file that is not the same is hashed as if there were no journal. This does not affect other files.
 */
import type { Millis } from '../base/clock.js';
import type { Random } from '../base/random.js';
import { isSameInode } from '../disk/same-file.js';
import type { FileSurvey } from '../disk/storage.js';
import { JOURNAL_LAG } from '../disk/target.js';
import type { TorrentFile } from '../metainfo/metainfo.js';
import { type PieceIndex, type PieceLayout, type PieceRun, piecesOfFile } from '../metainfo/piece-layout.js';
import { Bitfield } from '../wire/bitfield.js';
import type { Sums, UnfinishedPieces } from './journal-format.js';
import { isClaim, isNotThere } from './own-journal.js';
import type { JournalContents } from './read-journal.js';

export interface BeliefOptions {
  /** After an unclean end this many bytes of the newest pieces are hashed: as much as the cache of a drive may lose. */
  readonly doubtLength: number;
  /** After a clean end at most this many bytes are hashed, but at least one piece. */
  readonly sampleLength: number;
  /** After a clean end at most this many pieces are hashed, because opening a file takes time too. */
  readonly samplePieces: number;
  /**
   * A file may have changed this much later than the journal: one batch, and the time that a slow disk needs to flush.
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
  /** The files of the torrent. */
  readonly files: readonly TorrentFile[];
  readonly layout: PieceLayout;
  readonly random: Random;
  /** What the disk holds of each of them. */
  readonly survey: readonly FileSurvey[];
  /** The pieces that the files are long enough for, in order. */
  readonly possible: readonly PieceIndex[];
  readonly contents: JournalContents;
  /** When the journal itself last changed, in nanoseconds of the same clock as the identities of files. */
  readonly writtenAt: bigint;
  /** Whether files grow under their part names. Then a file with its final name is whole. */
  readonly partNames: boolean;
}

/** What a download makes of its journal. A piece in none of the lists counts as absent. */
export interface Belief {
  /** Pieces that count as verified, because the journal says so. */
  readonly believed: readonly PieceIndex[];
  /** Pieces that are verified by the journal, and have to prove it by their hash. */
  readonly doubted: readonly PieceIndex[];
  /**
   * What a doubted piece speaks for. When the piece is wrong, nothing that the journal says of its files is believed
   * ('their files'), or nothing that it says at all ('all').
   */
  readonly doubtedFor: 'their files' | 'all';
  /** Pieces that count as absent, whatever the border file holds of them. Without this field there are none. */
  readonly gone?: ReadonlySet<number>;
  /** Pieces that have to be hashed: they were not flushed, or one of their files differs from the journal's record. */
  readonly unknown: readonly PieceIndex[];
  /** Files that are ours by what the journal says, by index, even when no piece of them is verified. */
  readonly known: ReadonlySet<number>;
  /** Those of `known` that are so only while no piece of them alone is wrong. Without this field there are none. */
  readonly unproved?: ReadonlySet<number>;
  /** Blocks that the disk may hold of pieces that are not verified. They have to prove themselves. */
  readonly unfinished: UnfinishedPieces;
}

/** Compares the files on the disk with the journal, and decides about each piece. */
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

/** The blocks that a journal names, without those that the torrent does not have. */
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

/** Whether the file may still hold the pieces that the journal says it holds. */
function isUnchanged({ survey, contents, writtenAt }: BeliefParts, index: number, { lag }: BeliefOptions): boolean {
  const then = contents.files.get(index);
  const now = survey[index]?.identity ?? null;
  if (then === undefined || now === null || !isSameInode(then, now)) return false;
  if (contents.isClean) return now.length === then.length && now.changedAt === then.changedAt;
  return now.length >= then.length && now.changedAt >= then.changedAt && now.changedAt <= latest(writtenAt, lag);
}

/**
 * Whether the file is the one that the journal names. A power cut may have taken bytes of it, and also the time of
 * their change, which a flush need not write. A program that copies another file into it leaves a time later than the
 * journal, or earlier than the birth of this file.
 */
function isOurs(parts: BeliefParts, index: number, options: BeliefOptions): boolean {
  if (isUnchanged(parts, index, options)) return true;
  const { survey, contents, writtenAt } = parts;
  const then = contents.files.get(index);
  const now = survey[index]?.identity ?? null;
  if (then === undefined || now === null || !isSameInode(then, now)) return false;
  if (now.changedAt < now.bornAt) return false;
  // After a clean end the download writes nothing more, and the time of the change is exact, but in a mere claim.
  if (contents.isClean) return isClaim(then) && now.changedAt <= writtenAt;
  return now.changedAt <= latest(writtenAt, options.lag);
}

/**
 * Whether we made the file under a part name. Its name says that it is not a whole file of the user. After a kill we
 * must not take a file of ours for a stranger's: the download may have written to it long after the last record, when
 * no peer came before. A file is also ours when the journal says that it was not there, and it was made after the last
 * batch.
 */
function isOurPart(parts: BeliefParts, index: number, options: BeliefOptions): boolean {
  if (isUnchanged(parts, index, options)) return true;
  const { survey, contents, writtenAt } = parts;
  const then = contents.files.get(index);
  const now = survey[index]?.identity ?? null;
  if (then === undefined || now === null) return false;
  // After a clean end the download makes no file. A power cut may still have taken the time of the last change.
  if (contents.isClean && (isNotThere(then) || now.changedAt > then.changedAt)) return false;
  const lag = BigInt(options.lag) * 1_000_000n;
  if (isNotThere(then)) return now.changedAt >= now.bornAt && now.bornAt >= writtenAt - lag;
  // A copy that keeps its time of change may be older than the birth of the file that it was put into. And a journal
  // that is older than the file cannot vouch for it.
  return isSameInode(then, now) && now.changedAt >= now.bornAt && then.bornAt <= writtenAt + lag;
}

function latest(writtenAt: bigint, lag: Millis): bigint {
  return writtenAt + BigInt(lag) * 1_000_000n;
}

/** One random piece of each file. When there are too many files, the files are random too. */
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

/** The newest pieces, up to `doubtLength` bytes, and one random piece of each file. */
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

/** For each file with pieces in `believed`, where these pieces stand there. */
function runsOfFiles(
  files: readonly TorrentFile[],
  layout: PieceLayout,
  believed: readonly PieceIndex[],
): { readonly begin: number; readonly end: number }[] {
  const runs: { begin: number; end: number }[] = [];
  let begin = 0;
  for (const file of files) {
    const run = piecesOfFile(file, layout);
    // Files are in the order of their bytes, so no file begins before the previous one.
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
