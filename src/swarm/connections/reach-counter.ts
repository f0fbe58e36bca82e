import type { Refusal, RefusalCode } from '../../wire/refusal.js';
import type { Ending } from './connection.js';

/** How our dials went, since the beginning. An address that was dialled again counts again. */
export interface PeerReach {
  /** Addresses that wait to be dialled. */
  readonly waiting: number;
  readonly dialled: number;
  /** Dials at whose other end nobody listens. */
  readonly refused: number;
  /** Dials that nobody answered, or no way leads to. */
  readonly silent: number;
  /** Dials that were answered, and ended before the handshake was over. */
  readonly turnedAway: number;
}

/** Counts what becomes of dials. */
export class ReachCounter {
  #dialled = 0;
  #refused = 0;
  #silent = 0;
  #turnedAway = 0;

  dialled(): void {
    this.#dialled += 1;
  }

  /** A dial has ended before its handshake did. */
  failed(ending: Ending): void {
    const code = ending.by === 'us' ? ending.reason.code : ending.failure.code;
    if (code === 'shutting-down') return;
    if (code === 'refused') this.#refused += 1;
    else if (code === 'connect-timeout' || code === 'unreachable' || code === 'forbidden') this.#silent += 1;
    else this.#turnedAway += 1;
  }

  reach(waiting: number): PeerReach {
    const [dialled, refused, silent, turnedAway] = [this.#dialled, this.#refused, this.#silent, this.#turnedAway];
    return { waiting, dialled, refused, silent, turnedAway };
  }
}

/** Counts refusals by their reasons. */
export class RefusalLog {
  readonly #counts = new Map<RefusalCode, number>();

  /** How many there have been since the beginning, by reason. */
  get counts(): ReadonlyMap<RefusalCode, number> {
    return this.#counts;
  }

  add({ code }: Refusal): void {
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + 1);
  }
}
