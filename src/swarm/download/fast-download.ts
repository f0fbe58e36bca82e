import type { Millis } from '../../base/clock.js';
import type { PieceIndex } from '../../metainfo/piece-layout.js';
import { Bitfield } from '../../wire/bitfield.js';
import { FINE, JUNK, type Judgement, refuse } from '../judgement.js';

/** Limits for what a peer with the fast extension may say. */
export interface FastDownloadOptions {
  /** How many pieces we remember that a peer allows in spite of a choke. */
  readonly maxAllowed: number;
  /** How many suggestions are kept; the newest ones are. */
  readonly maxSuggested: number;
  /**
   * How many rejects a peer may send without a block between them, while it does not choke us or for requests that we
   * never made.
   */
  readonly maxRejects: number;
  /**
   * After this many rejects we ask the peer for nothing for a while, and then for one block at a time: its disk may be
   * in trouble.
   */
  readonly restAfter: number;
  /**
   * When a peer refuses a block, we do not ask it for that piece again for this long, unless it chokes and unchokes us
   * before.
   */
  readonly rejectPause: Millis;
}

export const DEFAULT_FAST_DOWNLOAD_OPTIONS: FastDownloadOptions = {
  maxAllowed: 100,
  maxSuggested: 16,
  maxRejects: 50,
  restAfter: 16,
  rejectPause: 30_000,
};

/**
 * Says which pieces we may ask of a peer with the fast extension (BEP 6). Some may be asked for in spite of a choke.
 * Others may not be asked for at present, because the peer has refused them.
 */
export class FastDownload {
  readonly #options: FastDownloadOptions;
  /** The pieces that the peer gives even while it chokes us. */
  readonly #allowed = new Set<PieceIndex>();
  /**
   * The pieces that the peer allowed and then refused. If we took them as allowed again, we would ask for them without
   * end.
   */
  readonly #withheld = new Set<PieceIndex>();
  readonly #rejected = new Set<PieceIndex>();
  #rejectedAt: Millis = Number.NEGATIVE_INFINITY;
  /** The latest first. */
  #suggested: readonly PieceIndex[] = [];
  /** Rejects without a reason since the last block. */
  #rejects = 0;
  /** How many of them are allowed. Requests that were on the way when the first reject came are allowed in addition. */
  #maxRejects: number;
  #isResting = false;
  /** The last result of `askable`; null when it must be made anew. */
  #askable: Bitfield | null = null;

  constructor(options: FastDownloadOptions) {
    this.#options = options;
    this.#maxRejects = options.maxRejects;
  }

  /** The peer refuses so much that we ask it for nothing at present. */
  get isResting(): boolean {
    return this.#isResting;
  }

  /** The pieces that the peer suggests, the latest first. */
  get suggested(): readonly PieceIndex[] {
    return this.#suggested;
  }

  /** Which pieces of `has` we may ask the peer for; null for none. */
  askable(has: Bitfield, choked: boolean): Bitfield | null {
    if (!choked && this.#rejected.size === 0) return has;
    if (!choked && this.#isResting) return null;
    if (choked && this.#allowed.size === 0) return null;
    this.#askable ??= choked ? this.#allowedOf(has) : this.#notRejectedOf(has);
    return this.#askable.isEmpty ? null : this.#askable;
  }

  /** What `askable` depends on has changed: the peer has other pieces, or chokes or unchokes us. */
  changed(): void {
    this.#askable = null;
  }

  /** The peer allows us to ask for this piece in spite of a choke. */
  allowed(piece: PieceIndex): Judgement {
    if (this.#allowed.has(piece) || this.#withheld.has(piece)) return JUNK;
    if (this.#allowed.size + this.#withheld.size >= this.#options.maxAllowed) return JUNK;
    this.#allowed.add(piece);
    this.changed();
    return FINE;
  }

  suggestionCame(piece: PieceIndex): void {
    this.#suggested = [piece, ...this.#suggested.filter((one) => one !== piece)].slice(0, this.#options.maxSuggested);
  }

  /** The peer refuses a block of `piece` that we asked for. `inFlight` other requests are open. */
  rejected(piece: PieceIndex, choked: boolean, inFlight: number, now: Millis): Judgement {
    this.changed();
    if (choked) {
      // A peer that chokes us refuses the requests that were on the way. But a piece that it allowed and now refuses,
      // it does not give.
      if (this.#allowed.delete(piece)) this.#withheld.add(piece);
      return FINE;
    }
    this.#rejected.add(piece);
    this.#rejectedAt = now;
    if (this.#rejects === 0) this.#maxRejects = this.#options.maxRejects + inFlight;
    if (this.#rejects >= this.#options.restAfter) this.#isResting = true;
    return this.#count(FINE);
  }

  /** The peer refuses a block that we never asked it for. BEP 6: "the peer SHOULD close the connection". */
  unaskedRejected(): Judgement {
    return this.#count(JUNK);
  }

  blockCameIn(): void {
    this.#rejects = 0;
    this.#maxRejects = this.#options.maxRejects;
    this.#isResting = false;
  }

  unchoked(): void {
    this.#forgive();
  }

  /** Forgives rejects that were long ago. True when there may be more to ask for. */
  review(now: Millis): boolean {
    if (this.#rejected.size === 0 || now - this.#rejectedAt < this.#options.rejectPause) return false;
    this.#forgive();
    return true;
  }

  #forgive(): void {
    this.#rejected.clear();
    this.#isResting = false;
    this.changed();
  }

  #count(judgement: Judgement): Judgement {
    this.#rejects += 1;
    if (this.#rejects <= this.#maxRejects) return judgement;
    return refuse({ code: 'too-many-rejects', count: this.#rejects });
  }

  #allowedOf(has: Bitfield): Bitfield {
    const askable = new Bitfield(has.length);
    for (const piece of this.#allowed) if (has.has(piece)) askable.set(piece);
    return askable;
  }

  #notRejectedOf(has: Bitfield): Bitfield {
    const askable = has.copy();
    for (const piece of this.#rejected) askable.clear(piece);
    return askable;
  }
}
