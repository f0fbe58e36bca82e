import type { Millis, Timers } from '../../base/clock.js';

/** After a piece was hashed we rest for this many times as long as that took. */
const REST = 3;
/** We rest no longer than this, so that a disk that was slow once does not keep peers waiting for long. */
const MAX_REST: Millis = 2_000;

/** The most pieces of one host that wait. Its connections may have ended since they asked. */
const MAX_WAITING = 64;

/** Begins to hash a piece, and says when it has ended. */
type Begin = (ended: () => void) => void;

/**
 * Has the disk hash pieces for peers: one at a time, with a rest after each, so that whoever asks for leaves without
 * end costs us no more than a quarter of one core. Hosts take turns, so that one that asks for much does not keep the
 * others waiting.
 */
export class HashTurns {
  readonly #timers: Timers;
  /** Who waits, by `hostKey`. The host whose turn is next comes first. */
  readonly #waiting = new Map<string, Begin[]>();
  #isBusy = false;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** False when too many pieces of the host wait: then `begin` is never called. */
  add(host: string, begin: Begin): boolean {
    const waiting = this.#waiting.get(host) ?? [];
    if (waiting.length === MAX_WAITING) return false;
    waiting.push(begin);
    this.#waiting.set(host, waiting);
    if (!this.#isBusy) this.#next();
    return true;
  }

  #next(): void {
    const [first] = this.#waiting;
    this.#isBusy = first !== undefined;
    if (first === undefined) return;
    const [host, [begin, ...others]] = first;
    this.#waiting.delete(host);
    if (others.length > 0) this.#waiting.set(host, others);
    const since = this.#timers.now();
    begin?.(() => {
      const rest = Math.min(MAX_REST, REST * (this.#timers.now() - since));
      this.#timers.addTask(() => this.#next(), rest);
    });
  }
}
