import type { BlockSpan } from '../disk/storage.js';
import type { PieceBlocks } from './piece-blocks.js';

/**
 * How many lapsed requests of one peer are remembered: the latest ones, as many as we ever have in flight to a peer.
 */
const LAPSED_LIMIT = 2_048;

/** The oldest request is looked at after each this many answers. */
const LOOK_INTERVAL = 32;
/** A few answers in another order prove nothing: a request is never measured against fewer requests than this. */
const LEAST_COUNT = 32;
/**
 * A request is overtaken when more than this many answers have come for each request that was ahead of it. A peer that
 * answers in the order of asking reaches 1 at most.
 */
const OVERTAKEN = 1.25;
/**
 * A request counts as dropped when its lateness is at least this. A peer that answers its queue in random order stays
 * below 3.
 */
const DROPPED = 4;
/**
 * And its lateness must be at least this many times the worst lateness of an answered request. Answers in random order
 * are never that late.
 */
const BEYOND_WORST = 2;

/** A request that the peer has not answered. */
export interface OpenRequest {
  readonly span: BlockSpan;
  /** How many other requests were open when it was made. */
  readonly ahead: number;
  /** How many requests had been made before it. */
  readonly number: number;
  /** How many answers had come when it was made. */
  readonly answersBefore: number;
}

/**
 * The requests that were sent to one peer, the asker. The keys are numbers of blocks in the torrent.
 *
 * A request lapses when we no longer wait for its answer. The answer may be on the way all the same and is then no
 * fault of the peer, so lapsed requests are remembered.
 *
 * A peer may drop a request without a word and answer the requests after it. The lateness of a request shows this: the
 * number of answers that have come since it was made, divided by the number of open requests. Peers need not answer in
 * the order of asking, so the limit also depends on how late the answers of this peer have been.
 */
export class AskerRequests<Asker extends object> {
  readonly #asked = new Map<number, OpenRequest>();
  readonly #lapsed = new Map<number, BlockSpan>();
  #madeCount = 0;
  #answerCount = 0;
  /** The highest `number` of an answered request; −1 when none was answered. */
  #latestAnswered = -1;
  #worstLateness = 0;
  /** What the last look at the oldest open request showed. */
  #isOvertaken = false;
  #isDropped = false;
  /** The piece that the peer was last asked for a block of. The peer is asked for its next blocks first. */
  current: PieceBlocks<Asker> | undefined = undefined;

  get count(): number {
    return this.#asked.size;
  }

  /** The peer has answered many requests that were made after the oldest open one. */
  get isOvertaken(): boolean {
    return this.#isOvertaken;
  }

  /** The peer has answered a request that was made after the oldest open one. */
  get skipsOldest(): boolean {
    const oldest = this.#oldest();
    return oldest !== undefined && oldest.number < this.#latestAnswered;
  }

  /** The open requests, the oldest first. The caller may remove requests while it iterates. */
  *spans(): Generator<BlockSpan> {
    for (const { span } of this.#asked.values()) yield span;
  }

  /** The open request with this key, or undefined. */
  asked(key: number): BlockSpan | undefined {
    return this.#asked.get(key)?.span;
  }

  ask(key: number, span: BlockSpan): void {
    const ahead = this.#asked.size;
    this.#asked.set(key, { span, ahead, number: this.#madeCount, answersBefore: this.#answerCount });
    this.#madeCount += 1;
    this.#lapsed.delete(key);
  }

  /** The peer answers a request. Returns what was asked for, or undefined when no open request has this key. */
  answer(key: number): BlockSpan | undefined {
    const request = this.#asked.get(key);
    if (request === undefined) return undefined;
    this.#asked.delete(key);
    this.#worstLateness = Math.max(this.#worstLateness, this.#latenessOf(request));
    this.#latestAnswered = Math.max(this.#latestAnswered, request.number);
    this.#answerCount += 1;
    if (this.#answerCount % LOOK_INTERVAL === 0) this.#look();
    return request.span;
  }

  /** We no longer wait for the answer to this request. */
  lapse(key: number): void {
    const request = this.#asked.get(key);
    if (request === undefined) return;
    this.#asked.delete(key);
    this.#lapsed.set(key, request.span);
    if (this.#lapsed.size <= LAPSED_LIMIT) return;
    for (const oldest of this.#lapsed.keys()) {
      this.#lapsed.delete(oldest);
      break;
    }
  }

  /**
   * The peer answers a lapsed request. Returns what was asked for, or undefined when no lapsed request has this key.
   * Only the first answer counts.
   */
  answerLapsed(key: number): BlockSpan | undefined {
    const span = this.#lapsed.get(key);
    if (span !== undefined) this.#lapsed.delete(key);
    return span;
  }

  /**
   * The open requests that the peer has dropped, the oldest first. When the oldest one counts as dropped, all overtaken
   * ones do.
   */
  dropped(): OpenRequest[] {
    if (!this.#isDropped) return [];
    this.#isDropped = false;
    this.#isOvertaken = false;
    return [...this.#asked.values()].filter((request) => this.#isPassed(request));
  }

  #look(): void {
    const oldest = this.#oldest();
    this.#isOvertaken = oldest !== undefined && this.#isPassed(oldest);
    const limit = Math.max(DROPPED, BEYOND_WORST * this.#worstLateness);
    this.#isDropped = this.#isOvertaken && oldest !== undefined && this.#latenessOf(oldest) >= limit;
  }

  #oldest(): OpenRequest | undefined {
    return this.#asked.values().next().value;
  }

  /** Whether answers to later requests have overtaken this one. */
  #isPassed({ ahead, answersBefore }: OpenRequest): boolean {
    return this.#answerCount - answersBefore > OVERTAKEN * Math.max(LEAST_COUNT, ahead);
  }

  #latenessOf({ ahead, answersBefore }: OpenRequest): number {
    return (this.#answerCount - answersBefore) / Math.max(LEAST_COUNT, ahead, this.#asked.size);
  }
}
