/**
 * Connections on probation: an honest peer is about to end them, because they are one too many. The side above hears of
 * such a connection only when it still stands after two seconds. Otherwise it would ask over it for blocks that are
 * lost with it. What the peer says meanwhile is kept.
 */
import type { Millis, Task, Timers } from '../../base/clock.js';
import type { Connection } from './connection.js';

/** A peer that means to end the connection has done so after this time. */
const PROBATION: Millis = 2_000;
/** We keep frames of up to this many bytes of one connection. With more of them the connection has passed. */
const MAX_KEPT = 64 * 1024;
/** Each frame counts as this many bytes more, because all frames that are kept are handed on in one task. */
const FRAME_OVERHEAD = 64;

interface Held {
  readonly task: Task;
  readonly frames: Buffer[];
  length: number;
}

export class Probation {
  readonly #timers: Timers;
  readonly #passed: (connection: Connection, frames: readonly Buffer[]) => void;
  readonly #held = new Map<Connection, Held>();

  /** `passed` is called when a connection still stands, with the frames that came over it. */
  constructor(timers: Timers, passed: (connection: Connection, frames: readonly Buffer[]) => void) {
    this.#timers = timers;
    this.#passed = passed;
  }

  begin(connection: Connection): void {
    const held: Held = {
      task: this.#timers.addTask(() => this.#pass(connection, held), PROBATION),
      frames: [],
      length: 0,
    };
    this.#held.set(connection, held);
  }

  /** Keeps a copy of a frame for later. Returns false when the connection is not on probation. */
  keeps(connection: Connection, frame: Buffer): boolean {
    const held = this.#held.get(connection);
    if (held === undefined) return false;
    held.frames.push(Buffer.from(frame));
    held.length += frame.length + FRAME_OVERHEAD;
    if (held.length > MAX_KEPT) this.#pass(connection, held);
    return true;
  }

  has(connection: Connection): boolean {
    return this.#held.has(connection);
  }

  /** The connection has ended. Returns true when the side above has not heard of it. */
  ended(connection: Connection): boolean {
    this.#held.get(connection)?.task.cancel();
    return this.#held.delete(connection);
  }

  #pass(connection: Connection, { task, frames }: Held): void {
    task.cancel();
    this.#held.delete(connection);
    this.#passed(connection, frames);
  }
}
