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
