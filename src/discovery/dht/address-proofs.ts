import type { Millis } from '../../base/clock.js';
import { Allowance } from './allowance.js';

/** As long as a token is good at the most: the address may be that of another host afterwards. */
const LIFETIME: Millis = 10 * 60_000;
const MAX_HOSTS = 4_000;
/** Questions that we ask for the sake of a proof, in a second and at once: our own lookups need the others. */
const PROOFS_PER_SECOND = 10;

/**
 * Hosts that have lately shown that they receive what we send to their address: they answered a question of ours, or
 * sent back a token. Any other source may be forged, and what we answer then hits a host that asked nothing.
 */
export class AddressProofs {
  readonly #questions: Allowance;
  /** Until when, by the whole address: the neighbour in a /64 may be the victim. The last proof stands at the end. */
  readonly #proven = new Map<string, Millis>();

  constructor(now: Millis) {
    this.#questions = new Allowance(PROOFS_PER_SECOND, PROOFS_PER_SECOND, now);
  }

  has(host: string, now: Millis): boolean {
    return now < (this.#proven.get(host) ?? now);
  }

  add(host: string, now: Millis): void {
    this.#proven.delete(host);
    this.#proven.set(host, now + LIFETIME);
    if (this.#proven.size <= MAX_HOSTS) return;
    for (const first of this.#proven.keys()) {
      this.#proven.delete(first);
      return;
    }
  }

  /** Whether one more question may be asked for the sake of a proof; counts it. */
  mayAsk(now: Millis): boolean {
    return this.#questions.take(1, now);
  }
}
