import type { BlockSpan } from '../disk/storage.js';
import type { PieceBlocks } from './piece-blocks.js';

/** How many lapsed requests are remembered of one peer, the latest ones: as many as it is ever asked for at once. */
const LAPSED_LIMIT = 2_048;

/** The oldest request is looked at once in so many answers. */
const LOOK_INTERVAL = 32;
/** A few answers in another order say nothing: no request is measured against fewer than this many. */
const LEAST_COUNT = 32;
/**
 * So many answers for each request that was ahead of it, and it is overtaken. In the order of asking it takes 1 at
 * most.
 */
const OVERTAKEN = 1.25;
/**
 * So many answers for each open request, and it is dropped. A peer that shuffles all that it has queued needs fewer
 * than 3.
 */
const DROPPED = 4;
/** It takes so many times the lateness of any request that was answered. Answers drawn by lot are never that late. */
const BEYOND_WORST = 2;

/** A request that the peer has not answered. */
export interface OpenRequest {
  readonly span: BlockSpan;
  /** How many others were open when it was made. */
  readonly ahead: number;
  /** How many requests had been made before. */
  readonly number: number;
  /** How many answers had come by then. */
  readonly answersBefore: number;
}

/**
 * What one peer is asked for. The keys are block numbers in the torrent.
 *
 * A request lapses when nobody waits for the answer any more. The answer can be under way all the same, and is then no
 * fault of the peer, so lapsed requests are remembered.
 *
 * A peer may drop a request and say nothing, but answer those that follow. The lateness of a request tells that: how
 * many answers have come since it was made, for each request that is open. Peers need not answer in the order of
 * asking, so what counts as dropped depends on how late their answers have been.
 */
export class AskerRequests<Asker extends object> {
  readonly #asked = new Map<number, OpenRequest>();
  readonly #lapsed = new Map<number, BlockSpan>();
  #madeCount = 0;
  #answerCount = 0;
  /** The number of the request that was made last of those that were answered. */
  #latestAnswered = -1;
  #worstLateness = 0;
  /** At the last look at the oldest open request. */
  #isOvertaken = false;
  #isDropped = false;
  /** The piece whose block it was asked for last: it goes on with that one. */
  current: PieceBlocks<Asker> | undefined = undefined;

  get count(): number {
    return this.#asked.size;
  }

  /** It has answered many requests that were made after the oldest open one. */
  get isOvertaken(): boolean {
    return this.#isOvertaken;
  }

  /** It has answered a request that was made after the oldest open one. */
  get skipsOldest(): boolean {
    const oldest = this.#oldest();
    return oldest !== undefined && oldest.number < this.#latestAnswered;
  }

  /** What it is asked for now, the oldest first. What is taken out on the way does not disturb the walk. */
  *spans(): Generator<BlockSpan> {
    for (const { span } of this.#asked.values()) yield span;
  }

  /** What it is asked for under this key, or undefined. */
  asked(key: number): BlockSpan | undefined {
    return this.#asked.get(key)?.span;
  }

  ask(key: number, span: BlockSpan): void {
    const ahead = this.#asked.size;
    this.#asked.set(key, { span, ahead, number: this.#madeCount, answersBefore: this.#answerCount });
    this.#madeCount += 1;
    this.#lapsed.delete(key);
  }

  /** The request is answered: what was asked for, or undefined when it was not. */
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

  /** Nobody waits for the answer to this request any more. */
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

  /** A late answer came: what was asked for, or undefined. A second answer counts as never asked for. */
  answerLapsed(key: number): BlockSpan | undefined {
    const span = this.#lapsed.get(key);
    if (span !== undefined) this.#lapsed.delete(key);
    return span;
  }

  /** The open requests that the peer has dropped, the oldest first. Once one is dropped, all that are overtaken are. */
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
