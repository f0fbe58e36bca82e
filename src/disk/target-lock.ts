import type { Millis } from '../base/clock.js';
import type { DoneOutcome } from './storage.js';

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
