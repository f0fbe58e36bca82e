/**
 * The contract for a torrent's bytes on a disk. `FileStorage` keeps them in files, with workers that hash and write;
 * tests keep them in memory. Every answer comes later, as a task of the timers that the storage was given, and never
 * within the call.
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

/** A run of bytes within one piece, and the memory that it is read into: as long as the run, and at least one byte. */
export interface BlockRead {
  readonly piece: PieceIndex;
  readonly begin: number;
  readonly into: Buffer;
  /** Every byte is read in its own file, also where the piece was found in the border file. Absent: where it lies. */
  readonly inFiles?: true;
}

/** Memory that holds one piece while it arrives. It comes from a `SlotPool`. */
export interface PieceSlot {
  /** At least as long as the piece. */
  readonly data: Buffer;
}

/** A bounded amount of memory for pieces, shared by all torrents of a process. */
export interface SlotPool {
  /** The longest piece that gets a slot; longer ones are written block by block. Bytes. */
  readonly maxLength: number;
  /** A slot of at least `length` bytes; undefined when the bound leaves no room for it. */
  take(length: number): PieceSlot | undefined;
  giveBack(slot: PieceSlot): void;
}

/**
 * Another program removed, cut or replaced a file that held bytes of the torrent. It is not known which bytes are left.
 * Nothing is written to the file until `releaseFile`.
 */
export class FileLost extends BtgetError {
  /** Index in the metainfo; null for the border file. */
  readonly file: number | null;

  constructor(file: number | null, code: FailureCode, message: string) {
    super(code, message);
    this.file = file;
  }
}

/** The download folder is not the one that it was at the start. That one may come back with its disk. */
export class FolderGone extends BtgetError {
  constructor(message: string) {
    super('io', message);
  }
}

/**
 * One of the two hashes that a torrent tells of a piece is right, and the other is wrong. So the torrent contradicts
 * itself: no bytes can be right, and no peer is to blame.
 */
export class InconsistentHashes extends BtgetError {
  readonly piece: PieceIndex;

  constructor(piece: PieceIndex) {
    super('torrent-invalid', `torrent is not valid: its two hashes of piece ${piece} contradict each other`);
    this.piece = piece;
  }
}

export type CheckOutcome =
  | {
      readonly ok: true;
      /** The bytes give every hash that the torrent tells of the piece. */
      readonly matches: boolean;
      /**
       * Of a piece that does not match, where its bytes are there and the torrent tells its hash tree: the SHA-256 of
       * each block of its content, 32 bytes for each. Compared with the right ones it tells which blocks are wrong.
       */
      readonly leaves?: Buffer;
      /** A file that is not selected cannot be read, so the piece shows nothing of its other files. */
      readonly isUnreadable?: true;
    }
  | { readonly ok: false; readonly failure: BtgetError };

export type LeavesOutcome =
  /** SHA-256 of each block of the piece's content, 32 bytes each: they give the piece's root. */
  { readonly ok: true; readonly leaves: Buffer } | { readonly ok: false; readonly failure: BtgetError };

export type DoneOutcome = { readonly ok: true } | { readonly ok: false; readonly failure: BtgetError };

/**
 * Which file it is and in what state, as its file system says. It shows whether another program replaced or changed the
 * file.
 */
export interface FileIdentity {
  /** Bytes. */
  readonly length: number;
  /**
   * When its bytes last changed, in nanoseconds since 1970 by the clock of its file system. For a file of another user:
   * when anything about it changed, since its owner can give its bytes any date.
   */
  readonly changedAt: bigint;
  /** A number that no other file of its file system has. When the file is gone, another one may get it. */
  readonly inode: bigint;
  /** When the file was made, in the unit of `changedAt`. Tells it from a later file with the same inode. */
  readonly bornAt: bigint;
}

/**
 * A file that is read through a link of the user, and never written. 'file': the file's own name is a link. 'folder': a
 * folder above the file is a link out of the download folder.
 */
