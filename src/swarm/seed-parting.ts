import type { Millis, Task, Timers } from '../base/clock.js';
import type { Peer } from './peer.js';

export interface SeedPartingParts {
  readonly timers: Timers;
  readonly delay: Millis;
  /** We want nothing any more. */
  readonly isSeed: () => boolean;
  readonly peers: () => Iterable<Peer>;
}

/** Two who have everything have nothing to say: they part, when what is under way between them is over. */
export class SeedParting {
  readonly #parts: SeedPartingParts;
  #task: Task | null = null;

  constructor(parts: SeedPartingParts) {
    this.#parts = parts;
  }

  /** One of the two has just got everything, or both have. */
  soon(): void {
    this.#task ??= this.#parts.timers.addTask(() => {
      this.#task = null;
      if (this.#parts.isSeed()) this.#part();
    }, this.#parts.delay);
  }

  stop(): void {
    this.#task?.cancel();
    this.#task = null;
  }

  #part(): void {
    for (const { connection, download } of [...this.#parts.peers()]) {
      if (!download.has.isComplete) continue;
      if (connection.isFlushed() && download.inFlight === 0) connection.refuse({ code: 'both-complete' });
      else this.soon();
    }
  }
}
