import type { Refusal, RefusalCode } from '../wire/refusal.js';

/** Counts refusals by their reasons. */
export class RefusalLog {
  readonly #counts = new Map<RefusalCode, number>();

  /** How many there have been since the beginning, by reason. */
  get counts(): ReadonlyMap<RefusalCode, number> {
    return this.#counts;
  }

  add({ code }: Refusal): void {
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + 1);
  }
}
