import type { Refusal, RefusalCode } from '../../wire/refusal.js';
import type { Ending } from './connection.js';

/** How our dials have ended since the beginning. An address that we dialled twice counts twice. */
export interface PeerReach {
  /** How many addresses wait to be dialled now. */
  readonly waiting: number;
  /** Dials to ourselves do not count. */
  readonly dialled: number;
  /** Dials whose handshake was finished. */
  readonly answered: number;
  /** Dials to a port on which no program listens. */
  readonly refused: number;
  /** Dials that got no answer, or to an address that we cannot reach. */
  readonly silent: number;
  /** Dials that got an answer, and ended before the handshake was finished. */
  readonly turnedAway: number;
}

/** Counts our dials and how they end. */
export class ReachCounter {
  #dialled = 0;
  #answered = 0;
  #refused = 0;
  #silent = 0;
  #turnedAway = 0;

  dialled(): void {
    this.#dialled += 1;
  }

  /** The handshake of a dial is finished. */
  answered(): void {
    this.#answered += 1;
  }

  /** A dial has ended before its handshake was finished. */
  failed(ending: Ending): void {
    const code = ending.by === 'us' ? ending.reason.code : ending.failure.code;
    if (code === 'shutting-down') return;
    // Trackers name us to ourselves.
    if (code === 'own-peer-id') this.#dialled -= 1;
    else if (code === 'refused') this.#refused += 1;
    else if (code === 'connect-timeout' || code === 'unreachable' || code === 'forbidden') this.#silent += 1;
    else this.#turnedAway += 1;
  }

  /** `waiting`: how many addresses wait to be dialled. */
  reach(waiting: number): PeerReach {
    const [dialled, answered] = [this.#dialled, this.#answered];
    return { waiting, dialled, answered, refused: this.#refused, silent: this.#silent, turnedAway: this.#turnedAway };
  }
}

/** Counts refusals by reason. */
export class RefusalLog {
  readonly #counts = new Map<RefusalCode, number>();

  /** How many refusals there have been since the beginning, by reason. */
  get counts(): ReadonlyMap<RefusalCode, number> {
    return this.#counts;
  }

  add({ code }: Refusal): void {
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + 1);
  }
}
