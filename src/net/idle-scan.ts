import type { Millis, Task, Timers } from '../base/clock.js';

export interface IdleOptions {
  /** A socket on which nothing came in for longer is lost. Writing does not count. */
  readonly timeout: Millis;
  /** How often the sockets are looked at: a silent socket lives for at most `timeout` + `checkInterval`. */
  readonly checkInterval: Millis;
}

export interface Scannable {
  /**
   * When data last came in, or when we began to read again. Null while we do not read: then silence is our own doing.
   */
  readonly silentSince: Millis | null;
  loseIdle(): void;
}

/**
 * Ends sockets from which nothing has come for too long. It asks for time only while there are sockets. A scan that
 * comes late by a whole interval ends nothing: the process was held up or asleep, and what came meanwhile has not been
 * read.
 */
export class IdleScan<Socket extends Scannable> {
  readonly #timers: Timers;
  readonly #options: IdleOptions;
  readonly #sockets: Set<Socket> = new Set();
  #task: Task | null = null;
  #dueAt: Millis = 0;

  constructor(timers: Timers, options: IdleOptions) {
    this.#timers = timers;
    this.#options = options;
  }

  get sockets(): ReadonlySet<Socket> {
    return this.#sockets;
  }

  add(socket: Socket): void {
    this.#sockets.add(socket);
    if (this.#task === null) this.#scanLater();
  }

  delete(socket: Socket): void {
    this.#sockets.delete(socket);
    if (this.#sockets.size > 0) return;
    this.#task?.cancel();
    this.#task = null;
  }

  #scanLater(): void {
    this.#dueAt = this.#timers.now() + this.#options.checkInterval;
    this.#task = this.#timers.addTask(() => this.#scan(), this.#options.checkInterval);
  }

  #scan(): void {
    const late = this.#timers.now() - this.#dueAt;
    this.#scanLater();
    if (late >= this.#options.checkInterval) return;
    const oldest = this.#timers.now() - this.#options.timeout;
    // Those that this scan makes our callers close or open are left alone by iterating over a copy.
    for (const socket of [...this.#sockets]) {
      if (socket.silentSince !== null && socket.silentSince < oldest && this.#sockets.has(socket)) socket.loseIdle();
    }
  }
}
