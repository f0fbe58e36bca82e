import type { Millis, Task, Timers } from '../../base/clock.js';
import type { Connection } from './connection.js';

/** A peer that is going to end the connection has done so by then. */
const PROBATION: Millis = 2_000;
/** Bytes of frames that are kept of one connection; with more of them it has passed. */
const MAX_KEPT = 64 * 1024;
/** What a frame counts besides its bytes: all that are kept are handed on in one task. */
const FRAME_OVERHEAD = 64;

interface Held {
  readonly task: Task;
  readonly frames: Buffer[];
  length: number;
}

/**
 * Connections that an honest peer is about to end, as one too many. Those above hear of one only when it still stands
 * after two seconds: what they ask for over it would be lost. What its peer says meanwhile is kept.
 */
export class Probation {
  readonly #timers: Timers;
  readonly #passed: (connection: Connection, frames: readonly Buffer[]) => void;
  readonly #held = new Map<Connection, Held>();

  /** `passed`: the connection still stands, and these frames came over it. */
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

  /** Keeps a frame for later. False when the connection is not on probation. */
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

  /** The connection has ended. True when those above have not heard of it. */
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
