import { performance } from 'node:perf_hooks';
import type { Timers } from '../../src/base/clock.js';

/** Real time, for tests of adapters that reach the real world. */
export const realTimers: Timers = {
  now: () => performance.now(),
  addTask: (task, delay) => {
    const timer = setTimeout(task, delay);
    return { cancel: () => clearTimeout(timer) };
  },
};
