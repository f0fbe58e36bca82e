/** What the main thread asks of its workers, and what they answer. Everything here survives structured cloning. */
import type { ExactCandidate, FoundName } from './exact-names.js';
import type { FailureMessage } from './failure.js';
import type { FileNames } from './names.js';
import type { SeenFile } from './same-file.js';
import type {
  AdoptedFile,
  Candidate,
  CandidateSearch,
  CandidatesFound,
  FileIdentity,
  FileRun,
  FileSurvey,
} from './storage.js';
import type { PathRoot } from './system/guard.js';
import type { IdentifiedFile } from './system/operations.js';
import type { FoundJournal, LockDoubt, WatchedLock } from './target.js';

/** A torrent's place on the disk. Every request carries it: workers are shared by all torrents. */
export interface StoragePlace extends PathRoot {
  /** Tells torrents apart, as long as the process lives. */
  readonly id: number;
  /** Whether files grow under their part name. */
  readonly partNames: boolean;
  /** Whether files that are not this torrent's may be replaced. */
  readonly overwrite: boolean;
}

/** Where a download's journal and lock are: beside what is downloaded. */
export interface TargetPlace extends PathRoot {
  /** Tells targets apart, as long as the process lives. */
  readonly id: number;
  /** The name of the torrent's file or top folder, below the root. */
  readonly target: string;
  /** The journal's name below the root. The lock's name begins with it. */
  readonly name: string;
  /** How a journal begins, as in `OpenTargetOptions`. */
  readonly head: Uint8Array;
}

/** Writes `length` bytes from offset `from` of the data at offset `begin` of the file. */
export interface FileWrite {
  /** Index in the metainfo; null for the border file, which is in no metainfo. */
  readonly file: number | null;
  readonly names: FileNames;
  readonly begin: number;
  readonly from: number;
  readonly length: number;
}

/** A file by its index in the metainfo. */
export interface NamedFile {
  readonly file: number;
  readonly names: FileNames;
}

/** A link that the torrent holds. */
export interface NamedLink {
  /** Its name below the root. */
  readonly name: string;
  /** The target that it holds on the disk. */
  readonly target: string;
}

/** Where a file may be. */
export interface ReadPlace {
  /** `path` lies below it, and no link out of it is followed. Null: `path` is absolute, and links are followed. */
  readonly root: string | null;
  readonly path: string;
  /** Which file it must be, as in `FileFacts`; another file is passed over. Null: any file will do. */
  readonly id: string | null;
  /** What that file was like: it may have got another `id` since. Without this only the `id` tells. */
  readonly identity?: FileIdentity | null;
}

/** Bytes to hash. */
export type HashSource =
  /** Bytes of a file, read at the first of `places` where it is. */
  | {
      readonly kind: 'file';
      readonly places: readonly ReadPlace[];
      readonly begin: number;
      readonly length: number;
      /** The file is not selected: when it cannot be read, the answer is 'missing'. */
      readonly isUnselected?: true;
    }
  | { readonly kind: 'zeros'; readonly length: number };

/**
 * The bytes of consecutive pieces. Each piece has `pieceLength` bytes; the last one may be shorter. At least one of
 * `sha1` and `tree` is wanted.
 */
export interface HashJob {
  readonly sources: readonly HashSource[];
  readonly pieceLength: number;
  /** Whether SHA-1 is wanted: of all bytes of each piece, zeros included. */
  readonly sha1: boolean;
  /** Null when no hash trees are wanted. */
  readonly tree: TreeJob | null;
}

/**
 * What is wanted of the hash tree of each piece (BEP 52). The job holds bytes of one file, and begins a piece of it.
 * Zeros may follow them: they are padding, which no tree covers. Each piece has at least one byte of the file, and
 * `pieceLength` is a multiple of 16 KiB.
 */
export interface TreeJob {
  /**
   * The leaves of the tree of each piece, padding included: a power of two. Of a file that is longer than a piece, the
   * blocks of a whole piece; of a shorter file, the blocks of the file, and then as far as the next power of two.
   */
  readonly width: number;
  /** Whether the answer tells the leaves too. */
  readonly leaves: boolean;
}

