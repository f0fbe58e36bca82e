/** Milliseconds of a monotonic clock whose zero means nothing. Only differences count. */
export type Millis = number;

/** A task that has been asked for and may still be withdrawn. */
export interface Task {
  /** After this the task does not run. Harmless when it has run already. */
  cancel(): void;
}

/** Time, as everything in the core knows it. */
export interface Timers {
  now(): Millis;
  /**
   * Runs `task` once, `delay` from now. A delay of zero runs after everything that is already due, never within this
   * call; tasks due together run in the order in which they were asked for.
   */
  addTask(task: () => void, delay: Millis): Task;
}
