/**
 * The most dials of a process to one host that it has not answered. A host that many torrents name, such as a seed box,
 * would take more for an attack: btget itself lets 16 handshakes of one host be unfinished.
 */
export const MAX_UNANSWERED = 8;

/** A torrent that dials. It is called in an event of another torrent, so it must act in a task of its own. */
export interface HostDialler {
  /** The torrent asked in vain, and now there may be room at `host`. When it has dialled, it must call `passOn`. */
  roomAt(host: string): void;
}

/**
 * Our dials to each host (`hostKey`) whose peers have not said their handshake, of all torrents of a process. Of the
 * torrents that wait for room at a host, the one that has waited longest gets it.
 */
export class UnansweredDials {
  readonly #limit: number;
  readonly #counts = new Map<string, number>();
  readonly #waiting = new Map<string, Set<HostDialler>>();
  /** Who was told of room at a host, and has not passed on yet what it does not need. */
  readonly #told = new Map<string, HostDialler>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether one more may be made. If not, `roomAt` is called once when it may, and the torrent may ask again. */
  hasRoom(host: string, dialler: HostDialler): boolean {
    if (this.#isFree(host)) return true;
    const waiting = this.#waiting.get(host);
    if (waiting === undefined) this.#waiting.set(host, new Set([dialler]));
    else waiting.add(dialler);
    return false;
  }

  begun(host: string): void {
    this.#counts.set(host, (this.#counts.get(host) ?? 0) + 1);
  }

  /** A dial to the host was answered, or has ended without an answer. */
  ended(host: string): void {
    const left = (this.#counts.get(host) ?? 0) - 1;
    if (left > 0) this.#counts.set(host, left);
    else this.#counts.delete(host);
    if (!this.#told.has(host)) this.#tellNext(host);
  }

  /** The torrent that was told has dialled what it wants. What is left is for the next one. */
  passOn(host: string): void {
    this.#told.delete(host);
    this.#tellNext(host);
  }

  /** `dialler` dials no more. */
  withdraw(dialler: HostDialler): void {
    for (const [host, waiting] of this.#waiting) {
      waiting.delete(dialler);
      if (waiting.size === 0) this.#waiting.delete(host);
    }
    for (const [host, told] of this.#told) if (told === dialler) this.passOn(host);
  }

  #tellNext(host: string): void {
    const waiting = this.#waiting.get(host);
    const [next] = waiting ?? [];
    if (waiting === undefined || next === undefined || !this.#isFree(host)) return;
    waiting.delete(next);
    if (waiting.size === 0) this.#waiting.delete(host);
    this.#told.set(host, next);
    next.roomAt(host);
  }

  #isFree(host: string): boolean {
    return (this.#counts.get(host) ?? 0) < this.#limit;
  }
}
