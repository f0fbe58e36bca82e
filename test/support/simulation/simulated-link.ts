import type { Timers } from '../../../src/base/clock.js';

/** Segments that wait for a link, for instance those of one connection. */
export interface LinkSource {
  /** The length of the next segment in bytes. Undefined when none waits. */
  nextLength(): number | undefined;
  /**
   * The next segment is across. It had `length` bytes when its turn came. By now more segments may wait, or none.
   */
  segmentSent(length: number): void;
}

/**
 * One direction of the line of a host. It carries one segment at a time. The sources take turns, so that a connection
 * with much data does not hold up the others.
 */
export class SimulatedLink {
  readonly #timers: Timers;
  /** Bytes per second, or null for no limit. */
  readonly rate: number | null;
  /** The sources in the order of their turns. */
  readonly #waiting: Set<LinkSource> = new Set();
  #busy = false;

  constructor(timers: Timers, rate: number | null) {
    this.#timers = timers;
    this.rate = rate;
  }

  /** `source` has something to send. It may say so more than once. */
  send(source: LinkSource): void {
    if (this.rate === null) {
      for (let length = source.nextLength(); length !== undefined; length = source.nextLength()) {
        source.segmentSent(length);
      }
      return;
    }
    this.#waiting.add(source);
    if (!this.#busy) this.#sendNext(this.rate);
  }

  #sendNext(rate: number): void {
    const [source] = this.#waiting;
    this.#busy = source !== undefined;
    if (source === undefined) return;
    const length = source.nextLength() ?? 0;
    this.#timers.addTask(
      () => {
        this.#waiting.delete(source);
        source.segmentSent(length);
        if (source.nextLength() !== undefined) this.#waiting.add(source);
        this.#sendNext(rate);
      },
      (length * 1000) / rate,
    );
  }
}
