import type { Timers } from '../../src/base/clock.js';

/** Real time, for tests of adapters over real sockets. */
export const nodeTimers: Timers = {
  now: () => performance.now(),
  addTask: (task, delay) => {
    const timer = setTimeout(task, delay);
    return { cancel: () => clearTimeout(timer) };
  },
};
