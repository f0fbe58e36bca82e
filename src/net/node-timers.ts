import type { Millis, Task, Timers } from '../base/clock.js';
import { TaskQueue } from '../base/task-queue.js';

/** Node makes one millisecond of anything longer. */
const MAX_DELAY: Millis = 2 ** 31 - 1;
/** Once the tasks of one turn have taken this long, the others wait until sockets have had their turn. */
const SLICE: Millis = 10;

/**
 * The tasks of a loop, over one Node timer: Node's own timers run two tasks that are due together in the order of their
 * delays, not of their asking. The timer is there only while a task waits, so that the process can leave.
 */
export class NodeTimers implements Timers {
  readonly #tasks = new TaskQueue();
  #timer: NodeJS.Timeout | null = null;
  #immediate: NodeJS.Immediate | null = null;
  /** When the timer goes off; infinite when there is none. */
  #armedFor: Millis = Number.POSITIVE_INFINITY;
  #running = false;
  #holding = false;

  now(): Millis {
    return performance.now();
  }

  addTask(task: () => void, delay: Millis): Task {
    const due = performance.now() + Math.max(0, delay);
    const asked = this.#tasks.add(task, due);
    if (due < this.#armedFor && !this.#running) this.#arm();
    return {
      cancel: () => {
        asked.cancel();
        if (this.#tasks.size === 0 && !this.#running) this.#arm();
      },
    };
  }

  /** Keeps the process from leaving, or lets it leave. */
  hold(holding: boolean): void {
    this.#holding = holding;
    if (!this.#running) this.#arm();
  }

  clear(): void {
    this.#tasks.clear();
    this.#holding = false;
    this.#arm();
  }

  readonly #run = (): void => {
    this.#disarm();
    this.#running = true;
    // What the tasks ask for without delay is due later than this, and waits until sockets have had their turn.
    const now = performance.now();
    try {
      for (let task = this.#tasks.takeDue(now); task !== undefined; task = this.#tasks.takeDue(now)) {
        task();
        if (performance.now() - now >= SLICE) break;
      }
    } finally {
      this.#running = false;
      this.#arm();
    }
  };

  #arm(): void {
    this.#disarm();
    const due = this.#tasks.nextDue() ?? (this.#holding ? Number.MAX_VALUE : undefined);
    if (due === undefined) return;
    this.#armedFor = due;
    const delay = due - performance.now();
    // Rounded up, because a timer that goes off too early would have to be set again.
    if (delay <= 0) this.#immediate = setImmediate(this.#run);
    else this.#timer = setTimeout(this.#run, Math.min(Math.ceil(delay), MAX_DELAY));
  }

  #disarm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#immediate !== null) clearImmediate(this.#immediate);
    this.#timer = null;
    this.#immediate = null;
    this.#armedFor = Number.POSITIVE_INFINITY;
  }
}
