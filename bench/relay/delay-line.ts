export interface DelayTimers {
  /** Milliseconds on a clock that never goes back. */
  now(): number;
  /** Calls `task` once, after about `delay` milliseconds. It may call it a little early. */
  after(delay: number, task: () => void): void;
}

/** Lets items out in the order in which they came in. An item stays inside for at least `delay` milliseconds. */
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

  /** The item stays `longer` milliseconds longer than others, and those behind it wait for it. */
  push(item: T, longer = 0): void {
    const before = this.#inside.at(-1)?.due ?? 0;
    const due = Math.max(before, this.#timers.now() + this.#delay + longer);
    this.#inside.push({ due, item });
    if (this.#inside.length === 1) this.#timers.after(due - this.#timers.now(), () => this.#release());
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
