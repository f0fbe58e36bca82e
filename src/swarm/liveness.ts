import type { Millis, Task, Timers } from '../base/clock.js';
import { KEEP_ALIVE } from '../wire/message.js';
import type { Connection } from './connection.js';
import type { EncoderOptions } from './encoder-options.js';

type LivenessOptions = Pick<EncoderOptions, 'keepAliveInterval' | 'maxSilence'>;

/**
 * Keeps complete connections alive, and ends those whose peer finishes no message for too long: bytes that dribble in
 * look like life to the scan of the sockets. One task for all of them, none while there are none.
 */
export class Liveness {
  readonly #timers: Timers;
  readonly #options: LivenessOptions;
  readonly #watched = new Set<Connection>();
  #task: Task | null = null;

  constructor(timers: Timers, options: LivenessOptions) {
    this.#timers = timers;
    this.#options = options;
  }

  watch(connection: Connection): void {
    this.#watched.add(connection);
    // Nobody who is watched already is due later than a newcomer, so a task that waits need not be moved.
    this.#task ??= this.#timers.addTask(
      this.#look,
      Math.min(this.#options.keepAliveInterval, this.#options.maxSilence),
    );
  }

  unwatch(connection: Connection): void {
    this.#watched.delete(connection);
    if (this.#watched.size > 0) return;
    this.#task?.cancel();
    this.#task = null;
  }

  readonly #look = (): void => {
    this.#task = null;
    const now = this.#timers.now();
    let next = Number.POSITIVE_INFINITY;
    for (const connection of [...this.#watched]) {
      const silentAt = connection.lastFrame + this.#options.maxSilence;
      if (silentAt <= now) {
        connection.refuse({ code: 'idle' });
        continue;
      }
      if (connection.lastSent + this.#options.keepAliveInterval <= now) connection.send([KEEP_ALIVE]);
      next = Math.min(next, silentAt, connection.lastSent + this.#options.keepAliveInterval);
    }
    if (this.#watched.size > 0) this.#task = this.#nextLook(next - now);
  };

  #nextLook(delay: Millis): Task {
    this.#task?.cancel();
    return this.#timers.addTask(this.#look, delay);
  }
}