export type HashAnswer =
  | {
      readonly kind: 'hashed';
      /** SHA-1 of each piece, 20 bytes each. Empty when the job does not want it. */
      readonly hashes: Uint8Array;
      /**
       * The root of each piece's tree, 32 bytes each. Empty when the job wants no trees. For a file longer than a piece
       * they are its piece layer; for a shorter file, its `pieces root`.
       */
      readonly roots: Uint8Array;
      /** SHA-256 of each block of the file's bytes, 32 bytes each, without padding. Empty when the job wants none. */
      readonly leaves: Uint8Array;
    }
  /** A file is not there, or shorter than the job wants. Or it is not selected and cannot be read. */
  | { readonly kind: 'missing'; readonly path: string; readonly isUnreadable?: true }
  | { readonly kind: 'failed'; readonly failure: FailureMessage };

/** What the bytes of a piece must give. At least one of `sha1` and `root` is there. */
export interface CommitProof {
  /** SHA-1 of the whole piece, 20 bytes; null when the torrent does not tell it. */
  readonly sha1: Uint8Array | null;
  /** The root of the hash tree of the piece's content, 32 bytes; null when the torrent does not tell it. */
  readonly root: Uint8Array | null;
  /** The leaves of that tree, padding included; 0 without a root. */
  readonly width: number;
  /** Bytes at the beginning of the piece that the tree covers. */
  readonly contentLength: number;
}

export interface Judged {
  /** 'inconsistent': one of the two hashes is right and the other is wrong, so the torrent contradicts itself. */
  readonly verdict: 'right' | 'wrong' | 'inconsistent';
  /**
   * SHA-256 of each block of the content, 32 bytes each, when they do not give the root. Null when they do, or when
   * there is no root.
   */
  readonly leaves: Uint8Array | null;
}

export interface MeasuredFile {
  /** Bytes that the file takes up on the disk; 0 for one that is not there. */
  readonly allocated: number;
  /**
   * The folder below the root with which its file system begins, on the way from the root to the file; '' when that is
   * the file system of the root.
   */
  readonly mount: string;
}

export interface FreeRoom {
  /** Tells file systems apart. */
  readonly device: string;
  /** Bytes; null where the file system does not say. */
  readonly free: number | null;
}

/** A survey, and which files it speaks of. */
export interface SurveyedFile {
  readonly survey: FileSurvey;
  /**
   * Which file each path leads to. A path is a name below the root, or the path that `linked` has; ids are as in
   * `FileFacts`.
   */
  readonly ids: readonly (readonly [path: string, id: string])[];
}

/** A file that was surveyed or finished. */
export interface KnownPlace extends SeenFile {
  /** Its full path. */
  readonly name: string;
}

/** A file that may have been changed since we looked at it. */
export interface WatchedFile {
  readonly names: FileNames;
  /** The length that it must have; null for a file that is not whole. */
  readonly length: number | null;
  /** The target that the link holds; null when the file is no link. */
  readonly link: string | null;
  /** Whether the worker that writes knows more of it than `places`. */
  readonly isWritten: boolean;
  readonly places: readonly KnownPlace[];
}

export interface WatchedState {
  /** 'cut': it is still the file that we know, and it has another length. */
  readonly state: 'same' | 'cut' | 'replaced' | 'removed';
  /** What the file that we know is like now; null when it is not there any more, and for a link of the torrent. */
  readonly identity: FileIdentity | null;
}

