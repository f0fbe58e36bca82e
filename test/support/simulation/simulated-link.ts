import type { Timers } from '../../../src/base/clock.js';

/** One connection's segments that wait for a link. */
export interface LinkSource {
  /** Length of the next segment, or undefined when nothing waits. */
  nextLength(): number | undefined;
  /** The next segment, which had `length` when its turn came, is across. More may wait by then, or nothing. */
  segmentSent(length: number): void;
}

/**
 * One direction of a host's line: one segment at a time, the sources in turn, so that a connection which has much to
 * say does not hold up the others.
 */
export class SimulatedLink {
  readonly #timers: Timers;
  /** Bytes a second, or null for no limit. */
  readonly rate: number | null;
  /** In the order of their turns. */
  readonly #waiting: Set<LinkSource> = new Set();
  #busy = false;

  constructor(timers: Timers, rate: number | null) {
    this.#timers = timers;
    this.rate = rate;
  }

  /** `source` has something to send. Harmless when that is known. */
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
