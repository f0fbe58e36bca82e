import type { Millis } from '../../base/clock.js';
import type { BlockSpan } from '../../disk/storage.js';
import { DEFAULT_MEASURE_OPTIONS, Measure, type MeasureOptions } from '../../measure/measure.js';
import { BLOCK_LENGTH, type PieceIndex } from '../../metainfo/piece-layout.js';
import type { OpenRequest } from '../../pieces/asker-requests.js';
import type { Bitfield } from '../../wire/bitfield.js';
import { encodeMessage, encodeRequests, type Span } from '../../wire/message.js';
import type { PeerConnection } from '../connections/peer-connection.js';
import { FINE, JUNK, type Judgement } from '../judgement.js';
import type { RateLimiter, RateWaiter } from '../rate-limiter.js';
import { Backlog, type BacklogOptions, DEFAULT_BACKLOG_OPTIONS } from './backlog.js';
import type { FastDownload } from './fast-download.js';

/** What a Download needs of the side that all downloads of a torrent share. */
export interface DownloadOwner {
  readonly options: RequestOptions;
  readonly limiter: RateLimiter;
  now(): Millis;
  isEndgame(): boolean;
  /** We want something that is in `has`. */
  isInteresting(has: Bitfield): boolean;
  /** The next block to ask this peer for; it counts as asked for from then on. */
  take(download: Download): BlockSpan | undefined;
  howManyAsked(download: Download): number;
  /**
   * What was asked of this peer will not come; others may have it. Called even when nothing was asked: it may hold
   * pieces.
   */
  giveBackAll(download: Download): void;
  /** This peer says that a block will not come; the numbers are its own. */
  blockRejected(download: Download, span: Span): BlockSpan | 'late' | 'unasked';
  /** What this peer has dropped without a word, the oldest first, is given back. */
  giveBackDropped(download: Download): readonly OpenRequest[];
  /** It has answered many requests that were made after the oldest one that it has not. */
  isOvertaken(download: Download): boolean;
  /** It has answered a request that was made after the oldest one that it has not. */
  skipsOldest(download: Download): boolean;
  /** There was nothing to take; the download wants to be woken when that may have changed. */
  gotNothing(download: Download): void;
  /** A block came. Stores it, if it is of use. */
  blockCameIn(download: Download, piece: number, begin: number, block: Buffer): 'wanted' | 'duplicate' | 'unasked';
  /** How much of its own sending time a peer may be asked for in advance. */
  queueTime(): Millis;
}

// Requests are gathered until an eighth of the backlog is free, so that not every block costs a write.
const ROUND_SHARE = 8;
const MAX_ROUND = 32;

/**
 * Fetches from one peer: says whether we are interested, and keeps as many requests in flight as the way to the peer
 * holds. While we are choked nothing is asked for, but for what the peer allows by the fast extension; a choke gives
 * everything back, unless the peer speaks that extension and will refuse each request by itself.
 */
export class Download implements RateWaiter {
  readonly connection: PeerConnection;
  /** Null when the peer does not speak the fast extension. */
  readonly fast: FastDownload | null;
  readonly #owner: DownloadOwner;
  readonly #measure: Measure;
  readonly #backlog: Backlog;
  #has: Bitfield;
  #choked = true;
  #interested = false;
  // A peer that never sent a block counts as snubbed: otherwise every newcomer would take a slot from one who delivers.
  #lastBlockAt: Millis = Number.NEGATIVE_INFINITY;
  #owesSince: Millis = Number.NEGATIVE_INFINITY;
  #total = 0;
  #wasted = 0;

  /** `has`: an empty bitfield of the torrent's length. */
  constructor(connection: PeerConnection, has: Bitfield, fast: FastDownload | null, owner: DownloadOwner) {
    this.connection = connection;
    this.#has = has;
    this.fast = fast;
    this.#owner = owner;
    this.#measure = new Measure(owner.options.measure, owner.now());
    this.#backlog = new Backlog(owner.options.backlog, () => owner.queueTime());
  }

  /** The pieces that the peer says it has. */
  get has(): Bitfield {
    return this.#has;
  }

