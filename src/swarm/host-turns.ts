import type { Millis } from '../base/clock.js';

/** Hosts that are remembered; the one whose turn was longest ago is forgotten first. */
const MAX_HOSTS = 4_096;

/** When each host had its last turn. A host that connects anew is remembered. */
export class HostTurns {
  /** By `hostKey`; the longest ago comes first. */
  readonly #lastTurns = new Map<string, Millis>();

  /** A turn of this host has ended. */
  ended(host: string, now: Millis): void {
    this.#lastTurns.delete(host);
    this.#lastTurns.set(host, now);
    const [oldest] = this.#lastTurns.keys();
    if (this.#lastTurns.size > MAX_HOSTS && oldest !== undefined) this.#lastTurns.delete(oldest);
  }

  /** When a turn of this host ended last; -∞ when it has had none. */
  lastOf(host: string): Millis {
    return this.#lastTurns.get(host) ?? Number.NEGATIVE_INFINITY;
  }
}
