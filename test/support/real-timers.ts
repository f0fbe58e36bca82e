import { performance } from 'node:perf_hooks';
import type { Timers } from '../../src/base/clock.js';

/** Timers of real time, for tests of adapters to the real world. */
export const realTimers: Timers = {
  now: () => performance.now(),
  addTask: (task, delay) => {
    const timer = setTimeout(task, delay);
    return { cancel: () => clearTimeout(timer) };
  },
};

/** The same, but what a task throws goes to `thrown`. */
export function catchingTimers(thrown: (error: unknown) => void): Timers {
  return {
    ...realTimers,
    addTask: (task, delay) =>
      realTimers.addTask(() => {
        try {
          task();
        } catch (error) {
          thrown(error);
        }
      }, delay),
  };
}
