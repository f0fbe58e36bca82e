/**
 * Decides which of the peers that claim one size may send a whole of its own, when what they sent together was wrong.
 *
 * - Every host has a first turn before any has a second, so that a crowd at few addresses keeps nobody waiting. Chance
 *   decides between equals, because liars may have come first.
 * - Few peers have a turn at first, and their number doubles again and again. But when bytes come as fast as the line
 *   allows, one more peer only makes the others slower, and a liar is found only when its whole is here. Then the
 *   number waits until as many bytes have come as these peers have to send.
 */
import type { Millis } from '../../base/clock.js';
import { type Random, shuffle } from '../../base/random.js';

export interface MetadataTurnsOptions {
  /** How many peers at once send a whole of their own at first. */
  readonly firstTurns: number;
  /** Their number doubles after this time, unless `richTime` says otherwise. */
  readonly turnsDouble: Millis;
  /**
   * When a whole comes in this time, and the last doubling has brought little more, more peers bring nothing. Then the
   * number doubles only when as many bytes have come as these peers have to send.
   */
  readonly richTime: Millis;
  /** The number doubles after this time at the latest. */
  readonly richTurnsDouble: Millis;
}

/** What we must know of a peer. */
export interface TurnTaker {
  readonly hostKey: string;
  hasTurn: boolean;
  mayBeAsked(now: Millis): boolean;
}

/** A doubling has brought more when the rate is at least this many times the rate before it. */
const GROWTH = 1.25;

export class MetadataTurns {
  readonly #random: Random;
  readonly #options: MetadataTurnsOptions;
  readonly #size: number;
  /** How many turns were given to each peer that is here, and to each host. */
  readonly #ofPeer = new WeakMap<TurnTaker, number>();
  readonly #ofHost = new Map<string, number>();
  /** How many peers may have a turn at once. */
  #most: number;
  /** When that number last changed. */
  #since: Millis;
  /** The bytes of use that have come since then. */
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

  /** `length` bytes of use have come. */
  came(length: number): void {
    this.#length += length;
  }

  /** Sets `hasTurn` of each of `takers` that gets a turn now. */
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
