/** Dials at once that have not got through yet, over all torrents of a process: routers and firewalls mind many. */
export const MAX_HALF_OPEN = 64;

/** A torrent that dials. It is told in an event of another torrent, so it acts in a task of its own. */
export interface Dialler {
  /** It asked for a place in vain, and now there may be one. */
  placeFree(): void;
  /** Another torrent that has fewer places asks in vain: a dial that has had its time should give up its place. */
  giveWay(): void;
}

/**
 * The places for dials that have not got through yet, shared by all torrents of a process. Every place that is entered
 * is left once. Of the torrents that wait, the one with the fewest places gets a free place, and of equals the one that
 * waits longest.
 */
export class HalfOpen {
  readonly #limit: number;
  readonly #waiting = new Set<Dialler>();
  /** Each is told of a place, which is kept until it takes the place or withdraws. */
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
