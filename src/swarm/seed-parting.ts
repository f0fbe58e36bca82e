import type { Millis, Task, Timers } from '../base/clock.js';
import type { Peer } from './peer.js';

/** What a SeedParting is joined with. */
export interface SeedPartingParts {
  readonly timers: Timers;
  readonly delay: Millis;
  /** We want nothing any more. */
  readonly isSeed: () => boolean;
  readonly peers: () => Iterable<Peer>;
}

/**
 * Parts from seeds when we are a seed: two peers that have everything need nothing of each other. It waits until all
 * that was sent has left the socket and no request is open.
 */
export class SeedParting {
  readonly #parts: SeedPartingParts;
  #task: Task | null = null;

  constructor(parts: SeedPartingParts) {
    this.#parts = parts;
  }

  /** We or a peer have just got everything: parts after the delay. */
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
