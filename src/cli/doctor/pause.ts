import type { Millis, Timers } from '../../base/clock.js';

/** Resolves after `delay`, and at once when `over` is aborted before. It leaves nothing behind at either. */
export function pause(timers: Timers, delay: Millis, over: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (over.aborted) {
      resolve();
      return;
    }
    const end = (): void => {
      task.cancel();
      over.removeEventListener('abort', end);
      resolve();
    };
    const task = timers.addTask(end, delay);
    over.addEventListener('abort', end);
  });
}
