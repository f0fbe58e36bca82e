import type { PeerAddress } from '../net/raw-server.js';
import type { Refusal, RefusalCode } from '../wire/refusal.js';

/** Counts who was refused and why, and passes each refusal on to whoever writes a log. */
export class RefusalLog {
  readonly #refused: (address: PeerAddress, reason: Refusal) => void;
  readonly #counts = new Map<RefusalCode, number>();

  constructor(refused: (address: PeerAddress, reason: Refusal) => void) {
    this.#refused = refused;
  }

  /** How many there have been since the beginning, by reason. */
  get counts(): ReadonlyMap<RefusalCode, number> {
    return this.#counts;
  }

  add(address: PeerAddress, reason: Refusal): void {
    this.#counts.set(reason.code, (this.#counts.get(reason.code) ?? 0) + 1);
    this.#refused(address, reason);
  }
}
