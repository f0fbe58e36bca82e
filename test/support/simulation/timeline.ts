import type { Millis, Task, Timers } from '../../../src/base/clock.js';
import { TaskQueue } from '../../../src/base/task-queue.js';

/** Simulated time: it stands still between tasks and jumps from one to the next. */
export class Timeline implements Timers {
  readonly #tasks = new TaskQueue();
  #now: Millis = 0;

  now(): Millis {
    return this.#now;
  }

  addTask(task: () => void, delay: Millis): Task {
    return this.#tasks.add(task, this.#now + Math.max(0, delay));
  }

  /** Runs everything that is due within the next `span`, then stands at its end. */
  run(span: Millis): void {
    const end = this.#now + span;
    for (;;) {
      const due = this.#tasks.nextDue();
      if (due === undefined || due > end) break;
      this.#now = Math.max(this.#now, due);
      this.#tasks.takeDue(this.#now)?.();
    }
    this.#now = end;
  }

  /** Runs until `done()` holds, or throws when `limit` has passed or nothing is left to happen. */
  runUntil(done: () => boolean, limit: Millis): void {
    const end = this.#now + limit;
    while (!done()) {
      const due = this.#tasks.nextDue();
      if (due === undefined) throw new Error(`nothing left to happen at ${this.#now}`);
      if (due > end) throw new Error(`not done after ${limit} ms`);
      this.#now = Math.max(this.#now, due);
      this.#tasks.takeDue(this.#now)?.();
    }
  }

  /** Tasks that are still waiting: none, when everything was tidied up. */
  get pending(): number {
    return this.#tasks.size;
  }
}