/** Requests by kind, with their answers. */
export interface Work {
  /** Which files lie under the exact names that the torrent spells. One answer for each candidate. */
  findExact: { request: { place: StoragePlace; candidates: readonly ExactCandidate[] }; answer: readonly FoundName[] };
  /** Whether there is anything under one of these names below the root, or may be. */
  isAnyThere: { request: { place: StoragePlace; names: readonly string[] }; answer: boolean };
  /** Which folder is at the path of the download folder, as in `FileFacts`; null when there is none. */
  identifyRoot: { request: { place: StoragePlace }; answer: string | null };
  /** Which file of these names the worker writes to, as in `FileFacts`; null for none. */
  identifyOurs: { request: { place: StoragePlace; names: FileNames }; answer: string | null };
  /**
   * For each file its survey, or why it cannot be looked at. Fails when the download folder is not the one that it was.
   */
  survey: {
    request: { place: StoragePlace; names: readonly FileNames[] };
    answer: readonly (SurveyedFile | FailureMessage)[];
  };
  /** As `survey`, for links that the torrent holds. */
  surveySymlinks: {
    request: { place: StoragePlace; links: readonly NamedLink[] };
    answer: readonly (SurveyedFile | FailureMessage)[];
  };
  /**
   * One answer for each file; null for one that is at the first of its places as it is known. Fails when the download
   * folder is not the one that it was.
   */
  confirm: {
    request: { place: StoragePlace; files: readonly WatchedFile[] };
    answer: readonly (WatchedState | null)[];
  };
  /** One answer for each file. */
  measureFiles: { request: { place: StoragePlace; names: readonly FileNames[] }; answer: readonly MeasuredFile[] };
  /** One answer for each folder below the root; '' is the root. */
  measureFree: { request: { place: StoragePlace; folders: readonly string[] }; answer: readonly FreeRoom[] };
  /** Judges `data`, one piece, and writes it when it is right. */
  commit: {
    request: {
      place: StoragePlace;
      writes: readonly FileWrite[];
      data: Uint8Array;
      proof: CommitProof;
    };
    answer: Judged;
  };
  /** Judges `data`, one piece, and writes nothing. */
  judge: { request: { data: Uint8Array; proof: CommitProof }; answer: Judged };
  /** `Storage.findCandidates`. */
  findCandidates: { request: CandidateSearch; answer: CandidatesFound };
  /** `Storage.copyCandidate`. */
  copyCandidate: {
    request: { place: StoragePlace; names: FileNames; run: FileRun; candidate: Candidate; mayShare: boolean };
    answer: { copied: number; isShared: boolean };
  };
  write: { request: { place: StoragePlace; writes: readonly FileWrite[]; data: Uint8Array }; answer: null };
  /** Makes the files that are not there, and says what each file is like, by its index. */
  make: { request: { place: StoragePlace; files: readonly NamedFile[] }; answer: ReadonlyMap<number, FileIdentity> };
  /** Fails when one of the files is not what it was when the worker last wrote to it. */
  inspect: { request: { place: StoragePlace; names: readonly FileNames[] }; answer: null };
  /** Forgets what was known of the file. */
  release: { request: { place: StoragePlace; names: FileNames }; answer: null };
  /** `Storage.demoteFile`. */
  demote: { request: { place: StoragePlace; names: FileNames; keepsFinal: boolean }; answer: null };
  /** Undoes `demote`. */
  restore: { request: { place: StoragePlace; names: FileNames }; answer: null };
  /** `Storage.adoptFiles`. */
  adopt: { request: { place: StoragePlace; files: readonly (AdoptedFile & NamedFile)[] }; answer: null };
  /** Gives the file its final name, and says which file has it then; null for a link. */
  finish: {
    request: {
      place: StoragePlace;
      names: FileNames;
      length: number;
      executable: boolean;
      /** The target that the link holds, or null when the file is no link. */
      link: string | null;
    };
    answer: IdentifiedFile | null;
  };
  /** Flushes everything written so far, and the files of `also`. */
  sync: {
    request: { place: StoragePlace; also: readonly NamedFile[] };
    /** What each file was like before it was flushed, by its index. */
    answer: ReadonlyMap<number, FileIdentity>;
  };
  /** Removes a file of ours, if it is there. */
  remove: { request: { place: StoragePlace; names: FileNames }; answer: null };
  closeStorage: { request: { place: StoragePlace }; answer: null };
  readJournal: { request: { place: TargetPlace }; answer: FoundJournal | null };
  appendJournal: { request: { place: TargetPlace; bytes: Uint8Array; flushes: boolean }; answer: null };
  replaceJournal: { request: { place: TargetPlace; bytes: Uint8Array }; answer: null };
  removeJournal: { request: { place: TargetPlace }; answer: null };
  /** Null when the lock is taken; else why it is not known yet whether it can be. */
  takeLock: { request: { place: TargetPlace; watched: readonly WatchedLock[] }; answer: LockDoubt | null };
  /** Null when the lock is free. */
  checkLock: { request: { place: TargetPlace; watched: readonly WatchedLock[] }; answer: LockDoubt | null };
  refreshLock: { request: { place: TargetPlace }; answer: null };
  releaseLock: { request: { place: TargetPlace }; answer: null };
  hash: { request: { jobs: readonly HashJob[] }; answer: readonly HashAnswer[] };
  /** Closes the files that were open for hashing. */
  closeFiles: { request: Record<string, never>; answer: null };
  /** Closes every file; the worker ends when it has answered. */
  end: { request: Record<string, never>; answer: null };
}

export type WorkKind = keyof Work;

export type Told<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: FailureMessage };

export interface WorkRequest<K extends WorkKind = WorkKind> {
  readonly id: number;
  readonly kind: K;
  readonly request: Work[K]['request'];
}

export interface WorkAnswer {
  readonly id: number;
  readonly told: Told<Work[WorkKind]['answer']>;
}