export interface LinkedPlace {
  readonly kind: 'file' | 'folder';
  /** Where the file really is: absolute, with no link in it. Null when the link leads to no file. */
  readonly path: string | null;
}

/**
 * What has the name of a link that the torrent itself holds. 'right': a link with the very target that a download gives
 * it. 'link': one with another target.
 */
export type SymlinkPlace = 'absent' | 'right' | 'link' | 'file' | 'folder' | 'other';

/**
 * What was on the disk for one file before we touched anything. A pad file, and a link that the torrent itself holds,
 * is always 'absent'; of such a link `symlink` tells more.
 */
export interface FileSurvey {
  /** 'part': a file has its part name. 'final': a file has its final name. A file with both names counts as 'part'. */
  readonly found: 'absent' | 'part' | 'final';
  /** Length on the disk; 0 when absent. */
  readonly length: number;
  /** Null when absent. */
  readonly identity: FileIdentity | null;
  /** One file has both names: a crash came between the two steps that give a whole file its final name. */
  readonly bothNames: boolean;
  /**
   * Another file has the final name, and the survey speaks of the one with the part name. Absent when that is not so.
   */
  readonly hasFinalBeside?: true;
  /**
   * Something that is no file has the part name, and the survey speaks of what has the final name. Absent when that is
   * not so.
   */
  readonly isPartTaken?: true;
  /** Absent when no link is on the way to the file. */
  readonly linked?: LinkedPlace;
  /** For a link that the torrent itself holds; absent for any other file. */
  readonly symlink?: SymlinkPlace;
}

export type SurveyOutcome =
  | {
      readonly ok: true;
      readonly files: readonly FileSurvey[];
      /** There is a border file: an earlier run put bytes aside of files that it did not select. */
      readonly hasBorderFile: boolean;
    }
  | { readonly ok: false; readonly failure: BtgetError };

/** Gets a file, by its index in the metainfo, that cannot be looked at. Is called before the answer comes. */
export type SurveyRefused = (file: number, failure: BtgetError) => void;

export type SyncOutcome =
  /**
   * What the flushed files were like before the flush, by index in the metainfo. At least that much of them is flushed.
   */
  | { readonly ok: true; readonly flushed: ReadonlyMap<number, FileIdentity> }
  | { readonly ok: false; readonly failure: BtgetError };

/** What became of a file that we know. */
export interface ConfirmedFile {
  /** Index in the metainfo. */
  readonly file: number;
  /** Null when it is as it was; else how another program changed it. */
  readonly lost: FileLost | null;
  /** What the file that we know is like now. Null when it is not there any more, and for a link of the torrent. */
  readonly identity: FileIdentity | null;
  /** Whether the download writes to it: then it is ours. */
  readonly isWritten: boolean;
}

export type ConfirmOutcome =
  | { readonly ok: true; readonly files: readonly ConfirmedFile[] }
  | { readonly ok: false; readonly failure: BtgetError };

export type PassOverOutcome =
  | { readonly ok: true; readonly files: readonly FileSurvey[] }
  | { readonly ok: false; readonly failure: BtgetError };

export type MakeOutcome =
  /** What the files are like, by index in the metainfo. */
  | { readonly ok: true; readonly made: ReadonlyMap<number, FileIdentity> }
  | { readonly ok: false; readonly failure: BtgetError };

/** How much room the files take up, and how much is left. */
export interface DiskRoom {
  /** Bytes that each file takes up on the disk, by index in the metainfo; 0 for one that is not there. */
  readonly allocated: readonly number[];
  /** On which of `fileSystems` each file lies or will be made, by index in the metainfo. */
  readonly fileSystemOf: readonly number[];
  /** At least one. */
  readonly fileSystems: readonly FileSystemRoom[];
}

export interface FileSystemRoom {
  /** Where it is met below the download folder, with `/` between the elements; '' for that folder itself. */
  readonly folder: string;
  /** Bytes that are free for us; null where the system cannot tell. */
  readonly free: number | null;
}

