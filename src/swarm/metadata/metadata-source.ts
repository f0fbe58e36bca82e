/** A peer that claims to have the metadata: what we have asked it for, how it answers, and what it has sent. */
import type { Millis } from '../../base/clock.js';
import { METADATA_PIECE_LENGTH } from '../../wire/metadata-message.js';
import type { ExtendedPeer } from '../extensions/extensions.js';
import type { MetadataColumn } from './metadata-column.js';
import type { TurnTaker } from './metadata-turns.js';

export interface MetadataSourceOptions {
  /** At first a peer may owe us this many pieces at once: one round trip for each piece would be slow. */
  readonly firstWindow: number;
  /** It may owe one more for each useful piece that comes, up to this many. Other clients queue no more. */
  readonly maxWindow: number;
  /**
   * How long we leave a peer alone that rejects all that we ask for. The time doubles with each pause, up to six times.
   */
  readonly firstPause: Millis;
}

const MAX_DOUBLINGS = 6;

export class MetadataSource<Claim> implements TurnTaker {
  readonly peer: ExtendedPeer;
  readonly claim: Claim;
  readonly column: MetadataColumn;
  /** The pieces that it owes, the oldest first. True while we count on this peer and ask no other one for the piece. */
  readonly owed = new Map<number, boolean>();
  /** It has kept us waiting for too long. We may ask others for what it owes, and we ask it for nothing more. */
  isStalled = false;
  /** It may send a whole of its own now. */
  hasTurn = false;
  /** When we first asked it for a piece; null if never. */
  askedAt: Millis | null = null;
  /** Since when it has owed us a piece and sent nothing new. */
  owesSince: Millis = 0;
  /** When it last sent something new; −∞ if never. */
  newAt: Millis = Number.NEGATIVE_INFINITY;
  readonly #options: MetadataSourceOptions;
  /** For how long it has owed us something in all, without the present time of owing. */
  #owedFor: Millis = 0;
  /** Since when it has owed us something without a break; null while it owes nothing. */
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

  get hostKey(): string {
    return this.peer.connection.hostKey;
  }

  /** Whether we may ask it now: for some pieces at once, since each write costs much. */
  mayBeAsked(now: Millis): boolean {
    const room = this.#window - this.owed.size;
    return !this.isStalled && room > 0 && room >= this.#window >> 2 && this.#pausedUntil <= now;
  }

  /** Whether it may owe us one piece more. */
  get hasRoom(): boolean {
    return this.owed.size < this.#window;
  }

  isPaused(now: Millis): boolean {
    return this.#pausedUntil > now;
  }

  /** We ask it for `piece`. */
  asked(piece: number, now: Millis): void {
    this.askedAt ??= now;
    if (this.owed.size === 0) this.owesSince = now;
    this.#owesFrom ??= now;
    this.owed.set(piece, true);
  }

  get hasSentNothing(): boolean {
    return this.#newLength === 0;
  }

  /** A piece that it owed has come, `length` bytes. `isNew`: the piece was of use. */
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

  /** It has rejected a request. Many clients reject only because they have too many requests. */
  rejected(now: Millis): void {
    this.#window = Math.max(1, this.#window >> 1);
    if (this.owed.size > 0) return;
    this.#pausedUntil = now + this.#options.firstPause * 2 ** this.#pauses;
    this.#pauses = Math.min(this.#pauses + 1, MAX_DOUBLINGS);
    this.hasTurn = false;
    this.#owesNothing(now);
  }

  /** What it owes will not come. We may ask it again, at first for one piece at a time. */
  gaveUp(now: Millis): void {
    this.owed.clear();
    this.#window = 1;
    this.#owesNothing(now);
  }

  /** Useful bytes per second, over the time in which it owed us something. */
  rate(now: Millis): number {
    const owedFor = this.#owedFor + (this.#owesFrom === null ? 0 : now - this.#owesFrom);
    return (this.#newLength * 1000) / Math.max(1, owedFor);
  }

  /** How long it needs at its rate for what it owes; 0 while its rate is not known. */
  timeToPay(now: Millis): Millis {
    return this.#newLength === 0 ? 0 : (this.owed.size * METADATA_PIECE_LENGTH * 1000) / this.rate(now);
  }

  #owesNothing(now: Millis): void {
    this.isStalled = false;
    if (this.#owesFrom !== null) this.#owedFor += now - this.#owesFrom;
    this.#owesFrom = null;
  }
}
