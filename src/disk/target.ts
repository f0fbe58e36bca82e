import type { Millis } from '../base/clock.js';
import type { BtgetError } from '../base/failure.js';
import type { DoneOutcome } from './storage.js';
import type { Doubt } from './system/trust.js';

/** What lies beside a download while it is not done. */
export interface Target {
  readonly journal: JournalFile;
  readonly lock: TargetLock;
}

export interface OpenTargetOptions {
  /** The download folder. */
  readonly dir: string;
  /** The name of the torrent's file or top folder in it. */
  readonly name: string;
}

/** Touches nothing yet. */
export type OpenTarget = (options: OpenTargetOptions) => Target;

/** A lock of which nobody can tell from here whether its process lives: one of another container or machine. */
export interface LockDoubt {
  /** Tells this lock from any other that has lain there. */
  readonly token: string;
  /** When its process showed last that it lives, as the file system dates it. */
  readonly changedAt: bigint;
  /** If it does not show that again for so long, the lock is a dead process's. */
  readonly wait: Millis;
  /** What is waited for, and until when, in a sentence. */
  readonly message: string;
}

/** A doubt of before, and for how long it has been known. */
export interface WatchedLock extends Pick<LockDoubt, 'token' | 'changedAt'> {
  readonly watched: Millis;
}

/**
 * With a `doubt` the failure holds for the moment: who asks again, and says what he has watched, is told in the end.
 */
export type LockOutcome = DoneOutcome & { readonly doubt?: LockDoubt };

/**
 * The contract of a download's lock: no two processes write to one target. A lock names its process, and falls to the
 * next that asks when that process is gone. The torrents of one process have it together. Answers come later, never
 * within the call.
 */
export interface TargetLock {
  /** Fails with 'target-busy' and a sentence about who has it; with another code when no lock can be made here. */
  take(watched: readonly WatchedLock[], answered: (outcome: LockOutcome) => void): void;
  /** Fails like `take` when somebody has it. Takes and writes nothing. */
  check(watched: readonly WatchedLock[], answered: (outcome: LockOutcome) => void): void;
  /** Shows others, who cannot see this process from where they run, that it lives. */
  refresh(answered: (outcome: DoneOutcome) => void): void;
  /** Harmless when it is not ours. */
  release(answered: (outcome: DoneOutcome) => void): void;
}

/**
 * How much later than the journal a file may have changed that it speaks of: a batch and the time that a slow disk
 * takes to flush it.
 */
export const JOURNAL_LAG: Millis = 60_000;

export type JournalReadOutcome =
  | { readonly ok: true; readonly found: FoundJournal | null }
  | { readonly ok: false; readonly failure: BtgetError };

/** What lies under the journal's name, whosever it is. */
export interface FoundJournal {
  /** Not more than a journal ever has. */
  readonly bytes: Buffer;
  /** When it last changed, nanoseconds since 1970 by the clock of its file system. */
  readonly changedAt: bigint;
  /** Why another user may have written it, or put it there; null: none can have. */
  readonly doubt: Doubt | null;
}

/** Whether another user may have made up what it says. In a folder that others may write to, it is still our own. */
export function mayBeForged({ doubt }: Pick<FoundJournal, 'doubt'>): boolean {
  return doubt !== null && doubt.about !== 'folder';
}

/**
 * The contract of the file in which a torrent's progress is written down, beside the download. Whoever uses it asks for
 * one thing at a time. Answers come later, never within the call.
 */
export interface JournalFile {
  /** Where it is, for people. */
  readonly path: string;
  /** Fails when there is something that is no regular file. */
  read(answered: (outcome: JournalReadOutcome) => void): void;
  /**
   * Adds bytes at the end. The file must be there. With `flushes`, they are flushed when it is answered; without, a
   * kill leaves them, and of a power cut nobody knows.
   */
  append(bytes: Buffer, flushes: boolean, answered: (outcome: DoneOutcome) => void): void;
  /** Puts a flushed file of these bytes in its place: at any moment there is the old one or the new one, whole. */
  replace(bytes: Buffer, answered: (outcome: DoneOutcome) => void): void;
  /** Harmless when there is none. */
  remove(answered: (outcome: DoneOutcome) => void): void;
}
