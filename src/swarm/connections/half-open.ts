/**
 * The places for dials that have not got through yet, shared by all torrents of a process. A torrent must give back
 * each place that it took, once. Of the torrents that wait, the one with the fewest places gets a free place; of
 * equals, the one that has waited longest.
 */

/** How many such places there are. Routers and firewalls do not like many half-open dials. */
export const MAX_HALF_OPEN = 64;

/** A torrent that dials. It is called in an event of another torrent, so it must act in a task of its own. */
export interface Dialler {
  /** The torrent asked for a place in vain, and now there may be one. */
  placeFree(): void;
  /** Another torrent with fewer places asks in vain. A dial of this one that has had its time should give way. */
  giveWay(): void;
}

export class HalfOpen {
  readonly #limit: number;
  readonly #waiting = new Set<Dialler>();
  /** The torrents that were told of a free place. It is kept for them until they take it or withdraw. */
  readonly #told = new Set<Dialler>();
  readonly #places = new Map<Dialler, number>();
  #count = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get count(): number {
    return this.#count;
  }

  /**
   * Takes a place. Returns false when there is none. Then `placeFree` is called once when there is one, and the torrent
   * may ask again.
   */
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

  /** Gives a place back. */
  leave(dialler: Dialler): void {
    const left = this.#placesOf(dialler) - 1;
    if (left > 0) this.#places.set(dialler, left);
    else this.#places.delete(dialler);
    this.#count -= 1;
    this.#wakeNext();
  }

  /** `dialler` does not want a place any more. */
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
