import type { Millis, Timers } from '../../base/clock.js';

/** Resolves after `delay`, and at once when `over` is aborted before. */
export function pause(timers: Timers, delay: Millis, over: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (over.aborted) {
      resolve();
      return;
    }
    const task = timers.addTask(resolve, delay);
    over.addEventListener(
      'abort',
      () => {
        task.cancel();
        resolve();
      },
      { once: true },
    );
  });
}
