/**
 * The contract of a torrent's bytes on a disk. The file adapter keeps it with a worker that hashes and writes; tests
 * keep it in memory. Every answer comes later, as a task of the timers that the storage was given, and never within
 * the call.
 */
import type { Timers } from '../base/clock.js';
import { BtgetError, type FailureCode } from '../base/failure.js';
import type { Metainfo } from '../metainfo/metainfo.js';
import type { PieceIndex, PieceLayout } from '../metainfo/piece-layout.js';

/** A run of bytes within one piece. */
export interface BlockSpan {
  readonly piece: PieceIndex;
  readonly begin: number;
  readonly length: number;
}

/** A run of bytes within one piece, and the memory that is to have it: as long as the run, and at least one byte. */
export interface BlockRead {
  readonly piece: PieceIndex;
  readonly begin: number;
  readonly into: Buffer;
}

/** Memory that holds one piece while it arrives; comes from a `SlotPool`. */
export interface PieceSlot {
  /** At least as long as the piece. */
  readonly data: Buffer;
}

/** A bounded amount of memory for pieces, shared by all torrents of a process. */
export interface SlotPool {
  /** The longest piece that gets a slot; longer ones are written block by block. Bytes. */
  readonly maxLength: number;
  /** A slot of `length` bytes, or undefined when that would go beyond the bound. */
  take(length: number): PieceSlot | undefined;
  giveBack(slot: PieceSlot): void;
}

/**
 * Somebody removed, cut or replaced a file that the torrent had bytes in: which of them are left is not known, and
 * nothing is written to it until `releaseFile`.
 */
export class FileLost extends BtgetError {
  /** Index in the metainfo; null for the border file. */
  readonly file: number | null;

  constructor(file: number | null, code: FailureCode, message: string) {
    super(code, message);
    this.file = file;
  }
}

/** The download folder is another than it was at the start: that one may come back with its disk. */
export class FolderGone extends BtgetError {
  constructor(message: string) {
    super('io', message);
  }
}

export type CheckOutcome =
  | { readonly ok: true; readonly matches: boolean }
  | { readonly ok: false; readonly failure: BtgetError };

export type DoneOutcome = { readonly ok: true } | { readonly ok: false; readonly failure: BtgetError };

/** Which file it is and in what state, as its file system says: enough to see that somebody replaced or changed it. */
export interface FileIdentity {
  /** Bytes. */
  readonly length: number;
  /**
   * When its bytes last changed, nanoseconds since 1970 by the clock of its file system. Of another user's file: when
   * anything about it did, since its owner may date its bytes at will.
   */
  readonly changedAt: bigint;
  /** A number that no other file of its file system has. Once the file is gone another may get it. */
  readonly inode: bigint;
  /** When it came to be, as `changedAt`: tells it from a later file with the same inode. */
  readonly bornAt: bigint;
}

/**
 * A file that is read through a link of the user's, and never written: the link has its own name ('file'), or a folder
 * above it is a link out of the download folder ('folder').
 */
export interface LinkedPlace {
  readonly kind: 'file' | 'folder';
  /** Where the file really is: absolute, without a link. Null when it leads to no file. */
  readonly path: string | null;
}

/** What was on the disk for one file before we touched anything. Pad files and links are always 'absent'. */
export interface FileSurvey {
  /** 'part': under its `.part` name; 'final': under its own. A file under both counts as 'part'. */
  readonly found: 'absent' | 'part' | 'final';
  /** Length on the disk; 0 when absent. */
  readonly length: number;
  /** Null when absent. */
  readonly identity: FileIdentity | null;
  /** It has both names: a crash came between the two steps that give a whole file its final one. */
  readonly bothNames: boolean;
  /** Another file has its final name; what is said is said of the one with its part name. Absent when there is none. */
  readonly hasFinalBeside?: true;
  /**
   * What has its part name is no file: what is said is said of the one with its final name. Absent when it is not so.
   */
  readonly isPartTaken?: true;
  /** Absent when no link leads there. */
  readonly linked?: LinkedPlace;
}

