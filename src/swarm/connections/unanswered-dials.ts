/**
 * The most dials of a process to one host that it has not answered. A host that many torrents name, such as a seed box,
 * would take more for an attack: btget itself lets 16 handshakes of one host be unfinished.
 */
export const MAX_UNANSWERED = 8;

/** A torrent that dials. It is called in an event of another torrent, so it must act in a task of its own. */
export interface HostDialler {
  /** The torrent asked in vain, and now a room at `host` is kept for it. When it has dialled, it must call `passOn`. */
  roomAt(host: string): void;
}

/**
 * Our dials to each host (`hostKey`) whose peers have not said their handshake, of all torrents of a process. The rooms
 * at a host go round among the torrents that wait for one: the one that has waited longest is told of one room, which
 * is kept for it. For another one it waits again, behind the others. Else a torrent with many silent addresses at a
 * host would take each room again as soon as it has given it back.
 */
export class UnansweredDials {
  readonly #limit: number;
  readonly #counts = new Map<string, number>();
  readonly #waiting = new Map<string, Set<HostDialler>>();
  /** For whom a room at a host is kept. While any torrent waits for a host, every room there is taken or kept. */
  readonly #told = new Map<string, Set<HostDialler>>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether one more may be made. If not, `roomAt` is called once when it may, and the torrent may ask again. */
  hasRoom(host: string, dialler: HostDialler): boolean {
    if (this.#told.get(host)?.has(dialler) === true || this.#isFree(host)) return true;
    addTo(this.#waiting, host, dialler);
    return false;
  }

  /** `dialler` has taken the room that was kept for it, or a free one. */
  begun(host: string, dialler: HostDialler): void {
    removeFrom(this.#told, host, dialler);
    this.#counts.set(host, (this.#counts.get(host) ?? 0) + 1);
  }

  /** A dial to the host was answered, or has ended without an answer. */
  ended(host: string): void {
    const left = (this.#counts.get(host) ?? 0) - 1;
    if (left > 0) this.#counts.set(host, left);
    else this.#counts.delete(host);
    this.#tellNext(host);
  }

  /** `dialler` has dialled what it wants. What is kept for it is for the next ones. */
  passOn(dialler: HostDialler): void {
    for (const host of [...this.#told.keys()]) if (removeFrom(this.#told, host, dialler)) this.#tellNext(host);
  }

  /** `dialler` dials no more. */
  withdraw(dialler: HostDialler): void {
    for (const host of [...this.#waiting.keys()]) removeFrom(this.#waiting, host, dialler);
    this.passOn(dialler);
  }

  #tellNext(host: string): void {
    const [next] = this.#waiting.get(host) ?? [];
    if (next === undefined || !this.#isFree(host)) return;
    removeFrom(this.#waiting, host, next);
    addTo(this.#told, host, next);
    next.roomAt(host);
  }

  #isFree(host: string): boolean {
    return (this.#counts.get(host) ?? 0) + (this.#told.get(host)?.size ?? 0) < this.#limit;
  }
}

type ByHost = Map<string, Set<HostDialler>>;

function addTo(all: ByHost, host: string, dialler: HostDialler): void {
  const known = all.get(host);
  if (known === undefined) all.set(host, new Set([dialler]));
  else known.add(dialler);
}

/** Returns whether it was there. */
function removeFrom(all: ByHost, host: string, dialler: HostDialler): boolean {
  const known = all.get(host);
  if (known?.delete(dialler) !== true) return false;
  if (known.size === 0) all.delete(host);
  return true;
}
