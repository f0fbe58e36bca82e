/** The contracts of what lies beside a download while it is not done: its journal and its lock. */
import type { Millis } from '../base/clock.js';
import type { BtgetError } from '../base/failure.js';
import type { DoneOutcome } from './storage.js';
import type { Doubt } from './system/trust.js';

export interface Target {
  readonly journal: JournalFile;
  readonly lock: TargetLock;
}

export interface OpenTargetOptions {
  /** The download folder. */
  readonly dir: string;
  /** The name of the torrent's file or top folder in it. */
  readonly name: string;
  /** How each file begins that the caller writes as the journal. One that begins otherwise is the user's. */
  readonly head: Uint8Array;
}

/** Does not touch the disk yet. */
export type OpenTarget = (options: OpenTargetOptions) => Target;

/**
 * A lock of which we cannot tell whether its process lives: it is of another container or machine, or another user may
 * have written it.
 */
export interface LockDoubt {
  /** Tells this lock from any other that was ever there. */
  readonly token: string;
  /** When its process last showed that it lives: nanoseconds since 1970, by the clock of the file system. */
  readonly changedAt: bigint;
  /** When the process does not show that again for so long, it counts as dead. */
  readonly wait: Millis;
  /** A sentence for the user: what btget waits for, and until when. */
  readonly message: string;
}

/** A lock that an earlier call was in doubt about, and for how long the caller has known it. */
export interface WatchedLock extends Pick<LockDoubt, 'token' | 'changedAt'> {
  readonly watched: Millis;
}

/**
 * With a `doubt` the failure is not final. A caller that asks again, and says how long it has watched the lock, gets a
 * final answer in the end.
 */
export type LockOutcome = DoneOutcome & { readonly doubt?: LockDoubt };

/**
 * The contract of a download's lock: no two processes write to one target. The lock names its process. When that
 * process is gone, the next one that asks gets the lock. The torrents of one process share it. Answers come later,
 * never within the call.
 */
export interface TargetLock {
  /**
   * Fails with 'target-busy' and a sentence that names the holder, or with another code when no lock can be made here.
   */
  take(watched: readonly WatchedLock[], answered: (outcome: LockOutcome) => void): void;
  /** Fails like `take` when another process has the lock. Takes nothing and writes nothing. */
  check(watched: readonly WatchedLock[], answered: (outcome: LockOutcome) => void): void;
  /** Shows that this process lives to processes that cannot see it from where they run. */
  refresh(answered: (outcome: DoneOutcome) => void): void;
  /** Harmless when the lock is not ours. */
  release(answered: (outcome: DoneOutcome) => void): void;
}

/**
 * How much later than its journal a file may have changed that the journal speaks of: the time of one batch, and of a
 * slow disk to flush it.
 */
export const JOURNAL_LAG: Millis = 60_000;

export type JournalReadOutcome =
  | { readonly ok: true; readonly found: FoundJournal | null }
  | { readonly ok: false; readonly failure: BtgetError };

/** What lies under the journal's name, no matter which program put it there. */
export interface FoundJournal {
  /** At most as many as a journal ever has. */
  readonly bytes: Buffer;
  /** When it last changed, nanoseconds since 1970 by the clock of its file system. */
  readonly changedAt: bigint;
  /** Why another user may have written the file or put it there. Null: no other user can have. */
  readonly doubt: Doubt | null;
}

/**
 * Whether another user may have invented what it says. A journal in a folder that others may write to is still our own.
 */
export function mayBeForged({ doubt }: Pick<FoundJournal, 'doubt'>): boolean {
  return doubt !== null && doubt.about !== 'folder';
}

/**
 * The contract of the file beside the download in which a torrent's progress is written down. The caller asks for one
 * thing at a time. Answers come later, never within the call.
 */
export interface JournalFile {
  /** Where it is, to be shown to the user. */
  readonly path: string;
  /** Fails when something else than a regular file has the name. */
  read(answered: (outcome: JournalReadOutcome) => void): void;
  /**
   * Adds bytes at the end. The file must be there. With `flushes` they are flushed before the answer. Without it they
   * outlive a kill, but perhaps not a power cut.
   */
  append(bytes: Buffer, flushes: boolean, answered: (outcome: DoneOutcome) => void): void;
  /**
   * Puts a flushed file with these bytes in its place. At every moment the old file or the new one is there, whole.
   * Fails when a file of the user has the name.
   */
  replace(bytes: Buffer, answered: (outcome: DoneOutcome) => void): void;
  /** Harmless when there is no journal, or a file of the user. */
  remove(answered: (outcome: DoneOutcome) => void): void;
}
