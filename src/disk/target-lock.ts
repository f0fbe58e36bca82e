import type { DoneOutcome } from './storage.js';

/**
 * The contract of a download's lock: no two processes write to one target. A lock names its process, and falls to the
 * next that asks when that process is gone. Answers come later, never within the call.
 */
export interface TargetLock {
  /** Fails with 'target-busy' and a sentence about who has it; with another code when no lock can be made here. */
  take(answered: (outcome: DoneOutcome) => void): void;
  /** Fails like `take` when somebody has it. Takes and writes nothing. */
  check(answered: (outcome: DoneOutcome) => void): void;
  /** Shows others, who cannot see this process from where they run, that it lives. */
  refresh(answered: (outcome: DoneOutcome) => void): void;
  /** Harmless when it is not ours. */
  release(answered: (outcome: DoneOutcome) => void): void;
}
