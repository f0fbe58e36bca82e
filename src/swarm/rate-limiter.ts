import type { Millis, Task, Timers } from '../base/clock.js';

/** A user of the limiter that waits until it may move bytes. */
export interface RateWaiter {
  /** The turn of the waiter has come: it may use `allowance()` now, and must wait again if it wants more. */
  rateAllows(): void;
}

/** How a RateLimiter divides its rate. */
export interface RateLimiterOptions {
  /** How much a pause may save up, as a time at the full rate. With it late timers cost no throughput. */
  readonly burst: Millis;
  /** The least time between two rounds of turns. */
  readonly round: Millis;
  /** The least that one turn gives, in bytes. It is a block, so that a turn is never too small for use. */
  readonly share: number;
}

export const DEFAULT_RATE_LIMITER_OPTIONS: RateLimiterOptions = { burst: 100, round: 10, share: 16 * 1024 };

/**
 * A bucket that fills at `rate` bytes a second. All connections of all torrents whose bytes count share it.
 *
 * A user that finds the bucket empty waits. Turns go in the order of waiting, but patient waiters come after the
 * others. While one waits, no other user gets anything without a turn.
 *
 * A user may overdraw, because a block goes as a whole. The debt is paid off before the next turn, so the rate holds in
 * the long run, however low it is. There is a timer only while a user waits.
 */
export class RateLimiter {
  readonly #timers: Timers;
  readonly #options: RateLimiterOptions;
  /** The waiters in the order of waiting, and until when each lets others go first. */
  readonly #waiting = new Map<RateWaiter, Millis>();
  #rate: number | null;
  #tokens: number;
  #filledAt: Millis;
  #task: Task | null = null;
  /** What the waiter whose turn it is may use; null between turns. */
  #turn: number | null = null;

  /** `rate` is in bytes a second, above 0; null means no limit. */
  constructor(timers: Timers, rate: number | null, options: RateLimiterOptions) {
    this.#timers = timers;
    this.#options = options;
    this.#rate = rate;
    this.#filledAt = timers.now();
    this.#tokens = this.#capacity();
  }

  /** Bytes a second; null means no limit. */
  get rate(): number | null {
    return this.#rate;
  }

  /** How many bytes the caller may move now. At 0 it must wait. Infinity when there is no limit. */
  allowance(): number {
    if (this.#rate === null) return Number.POSITIVE_INFINITY;
    if (this.#turn !== null) return this.#turn;
    if (this.#waiting.size > 0) return 0;
    this.#fill();
    return this.#tokens > 0 ? Math.max(this.#options.share, this.#tokens) : 0;
  }

  /** The caller moves `length` bytes now. A negative number takes back bytes that were not moved after all. */
  spend(length: number): void {
    if (this.#rate === null) return;
    this.#fill();
    this.#tokens = Math.min(this.#capacity(), this.#tokens - length);
    if (this.#turn !== null) this.#turn = Math.max(0, this.#turn - length);
  }

  /**
   * `waiter` waits for a turn, and lets others go first until `patientUntil`. A second call only changes
   * `patientUntil`.
   */
  wait(waiter: RateWaiter, patientUntil: Millis = Number.NEGATIVE_INFINITY): void {
    this.#waiting.set(waiter, patientUntil);
    this.#schedule();
  }

  /** Whether `waiter` waits for a turn. */
  holds(waiter: RateWaiter): boolean {
    return this.#waiting.has(waiter);
  }

  /** `waiter` waits no longer. Harmless when it does not wait. */
  leave(waiter: RateWaiter): void {
    this.#waiting.delete(waiter);
    if (this.#waiting.size > 0) return;
    this.#task?.cancel();
    this.#task = null;
  }

  #capacity(): number {
    return this.#rate === null ? 0 : Math.max(1, (this.#rate * this.#options.burst) / 1000);
  }

  #fill(): void {
    const now = this.#timers.now();
    if (this.#rate !== null) {
      const earned = (this.#rate * Math.max(0, now - this.#filledAt)) / 1000;
      this.#tokens = Math.min(this.#capacity(), this.#tokens + earned);
    }
    this.#filledAt = now;
  }

  #schedule(): void {
    if (this.#waiting.size === 0 || this.#task !== null || this.#turn !== null) return;
    this.#task = this.#timers.addTask(() => this.#giveTurns(), this.#untilNextRound());
  }

  #untilNextRound(): Millis {
    if (this.#rate === null) return 0;
    this.#fill();
    const debt = Math.max(0, 1 - this.#tokens);
    return Math.max(this.#options.round, Math.ceil((debt * 1000) / this.#rate));
  }

  #next(): RateWaiter | undefined {
    const now = this.#timers.now();
    for (const [waiter, patientUntil] of this.#waiting) if (patientUntil <= now) return waiter;
    return this.#waiting.keys().next().value;
  }

  /**
   * Gives one turn to each waiter, as far as the tokens go. A waiter that waits again gets its turn in the next round.
   */
  #giveTurns(): void {
    this.#task = null;
    this.#fill();
    // One waiter at a time gets what a round earns. If all shared it, each would get little, and each would cost an
    // event.
    const earned = ((this.#rate ?? 0) * this.#options.round) / 1000;
    const share = Math.max(this.#options.share, earned, this.#tokens / this.#waiting.size);
    try {
      for (let turns = this.#waiting.size; turns > 0 && (this.#rate === null || this.#tokens > 0); turns -= 1) {
        const next = this.#next();
        if (next === undefined) break;
        this.#waiting.delete(next);
        this.#turn = share;
        next.rateAllows();
      }
    } finally {
      this.#turn = null;
      this.#schedule();
    }
  }
}
