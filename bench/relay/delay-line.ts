export interface DelayTimers {
  /** Milliseconds on a clock that only goes forward. */
  now(): number;
  /** Calls `task` once, about that many milliseconds from now; it may be a little early. */
  after(delay: number, task: () => void): void;
}

/** Lets things out in the order in which they went in, each no earlier than `delay` milliseconds later. */
export class DelayLine<T> {
  readonly #delay: number;
  readonly #timers: DelayTimers;
  readonly #out: (item: T) => void;
  #inside: { readonly due: number; readonly item: T }[] = [];

  constructor(delay: number, timers: DelayTimers, out: (item: T) => void) {
    this.#delay = delay;
    this.#timers = timers;
    this.#out = out;
  }

  push(item: T): void {
    this.#inside.push({ due: this.#timers.now() + this.#delay, item });
    if (this.#inside.length === 1) this.#timers.after(this.#delay, () => this.#release());
  }

  #release(): void {
    const now = this.#timers.now();
    const stays = this.#inside.findIndex(({ due }) => due > now);
    const released = this.#inside.splice(0, stays === -1 ? this.#inside.length : stays);
    const next = this.#inside[0];
    if (next !== undefined) this.#timers.after(next.due - now, () => this.#release());
    for (const { item } of released) this.#out(item);
  }
}