export type SurveyOutcome =
  | {
      readonly ok: true;
      readonly files: readonly FileSurvey[];
      /** Something lies aside: bytes of files that an earlier run did not select. */
      readonly hasBorderFile: boolean;
    }
  | { readonly ok: false; readonly failure: BtgetError };

/** Told of a file, by its index in the metainfo, that cannot be looked at; comes before the answer. */
export type SurveyRefused = (file: number, failure: BtgetError) => void;

export type SyncOutcome =
  /** What the files that were flushed were like before that, by index in the metainfo: at least as much is flushed. */
  | { readonly ok: true; readonly flushed: ReadonlyMap<number, FileIdentity> }
  | { readonly ok: false; readonly failure: BtgetError };

export type PassOverOutcome =
  | { readonly ok: true; readonly files: readonly FileSurvey[] }
  | { readonly ok: false; readonly failure: BtgetError };

export type MakeOutcome =
  /** What the files are like, by index in the metainfo. */
  | { readonly ok: true; readonly made: ReadonlyMap<number, FileIdentity> }
  | { readonly ok: false; readonly failure: BtgetError };

/** How much the disk has given, and has to give. */
export interface DiskRoom {
  /** Bytes that each file takes up on the disk, by index in the metainfo; 0 for one that is not there. */
  readonly allocated: readonly number[];
  /** Bytes that are free for us; null where nobody can tell. */
  readonly free: number | null;
}

/** A file that the download goes on with. */
export interface AdoptedFile {
  /** Index in the metainfo. */
  readonly file: number;
  /** What it was like when it was surveyed. */
  readonly identity: FileIdentity;
  /** It misses bytes or has too many. */
  readonly isWritten: boolean;
}

export interface Storage {
  /**
   * Looks which files are there and of what length. Writes nothing. Fails with 'cannot-open' when something that is no
   * regular file, and leads to none as a link, has the name of one; with `overwrite` that counts as 'absent' unless it
   * is a folder, and so does a link to a file. A link that leads nowhere is 'absent'. What is found through a link is
   * read where it was then, whatever becomes of the link. It is asked for before anything else: what lies where the
   * torrent's files are not selected is known by it. With `refused`, a file that cannot be looked at fails nothing: it
   * is told, counts as absent, and the others go on.
   */
  survey(answered: (outcome: SurveyOutcome) => void, refused?: SurveyRefused | null): void;

  /**
   * Hashes the slot's first `lengthOf(piece)` bytes and, when they are right, writes them. The slot must not be
   * touched until the answer, and is the caller's again after it. `matches` false: nothing was written.
   */
  commitPiece(piece: PieceIndex, slot: PieceSlot, answered: (outcome: CheckOutcome) => void): void;

  /**
   * Makes those of these files that are not there, empty, under the names that they grow under, and says what all of
   * them are like. What is written to them from here on goes to these.
   */
  makeFiles(files: readonly number[], answered: (outcome: MakeOutcome) => void): void;

  /** Writes an unverified run of a piece that has no slot. `data` is copied before the call returns. */
  writeBlock(piece: PieceIndex, begin: number, data: Buffer, answered: (outcome: DoneOutcome) => void): void;

  /**
   * Hashes what the disk holds for the piece. Bytes that are not there make `matches` false; that is no failure. What
   * was found to be right is what is read from then on, in the files or aside.
   */
  checkPiece(piece: PieceIndex, answered: (outcome: CheckOutcome) => void): void;

  /**
   * Reads each run; those that follow one another are read in one go. The memory must not be touched until the answer,
   * and is the caller's again after it; after a failure it holds anything.
   */
  readBlocks(reads: readonly BlockRead[], answered: (outcome: DoneOutcome) => void): void;

  /**
   * A file found under its final name turned out to be incomplete, but ours: it gets its `.part` name back. Where files
   * grow under their final names it keeps it, and may be written to from here on. One that has both names loses its
   * final one. The names are flushed when it is answered. With `keepsFinal` another torrent has made it: it stays as it
   * is, and a copy of it gets the part name. `file` is an index in the metainfo.
   */
  demoteFile(file: number, keepsFinal: boolean, answered: (outcome: DoneOutcome) => void): void;

