import type { Millis, Task, Timers } from '../base/clock.js';

export interface IdleOptions {
  /** A socket on which nothing came in for longer is lost. Writing does not count. */
  readonly timeout: Millis;
  /** The time between two scans: a silent socket lives for at most `timeout` + `checkInterval`. */
  readonly checkInterval: Millis;
}

/** A socket as the scan sees it. */
export interface Scannable {
  /**
   * When data last came in, or when we began to read again. Null while we do not read, because we cause the silence.
   */
  readonly silentSince: Millis | null;
  /** Ends the socket as lost. */
  loseIdle(): void;
}

/**
 * Ends sockets from which nothing has come for too long. It has a task only while there are sockets. A scan that is
 * late by a whole interval ends nothing: the process was held up or asleep, and has not yet read the data that came in
 * this time.
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
    // `loseIdle` may make handlers open and close sockets, so the loop runs over a copy and checks each socket again.
    for (const socket of [...this.#sockets]) {
      if (socket.silentSince !== null && socket.silentSince < oldest && this.#sockets.has(socket)) socket.loseIdle();
    }
  }
}
