import type { Millis, Task, Timers } from '../base/clock.js';

/** Somebody who wants to move bytes and was told that there are none to have. */
export interface RateWaiter {
  /** Its turn has come: it may use `allowance()` once, and must wait again if it wants more. */
  rateAllows(): void;
}

export interface RateLimiterOptions {
  /** What a pause may save up, as a span of time at the full rate: late timers then cost no throughput. */
  readonly burst: Millis;
  /** Time between two rounds of turns, at the least. */
  readonly round: Millis;
  /** The least that one turn gives, in bytes: a block, so that a turn is never too small to be used. */
  readonly share: number;
}

export const DEFAULT_RATE_LIMITER_OPTIONS: RateLimiterOptions = { burst: 100, round: 10, share: 16 * 1024 };

/**
 * A bucket that fills with so many bytes a second and is shared by everybody whose bytes count, whatever their torrent.
 *
 * Whoever finds it empty waits, and gets a turn in the order of waiting, those who are patient after the others; while
 * somebody waits, nobody else gets anything.
 * A taker may overdraw: a block goes as a whole, and the debt is paid off before the next turn, so that the rate holds
 * in the long run however low it is. There is a timer only while somebody waits.
 */
export class RateLimiter {
  readonly #timers: Timers;
  readonly #options: RateLimiterOptions;
  /** Until when each of them lets others go first. */
  readonly #waiting = new Map<RateWaiter, Millis>();
  #rate: number | null;
  #tokens: number;
  #filledAt: Millis;
  #task: Task | null = null;
  /** What the waiter whose turn it is may use; null between turns. */
  #turn: number | null = null;

  /** `rate` is in bytes a second, above 0; null is no limit. */
  constructor(timers: Timers, rate: number | null, options: RateLimiterOptions) {
    this.#timers = timers;
    this.#options = options;
    this.#rate = rate;
    this.#filledAt = timers.now();
    this.#tokens = this.#capacity();
  }

  /** Bytes a second; null is no limit. */
  get rate(): number | null {
    return this.#rate;
  }

  /** How many bytes may be moved now. 0: none, so wait. Infinity when there is no limit. */
  allowance(): number {
    if (this.#rate === null) return Number.POSITIVE_INFINITY;
    if (this.#turn !== null) return this.#turn;
    if (this.#waiting.size > 0) return 0;
    this.#fill();
    return this.#tokens > 0 ? Math.max(this.#options.share, this.#tokens) : 0;
  }

  /** These bytes are being moved. Negative: they were not moved after all. */
  spend(length: number): void {
    if (this.#rate === null) return;
    this.#fill();
    this.#tokens = Math.min(this.#capacity(), this.#tokens - length);
    if (this.#turn !== null) this.#turn = Math.max(0, this.#turn - length);
  }

  /** Queues for a turn, and lets others go first until `patientUntil`. Harmless when it queues already. */
  wait(waiter: RateWaiter, patientUntil: Millis = Number.NEGATIVE_INFINITY): void {
    this.#waiting.set(waiter, patientUntil);
    this.#schedule();
  }

  /** Wants nothing any more. Harmless when it does not queue. */
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

  /** One turn for each who waits now, as far as the tokens go. Who waits again does so for the next round. */
  #giveTurns(): void {
    this.#task = null;
    this.#fill();
    // What a round earns goes to one at a time: a sip for everybody would cost each of them an event of its own.
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
