import type { Task, Timers } from '../base/clock.js';

/**
 * One turn of the loop, for the connections of all torrents: the loop hands over what has come in on every socket
 * before it looks at a timer. The tasks that go on with what waits need no such bound, as the loop's timers have their
 * own.
 */
export class ReadTurn {
  readonly #timers: Timers;
  readonly #limit: number;
  #work = 0;
  #next: Task | null = null;

  /** `limit`: the work of one turn, in the units of `price.ts`. */
  constructor(timers: Timers, limit: number) {
    this.#timers = timers;
    this.#limit = limit;
  }

  /** The connections have done so much that no other one begins. */
  get isOver(): boolean {
    return this.#work >= this.#limit;
  }

  add(work: number): void {
    if (work === 0) return;
    this.#work += work;
    this.#next ??= this.#timers.addTask(() => {
      this.#next = null;
      this.#work = 0;
    }, 0);
  }
}
