/** Milliseconds of a monotonic clock. Its zero has no meaning; only differences between two times count. */
export type Millis = number;

/** A task that a caller has asked for and can still withdraw. */
export interface Task {
  /** After this call the task does not run. The call does nothing when the task has run already. */
  cancel(): void;
}

/** Time for all code that is not an adapter: the real clock, or simulated time in tests. */
export interface Timers {
  now(): Millis;
  /**
   * Runs `task` once, `delay` from now. A task with a delay of zero runs after everything that is already due, and
   * never within this call. Tasks that are due at the same time run in the order in which they were asked for.
   */
  addTask(task: () => void, delay: Millis): Task;
}
