/** When a command gives up by `--timeout`. The time counts from the start of the command. */
import type { Millis, Timers } from '../../base/clock.js';
import { BtgetError } from '../../base/failure.js';
import { formatDuration } from '../output/format.js';

export class Deadline {
  readonly #limit: Millis | null;
  readonly #timers: Timers;
  readonly #startedAt: Millis;
  #hasGivenUp = false;

  /** Made when the command starts. `limit` is null for never. */
  constructor(limit: Millis | null, timers: Timers) {
    this.#limit = limit;
    this.#timers = timers;
    this.#startedAt = timers.now();
  }

  /** The whole time; null for no limit. */
  get limit(): Millis | null {
    return this.#limit;
  }

  /** What is left of the time; null for no limit. */
  get left(): Millis | null {
    if (this.#limit === null) return null;
    return Math.max(0, this.#limit - (this.#timers.now() - this.#startedAt));
  }

  /** Whether work goes on for which nobody waits. It may keep the process alive, so the caller must end that. */
  get hasGivenUp(): boolean {
    return this.#hasGivenUp;
  }

  /**
   * Settles as `work` does, or rejects with 'gave-up' when the time is over before. `what` is waited for; null when
   * nothing in `work` takes long.
   */
  within<T>(work: Promise<T>, what: string | null): Promise<T> {
    const { left } = this;
    if (left === null || what === null) return work;
    return new Promise((resolve, reject) => {
      const late = this.#timers.addTask(() => {
        this.#hasGivenUp = true;
        reject(this.#failure(what));
      }, left);
      work.then(resolve, reject).finally(() => late.cancel());
    });
  }

  #failure(what: string): BtgetError {
    const limit = formatDuration((this.#limit ?? 0) / 1000);
    return new BtgetError('gave-up', `gave up: still waiting for ${what} after ${limit}`);
  }
}
