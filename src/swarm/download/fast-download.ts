import type { Millis } from '../../base/clock.js';
import type { PieceIndex } from '../../metainfo/piece-layout.js';
import { Bitfield } from '../../wire/bitfield.js';
import { FINE, JUNK, type Judgement, refuse } from '../judgement.js';

export interface FastDownloadOptions {
  /** Pieces that a peer may allow in spite of a choke and that are kept. */
  readonly maxAllowed: number;
  /** Suggestions that are kept, the newest ones. */
  readonly maxSuggested: number;
  /**
   * Requests that a peer may refuse while it does not choke us, or that it was never sent, with no block between them.
   */
  readonly maxRejects: number;
  /**
   * After so many it is asked for nothing for a while, and then for one block at a time: its disk may be in trouble.
   */
  readonly restAfter: number;
  /**
   * A piece of which a peer refused a block is not asked of it again for so long, unless it chokes and unchokes us
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
 * What the fast extension (BEP 6) changes in what is asked of one peer: some pieces in spite of a choke, others not
 * now.
 */
export class FastDownload {
  readonly #options: FastDownloadOptions;
  /** The peer gives these while it chokes us. */
  readonly #allowed = new Set<PieceIndex>();
  /** It allowed these and refused them all the same: allowed again, they would be asked for without end. */
  readonly #withheld = new Set<PieceIndex>();
  readonly #rejected = new Set<PieceIndex>();
  #rejectedAt: Millis = Number.NEGATIVE_INFINITY;
  /** The latest first. */
  #suggested: readonly PieceIndex[] = [];
  /** Rejects for which there was no reason, since the last block. */
  #rejects = 0;
  /** How many of them are too many: what was on its way when the first one came does not count. */
  #maxRejects: number;
  #isResting = false;
  /** What may be asked for, as long as nothing changes that it follows from. */
  #askable: Bitfield | null = null;

  constructor(options: FastDownloadOptions) {
    this.#options = options;
    this.#maxRejects = options.maxRejects;
  }

  /** The peer refuses so much that it is asked for nothing for now. */
  get isResting(): boolean {
    return this.#isResting;
  }

  /** What the peer thinks we might like, the latest first. */
  get suggested(): readonly PieceIndex[] {
    return this.#suggested;
  }

  /** Which pieces of those that the peer `has` may be asked of it; null for none. */
  askable(has: Bitfield, choked: boolean): Bitfield | null {
    if (!choked && this.#rejected.size === 0) return has;
    if (!choked && this.#isResting) return null;
    if (choked && this.#allowed.size === 0) return null;
    this.#askable ??= choked ? this.#allowedOf(has) : this.#notRejectedOf(has);
    return this.#askable.isEmpty ? null : this.#askable;
  }

  /** The peer has other pieces than before, or chokes or unchokes us. */
  changed(): void {
    this.#askable = null;
  }

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

  /** A block of `piece` was asked for and will not come; `inFlight` others were asked for. */
  rejected(piece: PieceIndex, choked: boolean, inFlight: number, now: Millis): Judgement {
    this.changed();
    if (choked) {
      // A choke refuses what was on its way. What the peer allowed and refuses all the same, it does not give.
      if (this.#allowed.delete(piece)) this.#withheld.add(piece);
      return FINE;
    }
    this.#rejected.add(piece);
    this.#rejectedAt = now;
    if (this.#rejects === 0) this.#maxRejects = this.#options.maxRejects + inFlight;
    if (this.#rejects >= this.#options.restAfter) this.#isResting = true;
    return this.#count(FINE);
  }

  /** A reject came of what this peer was never asked for. BEP 6: "the peer SHOULD close the connection". */
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

  /** Forgives rejects that are long ago. True when there is more to ask for. */
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
