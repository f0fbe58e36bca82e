/** Dials at once that have not got through yet, over all torrents of a process: routers and firewalls mind many. */
export const MAX_HALF_OPEN = 64;

/**
 * The places for dials that have not got through yet, shared by all torrents of a process. Every place that is entered
 * is left once. Places go to whoever asks first after one is free; whoever found none is told when it is worth asking.
 */
export class HalfOpen {
  readonly #limit: number;
  readonly #waiting = new Set<() => void>();
  #count = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get count(): number {
    return this.#count;
  }

  /** Takes a place. If there is none, false, and `placeFree` is called once when there is: it may ask again, later. */
  enter(placeFree: () => void): boolean {
    if (this.#count < this.#limit) {
      this.#count += 1;
      return true;
    }
    this.#waiting.add(placeFree);
    return false;
  }

  leave(): void {
    this.#count -= 1;
    this.#wakeNext();
  }

  /** `placeFree` wants no place any more. */
  withdraw(placeFree: () => void): void {
    // Whoever withdraws may have been told just before, and the place with it would be lost on those who wait.
    if (!this.#waiting.delete(placeFree) && this.#count < this.#limit) this.#wakeNext();
  }

  #wakeNext(): void {
    for (const placeFree of this.#waiting) {
      this.#waiting.delete(placeFree);
      placeFree();
      return;
    }
  }
}
