import type { Millis } from '../../base/clock.js';
import { BLOCK_LENGTH } from '../../metainfo/piece-layout.js';

export interface BacklogOptions {
  /** Requests in flight to a peer of whom nothing is known. */
  readonly initial: number;
  /** Requests that a peer is thought to queue, until it says so itself. More might be dropped in silence. */
  readonly limit: number;
  /** The same of a peer that has left requests unanswered: old clients drop what is more than this. */
  readonly cautiousLimit: number;
  /** More than this is asked of nobody, whatever a peer says or answers: it would only fill its memory and ours. */
  readonly most: number;
  /** How long a rate is measured before the backlog follows it; twice the time of the first answers on a long way. */
  readonly window: Millis;
  /** The queue holds what the peer sends in this time at the most, however long it takes to answer. */
  readonly maxQueueTime: Millis;
}

export const DEFAULT_BACKLOG_OPTIONS: BacklogOptions = {
  initial: 8,
  // What libtorrent asks of a peer that says nothing: who cannot take it has long met it.
  limit: 500,
  cautiousLimit: 250,
  most: 2_000,
  window: 250,
  maxQueueTime: 4_000,
};

// Below two the peer has nothing to send while the next request is on its way.
const LEAST = 2;
// The rate has stopped growing when a window brings less than this times the best before it.
const GROWTH = 1.25;

/**
 * How many requests are kept in flight to one peer: enough that the peer always has one waiting, whatever the delay.
 *
 * At first it grows by one with each block, which doubles it each round trip. Once the rate has stopped growing with
 * it, it follows the rate measured over each window: 2 + rate × queue time ÷ block length. The queue time is never
 * below twice the time that the first answers took, or a long way would shrink the backlog, and that the rate, for
 * ever.
 *
 * A peer that states no queue is tried: once it has answered as many requests as the limit, while the backlog was held
 * by it, the limit grows by one with each block, until the first request is refused (BEP 6) or dropped. It does not
 * grow while the oldest request is overtaken by others, since that may be the first one that was dropped.
 */
export class Backlog {
  readonly #options: BacklogOptions;
  readonly #queueTime: () => Millis;
  #size: number;
  #limit: number;
  #isStated = false;
  #mayGrow = true;
  /** What the backlog would be without a limit. */
  #wanted = 0;
  /** Answers that came while the limit held the backlog. */
  #answersAtLimit = 0;
  /** Requests that the peer may yet refuse because we asked for more than it takes. */
  #excess = 0;
  #growing = true;
  #bestRate = 0;
  #windowBegan: Millis | null = null;
  #windowLength = 0;
  #askedAt: Millis | null = null;
  #responseTime: Millis = 0;

  /** `queueTime`: how much of its own sending time the peer may be asked for in advance, asked at each window's end. */
  constructor(options: BacklogOptions, queueTime: () => Millis) {
    this.#options = options;
    this.#queueTime = queueTime;
    this.#limit = options.limit;
    this.#size = Math.min(options.initial, this.#limit);
  }

  get size(): number {
    return this.#size;
  }

  /** The peer says how many requests it queues before it drops any, 1 or more. */
  setLimit(limit: number): void {
    this.#isStated = true;
    this.#mayGrow = false;
    this.#limit = Math.min(limit, this.#options.most);
    this.#size = Math.min(this.#size, this.#limit);
  }

  /** Requests leave and none was in flight: the answer will tell how far away the peer is. */
  askedWhileIdle(now: Millis): void {
    this.#askedAt = now;
    this.#windowBegan = now;
    this.#windowLength = 0;
  }

  /** `overtaken`: blocks that were asked for later come before the oldest one. */
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
   * The peer refuses a request, though it does not choke us. True when we may be to blame: it was asked for very much.
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
   * The peer drops requests without a word, the first of them while it had `held` others. It is asked for as many from
   * here on, or for half of the limit if that is more: other things than a full queue may be to blame.
   */
  dropped(held: number): void {
    this.#mayGrow = false;
    this.#limit = Math.min(this.#limit, Math.max(held, Math.ceil(this.#limit / 2)));
    this.#size = Math.min(this.#size, this.#limit);
  }

  /** The peer does not answer: a single request is left to tell when it does again. */
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