  /** Takes `demoteFile` back, of a file that nothing has been written to since. */
  restoreFile(file: number, answered: (outcome: DoneOutcome) => void): void;

  /**
   * From here on these files, which lie under both of their names, are those under their final ones, and none of them
   * has anything under a part name. Answers with what they are like, in that order.
   */
  passOverParts(files: readonly number[], answered: (outcome: PassOverOutcome) => void): void;

  /** Takes `passOverParts` back. */
  useParts(files: readonly number[]): void;

  /** From here on the file is read where the download writes it, and not through the link at which it was found. */
  useCopy(file: number): void;

  /** Removes what has the part name of the file, whosever it is. Harmless when nothing has it. */
  removePart(file: number, answered: (outcome: DoneOutcome) => void): void;

  /**
   * These files, which lie there, are ours from here on. Those that are to be written to are opened for it, and nothing
   * is changed. Fails when one of them is not the file that was surveyed. What was neither adopted nor made is a
   * stranger's: nothing is written to it.
   */
  adoptFiles(files: readonly AdoptedFile[], answered: (outcome: DoneOutcome) => void): void;

  /**
   * The last piece of the file has been verified: flushes it (fdatasync), sets its length and mode, and gives it its
   * final name. Empty files and links are made here. A foreign file of that name is replaced only when the storage was
   * built with `overwrite`, or when its bytes are the same; else the answer is a 'foreign-file' failure.
   */
  finishFile(file: number, answered: (outcome: DoneOutcome) => void): void;
  /**
   * Where the whole file is, below the download folder, with `/` between the elements. After the survey it is the name
   * that the file has on the disk: the exact name of a file that lay under it. Its text keeps every byte (`nameText`).
   */
  finalName(file: number): string;

  /**
   * What was known of the file is forgotten: from here on it is what is adopted there, or is made anew. For a file that
   * was lost, before its pieces are checked. `file` null is the border file.
   */
  releaseFile(file: number | null, answered: (outcome: DoneOutcome) => void): void;

  /**
   * Flushes everything written so far, and the files that `also` names by their index in the metainfo, whoever wrote
   * them. Files that are not there are left out.
   */
  sync(also: readonly number[], answered: (outcome: SyncOutcome) => void): void;

  /** What a download needs to know of the disk before it begins. */
  measureRoom(answered: (room: DiskRoom) => void): void;

  /** Removes what lies aside. Every file is selected, and no piece needs it. */
  removeBorderFile(answered: (outcome: DoneOutcome) => void): void;

  /**
   * Ends what is under way, closes every file, answers once. Nothing else is answered from this call on, and nothing
   * may be asked. Slots and other memory that are with the storage are the caller's again after the answer.
   */
  close(answered: () => void): void;
}

export interface OpenStorageOptions {
  /**
   * Where answers come: a torrent names its own context, so that a bug in what an answer sets off ends that torrent
   * alone. No answer but that of `close` comes once the context has ended. Null: the timers of the disk.
   */
  readonly timers: Timers | null;
  readonly metainfo: Metainfo;
  readonly layout: PieceLayout;
  /** The download folder. It is made when the first file is. */
  readonly dir: string;
  /** The name of the torrent's file or top folder on the disk: one path element, or null for its own. */
  readonly output: string | null;
  /** Whether files grow under a part name; if not, under their own from the start. */
  readonly partNames: boolean;
  /** Whether files that are not the torrent's are replaced. */
  readonly overwrite: boolean;
  /**
   * The selected files, by index in the metainfo, or null for all. No other is ever made or written to: their bytes in
   * pieces that are shared with selected ones lie aside, in one file beside the download.
   */
  readonly selected: ReadonlySet<number> | null;
}

/** Makes the storage of one torrent. Touches nothing yet. */
export type OpenStorage = (options: OpenStorageOptions) => Storage;
