import type { Millis, Task, Timers } from '../base/clock.js';

export interface NetworkWatchParts {
  readonly timers: Timers;
  /** The addresses at which other machines may reach this one now. */
  readonly addresses: () => readonly string[];
  /** The time of day in milliseconds. It goes on while the machine sleeps, and may be set. */
  readonly timeOfDay: () => Millis;
}

/** To look costs some 0.1 ms. */
const LOOK_EVERY: Millis = 10_000;
/** Where addresses come and go all the time, the machine does not begin anew more often than this. */
const LEAST_PAUSE: Millis = 60_000;
/** The clock of tasks may stand while the machine sleeps. So far behind the time of day it says that it did. */
const ASLEEP_FOR: Millis = 30_000;

/**
 * Notices that the machine may be in another network than before: it has an address that it had not, or it has slept.
 * What failed until then may work now, and those who know our old address should hear the new one.
 */
export class NetworkWatch {
  readonly #parts: NetworkWatchParts;
  #task: Task | null = null;
  #known: ReadonlySet<string> = new Set();
  /** The time of day less that of the timers, at the last look. */
  #ahead: Millis = 0;
  /** What we have noticed has not been told yet. */
  #isDue = false;
  #toldAt: Millis = Number.NEGATIVE_INFINITY;

  constructor(parts: NetworkWatchParts) {
    this.#parts = parts;
  }

  /** From now on tells `changed` of each change, as a task, until `stop`. Does nothing when it has begun. */
  begin(changed: () => void): void {
    if (this.#task !== null) return;
    this.#notice();
    this.#isDue = false;
    this.#lookLater(changed);
  }

  stop(): void {
    this.#task?.cancel();
    this.#task = null;
  }

  #lookLater(changed: () => void): void {
    const { timers } = this.#parts;
    this.#task = timers.addTask(() => {
      this.#lookLater(changed);
      this.#notice();
      if (!this.#isDue || timers.now() - this.#toldAt < LEAST_PAUSE) return;
      this.#isDue = false;
      this.#toldAt = timers.now();
      changed();
    }, LOOK_EVERY);
  }

  #notice(): void {
    const { timers, addresses, timeOfDay } = this.#parts;
    const now = new Set(addresses());
    const ahead = timeOfDay() - timers.now();
    const hasNew = [...now].some((address) => !this.#known.has(address));
    if (hasNew || ahead - this.#ahead >= ASLEEP_FOR) this.#isDue = true;
    this.#known = now;
    this.#ahead = ahead;
  }
}
