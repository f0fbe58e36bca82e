/**
 * Keeps complete connections alive, and ends those whose peer finishes no message for too long. The scan of the sockets
 * does not find these, because bytes that dribble in look like life to it. Liveness also ends the connections whose
 * peer says something now and then but takes nothing of what we send, because that would pile up. One task serves all
 * connections. Without connections there is no task.
 */
import type { Millis, Task, Timers } from '../../base/clock.js';
import { KEEP_ALIVE } from '../../wire/message.js';
import type { Connection } from './connection.js';
import type { EncoderOptions } from './encoder-options.js';

type LivenessOptions = Pick<EncoderOptions, 'keepAliveInterval' | 'maxSilence'>;

/** How many bytes a peer had taken when we last saw it take some, and when that was. */
interface Taking {
  readonly length: number;
  readonly at: Millis;
}

export class Liveness {
  readonly #timers: Timers;
  readonly #options: LivenessOptions;
  readonly #watched = new Map<Connection, Taking>();
  #task: Task | null = null;

  constructor(timers: Timers, options: LivenessOptions) {
    this.#timers = timers;
    this.#options = options;
  }

  watch(connection: Connection): void {
    this.#watched.set(connection, { length: connection.takenLength, at: this.#timers.now() });
    // No connection that we watch already is due later than a new one, so a task that waits need not be moved.
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
    const { keepAliveInterval, maxSilence } = this.#options;
    let next = Number.POSITIVE_INFINITY;
    for (const [connection, taking] of [...this.#watched]) {
      const silentAt = connection.lastFrame + maxSilence;
      if (silentAt <= now) {
        connection.refuse({ code: 'idle' });
        continue;
      }
      if (this.#lastTaking(connection, taking, now) + maxSilence <= now) {
        connection.refuse({ code: 'takes-nothing' });
        continue;
      }
      if (connection.lastSent + keepAliveInterval <= now) connection.send([KEEP_ALIVE]);
      next = Math.min(next, silentAt, connection.lastSent + keepAliveInterval);
    }
    if (this.#watched.size > 0) this.#task = this.#nextLook(next - now);
  };

  /** When we last saw that the peer took something, or had nothing to take. */
  #lastTaking(connection: Connection, taking: Taking, now: Millis): Millis {
    const length = connection.takenLength;
    if (connection.unsentLength > 0 && length === taking.length) return taking.at;
    this.#watched.set(connection, { length, at: now });
    return now;
  }

  #nextLook(delay: Millis): Task {
    this.#task?.cancel();
    return this.#timers.addTask(this.#look, delay);
  }
}
