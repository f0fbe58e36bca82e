import type { Task, Timers } from '../base/clock.js';
import type { SeedGoal } from './torrent-options.js';

// How often the ratio is looked at.
const PERIOD = 500;

/** Watches a complete torrent until it has given enough, then says so once. */
export class SeedGoalWatch {
  readonly #timers: Timers;
  readonly #goal: SeedGoal;
  /** Uploaded ÷ size of the torrent. */
  readonly #ratio: () => number;
  readonly #reached: () => void;
  readonly #beganAt: number;
  #task: Task;

  constructor(timers: Timers, goal: SeedGoal, ratio: () => number, reached: () => void) {
    this.#timers = timers;
    this.#goal = goal;
    this.#ratio = ratio;
    this.#reached = reached;
    this.#beganAt = timers.now();
    this.#task = timers.addTask(() => this.#look(), 0);
  }

  stop(): void {
    this.#task.cancel();
  }

  #look(): void {
    const { ratio, time } = this.#goal;
    const seeded = this.#timers.now() - this.#beganAt;
    if ((ratio !== null && this.#ratio() >= ratio) || (time !== null && seeded >= time)) {
      this.#reached();
      return;
    }
    const wait = time === null ? PERIOD : Math.min(PERIOD, time - seeded);
    if (ratio !== null || time !== null) this.#task = this.#timers.addTask(() => this.#look(), wait);
  }
}
