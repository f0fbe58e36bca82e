import type { Millis, Task, Timers } from '../base/clock.js';

/** A socket or a listener: its domain closes it when the domain ends. */
export interface Closable {
  close(): void;
}

const NO_TASK: Task = { cancel: () => undefined };

/**
 * Tasks and sockets that fail together: those of a torrent, of a tracker, or of the loop itself. Each task and each
 * socket belongs to exactly one domain, which hears of every exception in it. After `end()` the domain's tasks do not
 * run and its sockets are closed.
 */
export class FaultDomain {
  readonly sockets: Set<Closable> = new Set();
  readonly listeners: Set<Closable> = new Set();
  readonly datagramSockets: Set<Closable> = new Set();
  readonly #timers: Timers;
  readonly #gotException: (error: unknown) => void;
  readonly #tasks: Set<Task> = new Set();
  readonly #parts: Set<FaultDomain> = new Set();
  #ended = false;
  #leaveParent: () => void = () => undefined;

  constructor(timers: Timers, gotException: (error: unknown) => void) {
    this.#timers = timers;
    this.#gotException = gotException;
  }

  /** Makes a domain that ends with this one at the latest. This one hears of it when `gotException` itself fails. */
  createPart(gotException: (error: unknown) => void): FaultDomain {
    const part = new FaultDomain(this.#timers, (error) => this.run(() => gotException(error)));
    this.#parts.add(part);
    part.#leaveParent = () => this.#parts.delete(part);
    if (this.#ended) part.end();
    return part;
  }

  get ended(): boolean {
    return this.#ended;
  }

  addTask(task: () => void, delay: Millis): Task {
    if (this.#ended) return NO_TASK;
    const scheduled = this.#timers.addTask(() => {
      this.#tasks.delete(handle);
      this.run(task);
    }, delay);
    const handle: Task = {
      cancel: () => {
        this.#tasks.delete(handle);
        scheduled.cancel();
      },
    };
    this.#tasks.add(handle);
    return handle;
  }

  /** Every call from the loop to its users goes through here, or passes its exception to `fail`. */
  run(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.fail(error);
    }
  }

  fail(error: unknown): void {
    this.#gotException(error);
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#leaveParent();
    for (const part of [...this.#parts]) part.end();
    for (const task of [...this.#tasks]) task.cancel();
    for (const listener of [...this.listeners]) listener.close();
    for (const socket of [...this.datagramSockets]) socket.close();
    for (const socket of [...this.sockets]) socket.close();
  }
}
