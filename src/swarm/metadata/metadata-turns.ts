/**
 * Who of the peers that claim one size may send a whole of its own, when what they sent together was wrong.
 *
 * - Every host has a first turn before any has a second, so that a crowd at few addresses keeps nobody waiting. Of
 *   equals chance decides: liars may have come first.
 * - Few peers begin, and more join them soon. But when new bytes come as fast as they can, one peer more only makes the
 *   others slower, and no liar would be done, and found, before all are. Then as many go on as could each be done.
 */
import type { Millis } from '../../base/clock.js';
import { type Random, shuffle } from '../../base/random.js';

export interface MetadataTurnsOptions {
  /** So many peers at once send a whole of their own at first. */
  readonly firstTurns: number;
  /** Twice as many after each such time … */
  readonly turnsDouble: Millis;
  /**
   * … but while as many bytes as a whole has come in `richTime`, and not many more than before the last doubling: when
   * as many bytes have come as the peers have to send, and after `richTurnsDouble` at the latest.
   */
  readonly richTime: Millis;
  readonly richTurnsDouble: Millis;
}

/** What we must know of a peer. */
export interface TurnTaker {
  readonly hostKey: string;
  hasTurn: boolean;
  mayBeAsked(now: Millis): boolean;
}

/** More peers bring more, when they bring so many times what came before. */
const GROWTH = 1.25;

export class MetadataTurns {
  readonly #random: Random;
  readonly #options: MetadataTurnsOptions;
  readonly #size: number;
  /** How many turns were given to each peer that is here, and to each host. */
  readonly #ofPeer = new WeakMap<TurnTaker, number>();
  readonly #ofHost = new Map<string, number>();
  #most: number;
  /** Since when there are so many. */
  #since: Millis;
  /** The bytes that have come since then. */
  #length = 0;
  /** Bytes a millisecond before that. */
  #rateBefore = 0;

  /** `size` is the length of a whole in bytes. */
  constructor(random: Random, size: number, options: MetadataTurnsOptions, now: Millis) {
    this.#random = random;
    this.#size = size;
    this.#options = options;
    this.#most = options.firstTurns;
    this.#since = now;
  }

  /** So many bytes of use have come. */
  came(length: number): void {
    this.#length += length;
  }

  /** Sets `hasTurn` of those of `takers` who get a turn now. */
  give(takers: Iterable<TurnTaker>, now: Millis): void {
    this.#grow(now);
    let free = this.#most;
    const waiting: TurnTaker[] = [];
    for (const taker of takers) {
      if (taker.hasTurn) free -= 1;
      else if (taker.mayBeAsked(now)) waiting.push(taker);
    }
    if (free <= 0 || waiting.length === 0) return;
    shuffle(this.#random, waiting);
    for (; free > 0; free -= 1) {
      const next = this.#next(waiting);
      if (next === undefined) return;
      next.hasTurn = true;
      this.#ofPeer.set(next, this.#turnsOf(next) + 1);
      this.#ofHost.set(next.hostKey, this.#turnsAt(next.hostKey) + 1);
    }
  }

  #grow(now: Millis): void {
    const { turnsDouble, richTime, richTurnsDouble } = this.#options;
    const time = now - this.#since;
    if (time < turnsDouble) return;
    const rate = this.#length / time;
    const isRich = rate * richTime >= this.#size && rate < this.#rateBefore * GROWTH;
    if (isRich && time < richTurnsDouble && this.#length < this.#most * this.#size) return;
    this.#most = Math.min(this.#most * 2, Number.MAX_SAFE_INTEGER);
    this.#since = now;
    this.#length = 0;
    this.#rateBefore = rate;
  }

  #next(waiting: readonly TurnTaker[]): TurnTaker | undefined {
    let best: TurnTaker | undefined;
    for (const taker of waiting)
      if (!taker.hasTurn && (best === undefined || this.#isBefore(taker, best))) best = taker;
    return best;
  }

  #isBefore(one: TurnTaker, other: TurnTaker): boolean {
    const more = this.#turnsAt(one.hostKey) - this.#turnsAt(other.hostKey);
    return more < 0 || (more === 0 && this.#turnsOf(one) < this.#turnsOf(other));
  }

  #turnsOf(taker: TurnTaker): number {
    return this.#ofPeer.get(taker) ?? 0;
  }

  #turnsAt(hostKey: string): number {
    return this.#ofHost.get(hostKey) ?? 0;
  }
}
