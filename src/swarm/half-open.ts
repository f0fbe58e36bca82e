/** Dials at once that have not got through yet, over all torrents of a process: routers and firewalls mind many. */
export const MAX_HALF_OPEN = 64;

/** A torrent that dials. What it is told, it is told by another one, on whose behalf nothing of it may run: later. */
export interface Dialler {
  /** There may be a place, for which it asked in vain. */
  placeFree(): void;
  /** Others who have fewer places ask in vain: a dial that has had its time should give up its place. */
  giveWay(): void;
}

/**
 * The places for dials that have not got through yet, shared by all torrents of a process. Every place that is entered
 * is left once. A place that is free goes to the one who has fewest of those who wait, of equals the one that waits
 * longest.
 */
export class HalfOpen {
  readonly #limit: number;
  readonly #waiting = new Set<Dialler>();
  /** Told of a place each, which is kept until they take it or withdraw. */
  readonly #told = new Set<Dialler>();
  readonly #places = new Map<Dialler, number>();
  #count = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get count(): number {
    return this.#count;
  }

  /** Takes a place. If there is none, false, and `placeFree` is called once when there is: it may ask again, later. */
  enter(dialler: Dialler): boolean {
    this.#told.delete(dialler);
    if (this.#hasPlace()) {
      this.#count += 1;
      this.#places.set(dialler, this.#placesOf(dialler) + 1);
      return true;
    }
    this.#waiting.add(dialler);
    let most = dialler;
    for (const other of this.#places.keys()) if (this.#placesOf(other) > this.#placesOf(most)) most = other;
    if (this.#placesOf(most) > this.#placesOf(dialler) + 1) most.giveWay();
    return false;
  }

  leave(dialler: Dialler): void {
    const left = this.#placesOf(dialler) - 1;
    if (left > 0) this.#places.set(dialler, left);
    else this.#places.delete(dialler);
    this.#count -= 1;
    this.#wakeNext();
  }

  /** `dialler` wants no place any more. */
  withdraw(dialler: Dialler): void {
    this.#waiting.delete(dialler);
    if (this.#told.delete(dialler)) this.#wakeNext();
  }

  #wakeNext(): void {
    if (!this.#hasPlace()) return;
    let next: Dialler | undefined;
    for (const dialler of this.#waiting) {
      if (next === undefined || this.#placesOf(dialler) < this.#placesOf(next)) next = dialler;
    }
    if (next === undefined) return;
    this.#waiting.delete(next);
    this.#told.add(next);
    next.placeFree();
  }

  #hasPlace(): boolean {
    return this.#count + this.#told.size < this.#limit;
  }

  #placesOf(dialler: Dialler): number {
    return this.#places.get(dialler) ?? 0;
  }
}