  /** The pieces that it may be asked for now; null for none. */
  get askable(): Bitfield | null {
    if (this.fast !== null) return this.fast.askable(this.#has, this.#choked);
    return this.#choked ? null : this.#has;
  }

  /** When a block came last that we had asked for; -∞ when none has. */
  get lastBlockAt(): Millis {
    return this.#lastBlockAt;
  }

  /** The peer chokes us. */
  get choked(): boolean {
    return this.#choked;
  }

  /** We told the peer that we want something. */
  get interested(): boolean {
    return this.#interested;
  }

  /** Bytes of useful blocks a second. */
  get rate(): number {
    return this.#measure.rate(this.#owner.now());
  }

  /** Bytes of useful blocks. */
  get total(): number {
    return this.#total;
  }

  /** Bytes of blocks that were not asked for, or that somebody else had sent before. */
  get wasted(): number {
    return this.#wasted;
  }

  /** Requests that the peer has not answered. */
  get inFlight(): number {
    return this.#owner.howManyAsked(this);
  }

  /** How many requests are kept in flight at present. */
  get backlog(): number {
    return this.#backlog.size;
  }

  /**
   * It never sent a block, or sends none although it owes us some. One whom we ask for nothing is not to blame for
   * that.
   */
  isSnubbed(): boolean {
    if (this.#lastBlockAt === Number.NEGATIVE_INFINITY) return true;
    if (!this.#choked && this.inFlight === 0) return false;
    return this.#silence() > this.#owner.options.snubTime;
  }

  gotChoke(): void {
    if (this.#choked) return;
    this.#choked = true;
    this.fast?.changed();
    // BEP 6: "Choke no longer implicitly rejects all pending requests".
    if (this.fast === null || this.inFlight === 0) this.#withdrawAll();
  }

  gotUnchoke(): void {
    if (!this.#choked) return;
    this.#choked = false;
    this.fast?.unchoked();
    this.requestMore();
  }

  gotBitfield(has: Bitfield): void {
    this.#has = has;
    this.fast?.changed();
    this.reviewInterest();
  }

  /** The peer lost a piece that it had; what it was asked for of it was given back. */
  gotDontHave(piece: PieceIndex): void {
    this.#has.clear(piece);
    this.fast?.changed();
    this.reviewInterest();
  }

  /** A request will not be answered. */
  gotReject(span: Span): Judgement {
    if (this.fast === null) return JUNK;
    const asked = this.#owner.blockRejected(this, span);
    if (asked === 'late') return FINE;
    if (asked === 'unasked') return this.fast.unaskedRejected();
    this.#owner.limiter.spend(-asked.length);
    if (!this.#choked && this.#backlog.refused()) {
      this.#goOn();
      return FINE;
    }
    const judgement = this.fast.rejected(asked.piece, this.#choked, this.inFlight, this.#owner.now());
    if (this.fast.isResting) this.#backlog.stalled();
    if (judgement.kind !== 'refuse') this.#goOn();
    return judgement;
  }

  /** The peer has one more piece; `news` says whether we lack it. */
  gotHave(piece: PieceIndex, news: boolean): void {
    this.#has.set(piece);
    this.fast?.changed();
    if (!news) return;
    if (this.#interested) this.requestMore();
    else this.reviewInterest();
  }

  gotPiece(piece: number, begin: number, block: Buffer): Judgement {
    const verdict = this.#owner.blockCameIn(this, piece, begin, block);
    const now = this.#owner.now();
    if (verdict === 'wanted') {
      this.#lastBlockAt = now;
      this.#total += block.length;
      this.#measure.add(block.length, now);
      this.#backlog.blockCameIn(now, block.length, this.#owner.isOvertaken(this));
      if (this.fast !== null) this.fast.blockCameIn();
      else this.#giveBackDropped();
      this.#goOn();
      return FINE;
    }
    this.#wasted += block.length;
    if (verdict === 'unasked') return JUNK;
    this.#lastBlockAt = now;
    this.#goOn();
    return FINE;
  }

  /** Somebody else has sent a block that we had asked this peer for too. */
  blockCameFromElsewhere(span: BlockSpan): void {
    this.connection.send([encodeMessage({ type: 'cancel', ...span })]);
    this.#goOn();
  }

  rateAllows(): void {
    this.requestMore();
  }

  /** Asks for as much as the backlog has room for, in one send. */
  requestMore(): void {
    if (!this.#interested || this.askable === null) return;
    const inFlight = this.inFlight;
    const goal = this.#owner.isEndgame()
      ? Math.min(this.#backlog.size, this.#owner.options.endgameBacklog)
      : this.#backlog.size;
    const room = goal - inFlight;
    if (room < Math.max(1, Math.min(MAX_ROUND, Math.floor(goal / ROUND_SHARE)))) {
      if (inFlight === 0) this.#owner.gotNothing(this);
      return;
    }
    const spans = this.#takeSpans(room);
    if (spans.length === 0) {
      if (inFlight === 0) this.reviewInterest();
      return;
    }
    if (inFlight === 0) {
      this.#owesSince = this.#owner.now();
      this.#backlog.askedWhileIdle(this.#owesSince);
    }
    this.connection.send([encodeRequests(spans)]);
  }

  /** The peer says how many requests it queues. */
  gotRequestQueue(limit: number): void {
    this.#backlog.setLimit(limit);
  }

  /** Says that we are interested, or not any more, if that has changed. */
  reviewInterest(): void {
    const interested = this.inFlight > 0 || this.#owner.isInteresting(this.#has);
    if (interested === this.#interested) return;
    this.#interested = interested;
    this.connection.send([encodeMessage({ type: interested ? 'interested' : 'notInterested' })]);
    if (interested) this.requestMore();
  }

  /** Gives requests back that nobody answers. What is left is one request at a time, after everybody else's. */
  reviewProgress(): void {
    if (this.fast?.review(this.#owner.now())) this.requestMore();
    if (this.inFlight === 0 || this.#silence() <= this.#patience()) return;
    this.#backlog.stalled();
    // It waits behind the others for what it gives back.
    this.#owner.gotNothing(this);
    this.#withdrawAll();
  }

  connectionLost(): void {
    this.#choked = true;
    this.#interested = false;
    this.#withdrawAll();
  }

  /** Something that was asked for has come, or will not. */
  #goOn(): void {
    this.requestMore();
    // Whoever has nothing to give holds nothing.
    if (this.#choked && this.inFlight === 0) this.#withdrawAll();
  }

  /** A peer that does not speak the fast extension drops requests without a word. */
  #giveBackDropped(): void {
    const dropped = this.#owner.giveBackDropped(this);
    const [oldest] = dropped;
    if (oldest === undefined) return;
    this.#backlog.dropped(oldest.ahead);
    for (const { span } of dropped) this.#owner.limiter.spend(-span.length);
    // It may be asked for them again. Should it have them yet, each would come twice.
    this.connection.send(dropped.map(({ span }) => encodeMessage({ type: 'cancel', ...span })));
  }

  /** How long it may owe us blocks. What it has passed over for others will hardly come. */
  #patience(): Millis {
    const { stallTime, dropTime } = this.#owner.options;
    return this.fast === null && this.#owner.skipsOldest(this) ? dropTime : stallTime;
  }

  #silence(): Millis {
    return this.#owner.now() - Math.max(this.#lastBlockAt, this.#owesSince);
  }

  #takeSpans(room: number): BlockSpan[] {
    const spans: BlockSpan[] = [];
    let allowance = this.#owner.limiter.allowance();
    for (let left = room; left > 0; left -= 1) {
      if (allowance <= 0) {
        this.#owner.limiter.wait(this);
        break;
      }
      const span = this.#owner.take(this);
      if (span === undefined) {
        this.#owner.gotNothing(this);
        break;
      }
      allowance -= span.length;
      this.#owner.limiter.spend(span.length);
      spans.push(span);
    }
    return spans;
  }

  #withdrawAll(): void {
    this.#owner.limiter.leave(this);
    // They will not come, so they have cost nothing.
    this.#owner.limiter.spend(-this.inFlight * BLOCK_LENGTH);
    this.#owner.giveBackAll(this);
  }
}

/** How blocks are asked for. */
export interface RequestOptions {
  /** A peer that owes us blocks and has sent none for this long is snubbed. */
  readonly snubTime: Millis;
  /** Its requests are given back after this long, so that others fetch them. */
  readonly stallTime: Millis;
  /** So soon when the peer has answered requests that were made later, and does not say which it drops (BEP 6). */
  readonly dropTime: Millis;
  /** Requests in flight to one peer in endgame, when most of them are asked of others as well. */
  readonly endgameBacklog: number;
  /** How often interest and stalled requests are looked after. */
  readonly sweepInterval: Millis;
  /** Bytes asked for of all peers together that suffice to keep them busy; the memory for pieces bounds it. */
  readonly maxOutstanding: number;
  /**
   * Each peer is asked for what it sends in this time, if it is not far away. More is a risk, not a gain: what waits
   * with one peer may meanwhile come to others, who then have less to give us and we less to give them.
   */
  readonly queueTime: Millis;
  /** And never for less than this, however fast all peers are together. */
  readonly minQueueTime: Millis;
  readonly backlog: BacklogOptions;
  /** How rates are measured. */
  readonly measure: MeasureOptions;
}

export const DEFAULT_REQUEST_OPTIONS: RequestOptions = {
  snubTime: 30_000,
  stallTime: 60_000,
  dropTime: 10_000,
  endgameBacklog: 16,
  sweepInterval: 5_000,
  maxOutstanding: 16 * 1024 * 1024,
  queueTime: 500,
  minQueueTime: 100,
  backlog: DEFAULT_BACKLOG_OPTIONS,
  measure: DEFAULT_MEASURE_OPTIONS,
};