/** A file that the download goes on with. */
export interface AdoptedFile {
  /** Index in the metainfo. */
  readonly file: number;
  /** What the survey said of it. */
  readonly identity: FileIdentity;
  /** Whether it will be written to, because it lacks bytes or has too many. */
  readonly isWritten: boolean;
}

/** A regular file elsewhere on the disk that may hold the bytes of a file of the torrent. It is only ever read. */
export interface Candidate {
  /** Absolute, with no link in it when it was found. */
  readonly path: string;
  /** Device and inode: another file that comes to the path is not read. */
  readonly id: string;
  /** Bytes, when it was found. */
  readonly length: number;
}

/** A folder to look for candidates in. */
export interface SearchedFolder {
  /** For a folder that the user names: any path. Else absolute, with no link in it. */
  readonly path: string;
  /** How many folders of the search lie above it; 0 for one that the user names. */
  readonly depth: number;
}

/** What is looked for, and how much at the most. */
export interface CandidateSearch {
  readonly folders: readonly SearchedFolder[];
  /** The lengths that files must have, in any order. */
  readonly lengths: Float64Array;
  /** Folders that lie deeper are left out. */
  readonly maxDepth: number;
  /** The search pauses after the folder with which it has seen this many names. */
  readonly pauseAfter: number;
  /** At most this many names of one folder are seen. */
  readonly maxNames: number;
}

export interface CandidatesFound {
  readonly found: readonly Candidate[];
  /** The folders that have not been searched yet, for the next call. */
  readonly rest: readonly SearchedFolder[];
  /** How many names were seen. */
  readonly seen: number;
  /** Folders that the user names and that cannot be read, in a sentence each. */
  readonly unreadable: readonly string[];
  /** Whether something was left out because of `maxDepth` or `maxNames`. */
  readonly isCut: boolean;
}

export type CandidatesOutcome =
  | ({ readonly ok: true } & CandidatesFound)
  | { readonly ok: false; readonly failure: BtgetError };

export type CandidateHashOutcome =
  /**
   * The root of the piece's hash tree, or SHA-1 where the torrent tells no root. Null when the candidate is not the
   * file that was found, or too short.
   */
  { readonly ok: true; readonly hash: Buffer | null } | { readonly ok: false; readonly failure: BtgetError };

export type CopyOutcome =
  /**
   * `copied`: bytes from the beginning of the run. Fewer than asked for when the candidate gives no more. `isShared`:
   * the file has all bytes of the candidate, and not the run alone.
   */
  | { readonly ok: true; readonly copied: number; readonly isShared: boolean }
  | { readonly ok: false; readonly failure: BtgetError };

/** A run of a file's bytes. */
export interface FileRun {
  /** Index in the metainfo. */
  readonly file: number;
  /** Offset in the file. */
  readonly begin: number;
  readonly length: number;
}

export interface Storage {
  /**
   * Looks which files and links are there and how long the files are. Writes nothing. It must be the first call: from
   * it the storage knows where bytes of files lie that are not selected.
   *
   * Fails with 'cannot-open' when something else than a regular file has the name of a file, unless it is a link to a
   * regular file. With `overwrite` such a thing counts as 'absent' unless it is a folder, and so does a link to a file.
   * A link that leads nowhere counts as 'absent'. A file that is found through a link is read where it was found,
   * whatever becomes of the link. What has the place of a link of the torrent is no failure.
   *
   * With `refused`, a file that cannot be looked at does not end the survey: `refused` gets it, it counts as 'absent',
   * and the survey goes on.
   */
  survey(answered: (outcome: SurveyOutcome) => void, refused?: SurveyRefused | null): void;

  /**
   * Hashes the first `lengthOf(piece)` bytes of the slot, and writes them when every hash is right. `matches` false:
   * nothing was written. Fails with `InconsistentHashes` when the hashes contradict each other. The caller must not
   * touch the slot until the answer. After it the slot is the caller's again.
   */
  commitPiece(piece: PieceIndex, slot: PieceSlot, answered: (outcome: CheckOutcome) => void): void;

