import type { Millis, Task, Timers } from '../../base/clock.js';

interface TurnoverParts {
  readonly timers: Timers;
  readonly interval: Millis;
  /** Whether an address waits only because there is no place. */
  readonly isWanted: () => boolean;
  /** Parts from a peer that we dialled in vain, if there is one. */
  readonly giveUpOne: () => void;
}

/**
 * While every place for dials is taken and addresses wait for one, the peers that we dialled and that are of no use go,
 * one at a time. Otherwise peers that do nothing but stay would keep us from all others for ever.
 */
export class Turnover {
  readonly #parts: TurnoverParts;
  #task: Task | null = null;

  constructor(parts: TurnoverParts) {
    this.#parts = parts;
  }

  /** An address may be waiting. After each interval we look again, until none waits. */
  look(): void {
    this.#task ??= this.#parts.timers.addTask(() => {
      this.#task = null;
      if (!this.#parts.isWanted()) return;
      this.look();
      this.#parts.giveUpOne();
    }, this.#parts.interval);
  }

  stop(): void {
    this.#task?.cancel();
  }
}
