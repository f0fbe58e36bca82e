import type { Millis, Task, Timers } from '../base/clock.js';

export interface TurnoverParts {
  readonly timers: Timers;
  readonly interval: Millis;
  /** Somebody could be dialled if there were a place. */
  readonly isWanted: () => boolean;
  /** Gives up somebody who was dialled in vain, if there is such a one. */
  readonly giveUpOne: () => void;
}

/**
 * While every place for dials is taken and others wait for one, whoever was dialled and is of no use goes, one at a
 * time: peers who do nothing but stay would keep us from everybody else for ever.
 */
export class Turnover {
  readonly #parts: TurnoverParts;
  #task: Task | null = null;

  constructor(parts: TurnoverParts) {
    this.#parts = parts;
  }

  /** There may be somebody waiting. Until nobody does, it is looked at again each interval. */
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