  /**
   * Makes those of these files that are not there, empty, under the names under which they grow. Answers with what all
   * of these files are like. From here on writes go to them.
   */
  makeFiles(files: readonly number[], answered: (outcome: MakeOutcome) => void): void;

  /** Writes a run of a piece that has no slot, without verifying it. `data` is copied before the call returns. */
  writeBlock(piece: PieceIndex, begin: number, data: Buffer, answered: (outcome: DoneOutcome) => void): void;

  /**
   * Hashes what the disk holds for the piece. When bytes are not there, `matches` is false, without leaves; that is no
   * failure, nor is it when a file that is not selected cannot be read. Fails with `InconsistentHashes` when the hashes
   * contradict each other. When the piece is right, later reads use the places where it was found, in the files or
   * aside.
   */
  checkPiece(piece: PieceIndex, answered: (outcome: CheckOutcome) => void): void;

  /**
   * Hashes the blocks of a piece that we have, of a torrent with hash trees. Fails with 'io' when its bytes are not
   * there, or are not right any more.
   */
  hashBlocks(piece: PieceIndex, answered: (outcome: LeavesOutcome) => void): void;

  /**
   * Reads each run; runs that follow one another are read in one go. In a torrent with hash trees a run may reach
   * behind the end of its piece's file, up to `pieceLength`: the bytes there are zeros. The caller must not touch the
   * memory until the answer. After a failure the memory may hold anything.
   */
  readBlocks(reads: readonly BlockRead[], answered: (outcome: DoneOutcome) => void): void;

  /**
   * Takes back a file that was found under its final name, and is ours, but turned out to be incomplete. It gets its
   * part name back. Where files grow under their final names it keeps its name, and may be written to from here on. A
   * file with both names loses its final one. The names are flushed before the answer. With `keepsFinal` another
   * torrent made the file: it stays as it is, and a copy of it gets the part name. `file` is an index in the metainfo.
   */
  demoteFile(file: number, keepsFinal: boolean, answered: (outcome: DoneOutcome) => void): void;

  /** Undoes `demoteFile`, for a file that nothing has been written to since. */
  restoreFile(file: number, answered: (outcome: DoneOutcome) => void): void;

  /**
   * For files of which both a part and a whole file are there. From here on the one with the final name counts, and the
   * file has another part name, which is free on the disk. Answers with what the files are like, in the order of
   * `files`.
   */
  passOverParts(files: readonly number[], answered: (outcome: PassOverOutcome) => void): void;

  /** Undoes `passOverParts`. */
  useParts(files: readonly number[]): void;

  /** From here on the file is read where the download writes it, and not through the link at which it was found. */
  useCopy(file: number): void;

  /** Removes the file that has the part name, ours or not. Harmless when there is none. */
  removePart(file: number, answered: (outcome: DoneOutcome) => void): void;

  /**
   * From here on these files on the disk are ours. Those that will be written to are opened for writing, and nothing is
   * changed. Fails when one of them is not the file that was surveyed. A file that was neither adopted nor made is a
   * stranger's: nothing is written to it.
   */
  adoptFiles(files: readonly AdoptedFile[], answered: (outcome: DoneOutcome) => void): void;

  /**
   * For a file whose last piece has been verified: flushes it (fdatasync), sets its length and mode, and gives it its
   * final name. Empty files and links are made here. When a foreign file has the final name: if its bytes are the same
   * it is taken for the file; if not, it is replaced with `overwrite`, and without it the answer is a 'foreign-file'
   * failure.
   */
  finishFile(file: number, answered: (outcome: DoneOutcome) => void): void;

  /**
   * Where the whole file is, below the download folder, with `/` between the elements. After the survey it is the name
   * that the file has on the disk, which is its exact name if it lay under that. The text keeps every byte
   * (`nameText`).
   */
  finalName(file: number): string;

