import type { Millis } from '../../base/clock.js';
import { METADATA_PIECE_LENGTH } from '../../wire/metadata-message.js';
import type { ExtendedPeer } from '../extensions/extensions.js';
import type { MetadataColumn } from './metadata-column.js';

export interface MetadataSourceOptions {
  /** Requests in flight to one peer at first: a round trip for each piece alone would be slow. */
  readonly firstWindow: number;
  /** One more for each piece that comes, up to this many. Other clients queue no more. */
  readonly maxWindow: number;
  /** How long a peer is left alone that rejects whatever it is asked for; twice as long each time. */
  readonly firstPause: Millis;
}

const MAX_DOUBLINGS = 6;

/** A peer that claims to have the metadata: what it is asked for, how it answers, and what it has sent. */
export class MetadataSource<Claim> {
  readonly peer: ExtendedPeer;
  readonly claim: Claim;
  readonly column: MetadataColumn;
  /** Pieces that it owes, the longest ago first. True while no other peer need be asked for the piece. */
  readonly owed = new Map<number, boolean>();
  /** It let us wait for too long. What it owes may be asked of others, and it is asked for nothing more. */
  isStalled = false;
  /** It may send its own whole. */
  hasTurn = false;
  /** When it was asked for something first; null if never. */
  askedAt: Millis | null = null;
  /** Since when it has owed something and sent nothing new. */
  owesSince: Millis = 0;
  /** When it sent something new last; it begins as the longest ago. */
  newAt: Millis = Number.NEGATIVE_INFINITY;
  readonly #options: MetadataSourceOptions;
  /** For how long it has owed something in all, up to when it last owed nothing; and since when it owes something. */
  #owedFor: Millis = 0;
  #owesFrom: Millis | null = null;
  #window: number;
  #newLength = 0;
  #pausedUntil: Millis = Number.NEGATIVE_INFINITY;
  #pauses = 0;

  constructor(peer: ExtendedPeer, claim: Claim, column: MetadataColumn, options: MetadataSourceOptions) {
    this.peer = peer;
    this.claim = claim;
    this.column = column;
    this.#options = options;
    this.#window = options.firstWindow;
  }

  mayBeAsked(now: Millis): boolean {
    return !this.isStalled && this.owed.size < this.#window && this.#pausedUntil <= now;
  }

  isPaused(now: Millis): boolean {
    return this.#pausedUntil > now;
  }

  asked(piece: number, now: Millis): void {
    this.askedAt ??= now;
    if (this.owed.size === 0) this.owesSince = now;
    this.#owesFrom ??= now;
    this.owed.set(piece, true);
  }

  get hasSentNothing(): boolean {
    return this.#newLength === 0;
  }

  /** A piece that it owed has come; `isNew` if it was of any use. */
  sent(length: number, isNew: boolean, now: Millis): void {
    if (isNew) {
      this.#newLength += length;
      this.#window = Math.min(this.#window + 1, this.#options.maxWindow);
      this.#pauses = 0;
      this.owesSince = now;
      this.newAt = now;
    }
    if (this.owed.size === 0) this.#owesNothing(now);
    if (isNew) this.isStalled = false;
  }

  /** It has rejected a request. Many clients do so only because they have too many of them. */
  rejected(now: Millis): void {
    this.#window = Math.max(1, this.#window >> 1);
    if (this.owed.size > 0) return;
    this.#pausedUntil = now + this.#options.firstPause * 2 ** this.#pauses;
    this.#pauses = Math.min(this.#pauses + 1, MAX_DOUBLINGS);
    this.hasTurn = false;
    this.#owesNothing(now);
  }

  /** What it owes will not come. It may be asked again, for little at first. */
  gaveUp(now: Millis): void {
    this.owed.clear();
    this.#window = 1;
    this.#owesNothing(now);
  }

  /** Bytes of use a second, over the time in which it owed something. */
  rate(now: Millis): number {
    const owedFor = this.#owedFor + (this.#owesFrom === null ? 0 : now - this.#owesFrom);
    return (this.#newLength * 1000) / Math.max(1, owedFor);
  }

  /** How long it needs for what it owes, at its rate; 0 while that is not known. */
  timeToPay(now: Millis): Millis {
    return this.#newLength === 0 ? 0 : (this.owed.size * METADATA_PIECE_LENGTH * 1000) / this.rate(now);
  }

  #owesNothing(now: Millis): void {
    this.isStalled = false;
    if (this.#owesFrom !== null) this.#owedFor += now - this.#owesFrom;
    this.#owesFrom = null;
  }
}
