import type { Timers } from '../../../src/base/clock.js';
import { BtgetError } from '../../../src/base/failure.js';
import type { DoneOutcome } from '../../../src/disk/storage.js';
import type { LockDoubt, LockOutcome, Target, TargetLock, WatchedLock } from '../../../src/disk/target.js';
import { DEFAULT_MEMORY_JOURNAL_OPTIONS, MemoryJournal } from './memory-journal.js';

/** A lock in memory. Two locks of one `LockedTarget` stand for two processes at one target. */
export class MemoryLock implements TargetLock {
  readonly #timers: Timers;
  readonly #target: LockedTarget;
  readonly #log: string[] | null;

  constructor(timers: Timers, target: LockedTarget, log: string[] | null = null) {
    this.#timers = timers;
    this.#target = target;
    this.#log = log;
  }

  take(_watched: readonly WatchedLock[], answered: (outcome: LockOutcome) => void): void {
    this.#answer('take', answered, () => {
      const outcome = this.#look();
      if (outcome.ok) this.#target.holder = this;
      return outcome;
    });
  }

  check(_watched: readonly WatchedLock[], answered: (outcome: LockOutcome) => void): void {
    this.#answer('check', answered, () => this.#look());
  }

  refresh(answered: (outcome: DoneOutcome) => void): void {
    this.#answer('refresh', answered, () => ({ ok: true }));
  }

  release(answered: (outcome: DoneOutcome) => void): void {
    this.#answer('release', answered, () => {
      if (this.#target.holder === this) this.#target.holder = null;
      return { ok: true };
    });
  }

  #look(): LockOutcome {
    const { holder, failure } = this.#target;
    const doubt = this.#target.doubts.shift();
    if (doubt !== undefined) return { ok: false, failure: new BtgetError('target-busy', doubt.message), doubt };
    if (failure !== null) return { ok: false, failure };
    const busy = new BtgetError('target-busy', 'another btget is working on it');
    return holder === null ? { ok: true } : { ok: false, failure: busy };
  }

  #answer(what: string, answered: (outcome: LockOutcome) => void, act: () => LockOutcome): void {
    this.#log?.push(what);
    this.#timers.addTask(() => answered(act()), 0);
  }
}

/** The journal and the lock of a target at which nothing exists yet. */
export function memoryTarget(timers: Timers): Target {
  return {
    journal: new MemoryJournal(timers, DEFAULT_MEMORY_JOURNAL_OPTIONS),
    lock: new MemoryLock(timers, new LockedTarget()),
  };
}

/** A target that locks compete for. */
export class LockedTarget {
  holder: MemoryLock | null = null;
  /** The next questions get these doubts for answers, one each. */
  readonly doubts: LockDoubt[] = [];
  /** Why the disk can make no lock here, or null. */
  failure: BtgetError | null = null;
}
