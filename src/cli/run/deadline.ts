/** When a command waits no longer: by `--timeout`, which counts from the start of the command, or by Ctrl-C. */
import type { Millis, Timers } from '../../base/clock.js';
import { BtgetError, interrupted } from '../../base/failure.js';
import { exitCodeOf } from '../exit-code.js';
import { type CliIo, onInterrupt } from '../io.js';
import { formatDuration } from '../output/format.js';

export class Deadline {
  readonly #limit: Millis | null;
  readonly #timers: Timers;
  readonly #startedAt: Millis;
  #hasGivenUp = false;
  #isInterrupted = false;
  /** Ends the waits that go on. */
  readonly #waits = new Set<(failure: BtgetError) => void>();

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

  get isInterrupted(): boolean {
    return this.#isInterrupted;
  }

  /** Waits for nothing any more: each wait rejects with 'interrupted'. */
  interrupt(): void {
    this.#isInterrupted = true;
    for (const giveUp of this.#waits) giveUp(interrupted());
  }

  /**
   * Settles as `work` does, or rejects with 'gave-up' when the time is over before, and with 'interrupted' after
   * `interrupt`. `what` is waited for; null when nothing in `work` takes long.
   */
  within<T>(work: Promise<T>, what: string | null): Promise<T> {
    const { left } = this;
    return new Promise((resolve, reject) => {
      const giveUp = (failure: BtgetError): void => {
        this.#hasGivenUp = true;
        reject(failure);
      };
      const late =
        left === null || what === null ? null : this.#timers.addTask(() => giveUp(this.#failure(what)), left);
      this.#waits.add(giveUp);
      work.then(resolve, reject).finally(() => {
        late?.cancel();
        this.#waits.delete(giveUp);
      });
      if (this.#isInterrupted) giveUp(interrupted());
    });
  }

  #failure(what: string): BtgetError {
    const limit = formatDuration((this.#limit ?? 0) / 1000);
    return new BtgetError('gave-up', `gave up: still waiting for ${what} after ${limit}`);
  }
}

/** Does `work`, whose waits are those of `deadline`. A Ctrl-C interrupts them. */
export async function untilInterrupted<T>(deadline: Deadline, io: CliIo, work: () => Promise<T>): Promise<T> {
  const forget = onInterrupt(
    io,
    () => deadline.interrupt(),
    () => exitCodeOf(interrupted()),
  );
  try {
    return await work();
  } finally {
    forget();
  }
}
