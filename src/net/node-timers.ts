import type { Millis, Task, Timers } from '../base/clock.js';
import { TaskQueue } from '../base/task-queue.js';

/** The longest delay of a timer: Node takes a longer one for 1 ms. */
const MAX_DELAY: Millis = 2 ** 31 - 1;
/** When the tasks of one turn have taken this long, the other tasks wait until sockets have had their turn. */
const SLICE: Millis = 10;

/** The time of day in milliseconds. It goes on while the machine sleeps, and may be set. */
export function timeOfDay(): Millis {
  return Date.now();
}

/** Tasks of the loop `timers` that do not keep the process alive until they are due. */
export function restingTimers(timers: Timers): Timers {
  return {
    now: () => timers.now(),
    addTask: (task, delay) => {
      let due: Task | null = null;
      const rest = setTimeout(() => {
        due = timers.addTask(task, 0);
      }, delay).unref();
      return {
        cancel: () => {
          clearTimeout(rest);
          due?.cancel();
        },
      };
    },
  };
}

/**
 * The tasks of a loop, over one timer of Node. With a timer for each task, Node would run two tasks that are due
 * together in the order of their delays; here they run in the order in which they were added. There is a timer only
 * while a task waits, so that the process can end.
 */
export class NodeTimers implements Timers {
  readonly #tasks = new TaskQueue();
  #timer: NodeJS.Timeout | null = null;
  #immediate: NodeJS.Immediate | null = null;
  /** When the timer fires; infinite when there is none. */
  #armedFor: Millis = Number.POSITIVE_INFINITY;
  #running = false;
  #holding = false;
  /** When the event began that is under way; null when none is. */
  #eventAt: Millis | null = null;

  now(): Millis {
    return this.#eventAt ?? performance.now();
  }

  /**
   * A socket has read something. Until `endEvent` the time stands still: what one read brings has come at one time.
   * A read may bring a dozen blocks, and the clock would be asked three times for each.
   */
  beginEvent(): Millis {
    this.#eventAt = performance.now();
    return this.#eventAt;
  }

  endEvent(): void {
    this.#eventAt = null;
  }

  addTask(task: () => void, delay: Millis): Task {
    const due = performance.now() + Math.max(0, delay);
    const scheduled = this.#tasks.add(task, due);
    if (due < this.#armedFor && !this.#running) this.#arm();
    return {
      cancel: () => {
        scheduled.cancel();
        if (this.#tasks.size === 0 && !this.#running) this.#arm();
      },
    };
  }

  /** While `holding`, the process stays alive even when no task waits. */
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
    // A task that these tasks add without a delay is due later than `now`: it waits until sockets have had their turn.
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
    // Rounded up, because a timer that fires too early would have to be set again.
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
