/** Ends a session within a time limit, so that trackers and peers cannot delay the end. */
import type { Millis, Timers } from '../base/clock.js';

/**
 * Calls `stop`, and then `ended` exactly once: with true when `stop` answers, or with false when `limit` has passed
 * without an answer.
 */
export function endWithin(
  limit: Millis,
  timers: Timers,
  stop: (answered: () => void) => void,
  ended: (clean: boolean) => void,
): void {
  let hasEnded = false;
  const end = (clean: boolean): void => {
    if (hasEnded) return;
    hasEnded = true;
    ended(clean);
  };
  const late = timers.addTask(() => end(false), limit);
  stop(() => {
    late.cancel();
    end(true);
  });
}
