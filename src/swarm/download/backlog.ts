import type { Millis } from '../../base/clock.js';
import { BLOCK_LENGTH } from '../../metainfo/piece-layout.js';

/** Limits for the requests in flight to one peer. Counts are in requests. */
export interface BacklogOptions {
  /** How many requests are in flight to a peer of which we know nothing. */
  readonly initial: number;
  /** How many requests we assume that a peer queues, until it says so itself. The peer may drop more without a word. */
  readonly limit: number;
  /** The same for a peer that has left requests unanswered: old clients drop what is more than this. */
  readonly cautiousLimit: number;
  /**
   * We never have more requests than this in flight to a peer, whatever it says or answers: more would only fill its
   * memory and ours.
   */
  readonly most: number;
  /**
   * How long a rate is measured before the backlog follows it. When the response time is long, it is measured for twice
   * that time.
   */
  readonly window: Millis;
  /** The backlog holds at most what the peer sends in this time, however long the peer takes to answer. */
  readonly maxQueueTime: Millis;
}

export const DEFAULT_BACKLOG_OPTIONS: BacklogOptions = {
  initial: 8,
  // libtorrent asks this much of a peer that states no queue, so clients that cannot take it have met it long ago.
  limit: 500,
  cautiousLimit: 250,
  most: 2_000,
  window: 250,
  maxQueueTime: 4_000,
};

// With fewer than two requests the peer has nothing to send while the next request is on its way.
const LEAST = 2;
// The rate has stopped growing when a window brings less than this factor times the best rate before it.
const GROWTH = 1.25;

/**
 * How many requests are kept in flight to one peer: enough that the peer always has one waiting, whatever the delay.
 *
 * At first the backlog grows by one with each block, so it doubles with each round trip. Once the rate stops growing
 * with it, it follows the rate measured over each window: 2 + rate × queue time ÷ block length. The queue time is never
 * below twice the response time. Otherwise a long round trip would shrink the backlog, a small backlog would lower the
 * rate, and so on without end.
 *
 * A peer that states no queue is asked for more step by step. Once it has answered as many requests as the limit
 * allows, while the limit held the backlog down, the limit grows by one with each block. It stops growing when the peer
 * first refuses a request (BEP 6) or drops one. It does not grow while the oldest request is overtaken by others,
 * because that request may be the first one that the peer dropped.
 */
export class Backlog {
  readonly #options: BacklogOptions;
  readonly #queueTime: () => Millis;
  #size: number;
  #limit: number;
  #isStated = false;
  #mayGrow = true;
  /** The size that the backlog would have without a limit. */
  #wanted = 0;
  /** How many answers came while the limit held the backlog down. */
  #answersAtLimit = 0;
  /** How many requests the peer may still refuse because we asked for more than it takes. */
  #excess = 0;
  #growing = true;
  #bestRate = 0;
  #windowBegan: Millis | null = null;
  #windowLength = 0;
  #askedAt: Millis | null = null;
  #responseTime: Millis = 0;

  /**
   * `queueTime` says how much of its own sending time the peer may be asked for in advance; called at the end of each
   * window.
   */
  constructor(options: BacklogOptions, queueTime: () => Millis) {
    this.#options = options;
    this.#queueTime = queueTime;
    this.#limit = options.limit;
    this.#size = Math.min(options.initial, this.#limit);
  }

  /** How many requests may be in flight now. */
  get size(): number {
    return this.#size;
  }

  /** The peer says how many requests it queues before it drops any; `limit` is 1 or more. */
  setLimit(limit: number): void {
    this.#isStated = true;
    this.#mayGrow = false;
    this.#limit = Math.min(limit, this.#options.most);
    this.#size = Math.min(this.#size, this.#limit);
  }

  /** We send requests while none is in flight, so the time until the answer is the response time of the peer. */
  askedWhileIdle(now: Millis): void {
    this.#askedAt = now;
    this.#windowBegan = now;
    this.#windowLength = 0;
  }

  /** A block came of `length` bytes. `overtaken`: blocks that we asked for later come before the oldest one. */
  blockCameIn(now: Millis, length: number, overtaken: boolean): void {
    if (this.#askedAt !== null) {
      const took = Math.max(1, now - this.#askedAt);
      this.#responseTime = this.#responseTime === 0 ? took : Math.min(this.#responseTime, took);
      this.#askedAt = null;
    }
    this.#windowLength += length;
    if (this.#growing) this.#wanted = this.#size + 1;
    if (this.#mayGrow && !overtaken && this.#wanted > this.#limit) this.#answeredAtLimit();
    if (this.#growing) this.#size = Math.min(this.#limit, this.#wanted);
    const elapsed = now - (this.#windowBegan ?? now);
    if (this.#windowBegan === null) this.#windowBegan = now;
    if (elapsed >= Math.max(this.#options.window, 2 * this.#responseTime))
      this.#follow(now, (this.#windowLength * 1000) / elapsed);
  }

  /**
   * The peer refuses a request although it does not choke us. True when we may be the cause, because we asked for very
   * much.
   */
  refused(): boolean {
    this.#mayGrow = false;
    if (!this.#isStated && this.#limit > this.#options.limit) {
      this.#excess = this.#limit - this.#options.limit;
      this.#limit = this.#options.limit;
      this.#size = Math.min(this.#size, this.#limit);
    }
    if (this.#excess === 0) return false;
    this.#excess -= 1;
    return true;
  }

  /**
   * The peer drops requests without a word; it had `held` others when it dropped the first. From now on the limit is
   * `held`, or half of the limit if that is more, because a full queue may not be the only cause.
   */
  dropped(held: number): void {
    this.#mayGrow = false;
    this.#limit = Math.min(this.#limit, Math.max(held, Math.ceil(this.#limit / 2)));
    this.#size = Math.min(this.#size, this.#limit);
  }

  /** The peer does not answer. The backlog becomes a single request, which shows when the peer answers again. */
  stalled(): void {
    this.#mayGrow = false;
    if (!this.#isStated) this.#limit = Math.min(this.#limit, this.#options.cautiousLimit);
    this.#size = 1;
    this.#growing = true;
    this.#bestRate = 0;
  }

  #answeredAtLimit(): void {
    this.#answersAtLimit += 1;
    if (this.#answersAtLimit < this.#options.limit) return;
    this.#limit = Math.min(this.#limit + 1, Math.max(this.#limit, this.#options.most));
    if (!this.#growing) this.#size = Math.min(this.#limit, this.#wanted);
  }

  #follow(now: Millis, rate: number): void {
    const time = Math.min(this.#options.maxQueueTime, Math.max(this.#queueTime(), 2 * this.#responseTime));
    const target = LEAST + Math.ceil((rate * time) / 1000 / BLOCK_LENGTH);
    if (rate < GROWTH * this.#bestRate) this.#growing = false;
    this.#bestRate = Math.max(this.#bestRate, rate);
    if (!this.#growing) {
      this.#wanted = target;
      this.#size = Math.min(this.#limit, target);
    }
    this.#windowBegan = now;
    this.#windowLength = 0;
  }
}