  /**
   * Looks whether these files and links are still what was surveyed, finished or written, by name, length and identity.
   * A file with another inode is still the same when its length, its birth and the time of its last change are: some
   * file systems number their files anew. Those of `isWhole` have their final names, and must be as long as the torrent
   * says. Leaves out other files of which nothing is known. `files` are indexes in the metainfo.
   */
  confirmFiles(
    files: readonly number[],
    isWhole: (file: number) => boolean,
    answered: (outcome: ConfirmOutcome) => void,
  ): void;

  /**
   * Forgets what was known of the file. From here on the file is the one that is adopted or made there next. For a file
   * that was lost, before its pieces are checked. `file` null is the border file.
   */
  releaseFile(file: number | null, answered: (outcome: DoneOutcome) => void): void;

  /**
   * Flushes everything written so far, and the files of `also` (indexes in the metainfo), no matter which program wrote
   * them. Leaves out files that are not there.
   */
  sync(also: readonly number[], answered: (outcome: SyncOutcome) => void): void;

  /** Measures what a download needs to know of the disk before it begins. Never fails. */
  measureRoom(answered: (room: DiskRoom) => void): void;

  /**
   * Looks for files of certain lengths, as far as one request goes. Follows no link below the folders, and leaves out
   * part names and what btget keeps beside downloads. What cannot be read is no failure.
   */
  findCandidates(search: CandidateSearch, answered: (outcome: CandidatesOutcome) => void): void;

  /**
   * Hashes the piece as it is when the candidate takes the place of its file. Only for a piece without bytes of other
   * files.
   */
  hashCandidate(piece: PieceIndex, candidate: Candidate, answered: (outcome: CandidateHashOutcome) => void): void;

  /**
   * Copies bytes of the candidate to the same place in a file of the torrent, by the rules of all writes. Verifies
   * nothing. With `mayShare` nothing that the file holds is needed: where the file system can, the file shares all
   * bytes of the candidate on the disk, until one of the two is changed. The worker does nothing else meanwhile, so the
   * run should be short. A failure is of the torrent's own file: when the candidate cannot be read, fewer bytes are
   * copied.
   */
  copyCandidate(run: FileRun, candidate: Candidate, mayShare: boolean, answered: (outcome: CopyOutcome) => void): void;

  /**
   * Only a storage that keeps pieces for a while has this. It forgets what it has of the piece: later reads of it fail,
   * until the piece is committed again. No read or write of the piece may be under way.
   */
  forgetPiece?(piece: PieceIndex): void;

  /** Removes the border file. Only for a torrent with every file selected, when no piece needs it any more. */
  removeBorderFile(answered: (outcome: DoneOutcome) => void): void;

  /**
   * Ends what is under way, closes every file, and answers once. From this call on nothing else is answered, and
   * nothing may be asked. After the answer, slots and other memory that the storage had are the caller's again.
   */
  close(answered: () => void): void;
}

export interface OpenStorageOptions {
  /**
   * Answers come as tasks of these timers. A torrent hands in its own context, so that a bug in handling an answer ends
   * that torrent alone. When the context has ended, no answer comes but that of `close`. Null: the timers of the disk.
   */
  readonly timers: Timers | null;
  readonly metainfo: Metainfo;
  readonly layout: PieceLayout;
  /** The download folder. It is made together with the first file. */
  readonly dir: string;
  /**
   * The name of the torrent's file or top folder on the disk: one path element. Null: the name that the torrent gives
   * it.
   */
  readonly output: string | null;
  /** Whether files grow under a part name. If not, they have their final names from the start. */
  readonly partNames: boolean;
  /** Whether files that are not this torrent's are replaced. */
  readonly overwrite: boolean;
  /**
   * The selected files, by index in the metainfo; null: all. No other file is ever made or written to. Its bytes in
   * pieces that it shares with selected files go to the border file beside the download.
   */
  readonly selected: ReadonlySet<number> | null;
}

/** Makes the storage of one torrent. Does not touch the disk yet. */
export type OpenStorage = (options: OpenStorageOptions) => Storage;
