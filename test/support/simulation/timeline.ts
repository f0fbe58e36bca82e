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

  /** Runs all tasks that are due within the next `span`, and ends at the end of that span. */
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

  /** Runs until `done()` holds. Throws when `limit` has passed or no task is left. */
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

  /** How many tasks are still waiting. It is 0 when all owners have cancelled their tasks. */
  get pending(): number {
    return this.#tasks.size;
  }
}
