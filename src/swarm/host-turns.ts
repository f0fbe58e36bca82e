import type { Millis } from '../base/clock.js';

/** How many hosts are remembered; the host whose last turn ended longest ago is forgotten first. */
const MAX_HOSTS = 4_096;

/** Remembers when the last turn of each host ended, also after all its connections have ended. */
export class HostTurns {
  /** By `hostKey`; the host whose turn ended longest ago comes first. */
  readonly #lastTurns = new Map<string, Millis>();

  /** A turn of this host has ended. */
  ended(host: string, now: Millis): void {
    this.#lastTurns.delete(host);
    this.#lastTurns.set(host, now);
    const [oldest] = this.#lastTurns.keys();
    if (this.#lastTurns.size > MAX_HOSTS && oldest !== undefined) this.#lastTurns.delete(oldest);
  }

  /** When the last turn of this host ended; -∞ when it has had none. */
  lastOf(host: string): Millis {
    return this.#lastTurns.get(host) ?? Number.NEGATIVE_INFINITY;
  }
}
