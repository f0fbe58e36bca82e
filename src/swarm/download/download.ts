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
import type { BlockAsker } from './block-asker.js';
import type { FastDownload } from './fast-download.js';

/** How blocks are asked for. */
export interface RequestOptions {
  /**
   * A peer that owes us blocks and has sent none for this long counts as snubbed: the Choker gives it no slot in
   * return.
   */
  readonly snubTime: Millis;
  /** After this long the requests of such a peer are given back, so that others fetch them. */
  readonly stallTime: Millis;
  /**
   * The same, for a peer without the fast extension (BEP 6) that has answered later requests: it does not say which
   * requests it drops.
   */
  readonly dropTime: Millis;
  /** A peer for whose blocks a reader had to wait, until another peer sent them, is asked for nothing for this long. */
  readonly lagRest: Millis;
  /** How many requests are in flight to one peer in endgame, when we ask other peers for most of these blocks too. */
  readonly endgameBacklog: number;
  /** How often we review whether we are interested and which requests have stalled. */
  readonly sweepInterval: Millis;
  /**
   * The requests of all peers together should ask for no more bytes than this. It is enough to keep the peers busy, and
   * keeps the memory for pieces bounded.
   */
  readonly maxOutstanding: number;
  /**
   * Each peer is asked for as much as it sends in this time, if its response time is short. More would be a risk and no
   * gain. Blocks that wait in the queue of one peer may meanwhile come to other peers. These then have less that we
   * want, and want less of what we have.
   */
  readonly queueTime: Millis;
  /** A peer is never asked for less than it sends in this time, however fast all peers are together. */
  readonly minQueueTime: Millis;
  readonly backlog: BacklogOptions;
  /** How rates are measured. */
  readonly measure: MeasureOptions;
}

export const DEFAULT_REQUEST_OPTIONS: RequestOptions = {
  snubTime: 30_000,
  stallTime: 60_000,
  dropTime: 10_000,
  lagRest: 30_000,
  endgameBacklog: 16,
  sweepInterval: 5_000,
  maxOutstanding: 16 * 1024 * 1024,
  queueTime: 500,
  minQueueTime: 100,
  backlog: DEFAULT_BACKLOG_OPTIONS,
  measure: DEFAULT_MEASURE_OPTIONS,
};

/**
 * For a torrent that is read while it is fetched. What waits at a peer comes before what a reader needs after a seek.
 * So less is asked for in advance. The first piece is asked for at once, instead of over several round trips.
 */
export const READING_REQUEST_OPTIONS: RequestOptions = {
  ...DEFAULT_REQUEST_OPTIONS,
  queueTime: 200,
  backlog: { ...DEFAULT_BACKLOG_OPTIONS, initial: 32 },
};

/** What a Download needs of its owner, the Downloader, which all downloads of a torrent share. */
export interface DownloadOwner {
  readonly options: RequestOptions;
  readonly limiter: RateLimiter;
  now(): Millis;
  isEndgame(): boolean;
  /** We want some piece of `has`. */
  isInteresting(has: Bitfield): boolean;
  /** The next block to ask this peer for; undefined when there is none. The block counts as asked for from then on. */
  take(download: Download): BlockSpan | undefined;
  howManyAsked(download: Download): number;
  /**
   * The blocks that we asked this peer for will not come; other peers may be asked for them. Called even when nothing
   * was asked, because the peer may hold pieces.
   */
  giveBackAll(download: Download): readonly BlockSpan[];
  /** The peer says that it will not send a block. The numbers come from the peer and are not checked. */
  blockRejected(download: Download, span: Span): BlockSpan | 'late' | 'unasked';
  /** Gives back the requests that this peer has dropped without a word, and returns them, the oldest first. */
  giveBackDropped(download: Download): readonly OpenRequest[];
  /** Gives back what this peer was asked of pieces without a deadline, where pieces need one, and returns that. */
  giveBackUndue(download: Download): readonly BlockSpan[];
  /** The peer has answered many requests that we made after the oldest open one. */
  isOvertaken(download: Download): boolean;
  /** The peer has answered a request that we made after the oldest open one. */
  skipsOldest(download: Download): boolean;
  /** There was nothing to take. The owner wakes the download when that may have changed. */
  gotNothing(download: Download): void;
  /** A block came; the numbers come from the peer. The owner stores it if it is of use. */
  blockCameIn(download: Download, piece: number, begin: number, block: Buffer): 'wanted' | 'duplicate' | 'unasked';
  /** How much of its own sending time a peer may be asked for in advance. */
  queueTime(): Millis;
}

// Requests are gathered until an eighth of the backlog is free (32 requests at the most), so that not every block costs
// a write.
const ROUND_SHARE = 8;
const MAX_ROUND = 32;

/**
 * Fetches from one peer: tells it whether we are interested, and keeps as many requests in flight as its backlog holds.
 * While the peer chokes us, we ask only for the pieces that it allows by the fast extension. When the peer chokes us,
 * all requests are given back, unless it speaks the fast extension: then it must answer or refuse each request.
 */
export class Download implements RateWaiter, BlockAsker {
  readonly connection: PeerConnection;
  /** Null when the peer does not speak the fast extension. */
  readonly fast: FastDownload | null;
  readonly #owner: DownloadOwner;
  readonly #measure: Measure;
  readonly #backlog: Backlog;
  #has: Bitfield;
  #choked = true;
  #interested = false;
  // A peer that never sent a block counts as snubbed. Otherwise each new peer would take a slot from a peer that sends
  // blocks.
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

  get sender(): PeerConnection {
    return this.connection;
  }

  /** The pieces that the peer says it has. */
  get has(): Bitfield {
    return this.#has;
  }

  /** The pieces that we may ask the peer for now; null for none. */
  get askable(): Bitfield | null {
    if (this.fast !== null) return this.fast.askable(this.#has, this.#choked);
    return this.#choked ? null : this.#has;
  }

  /** When the last block came that we had asked for; -∞ when none has come. */
  get lastBlockAt(): Millis {
    return this.#lastBlockAt;
  }

  /** The peer chokes us. */
  get choked(): boolean {
    return this.#choked;
  }

  /** We have told the peer that we are interested. */
  get interested(): boolean {
    return this.#interested;
  }

  /** Bytes of useful blocks a second. */
  get rate(): number {
    return this.#measure.rate(this.#owner.now());
  }

  /** Bytes of useful blocks that came. */
  get total(): number {
    return this.#total;
  }

  /** Bytes of blocks that we had not asked for, or that another peer had sent before. */
  get wasted(): number {
    return this.#wasted;
  }

  /** Requests that the peer has not answered. */
  get inFlight(): number {
    return this.#owner.howManyAsked(this);
  }

  /** Whether the limit alone keeps us from asking the peer, which owes us nothing. */
  get isLimited(): boolean {
    return this.#owner.limiter.holds(this) && this.#interested && this.askable !== null && this.inFlight === 0;
  }

  /** How many requests are kept in flight at present. */
  get backlog(): number {
    return this.#backlog.size;
  }

  /**
   * The peer has never sent a block, or sends none although it owes us some. A peer that we ask for nothing owes us
   * nothing.
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

  /** The peer lost a piece that it had. Our requests for that piece were given back already. */
  gotDontHave(piece: PieceIndex): void {
    this.#has.clear(piece);
    this.fast?.changed();
    this.reviewInterest();
  }

  /** The peer says that it will not answer a request (BEP 6). */
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

  /** The peer sends a block. The numbers come from the peer and are not checked. */
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

  /** Another peer has sent a block that we had asked this peer for too. */
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

  /** Tells the peer that we are interested, or no longer are, if that has changed. */
  reviewInterest(): void {
    const interested = this.inFlight > 0 || this.#owner.isInteresting(this.#has);
    if (interested === this.#interested) return;
    this.#interested = interested;
    this.connection.send([encodeMessage({ type: interested ? 'interested' : 'notInterested' })]);
    if (interested) this.requestMore();
  }

  /**
   * When the peer has not answered for too long, gives its requests back. From then on we ask it for one block at a
   * time, after the other peers.
   */
  reviewProgress(): void {
    if (this.fast?.review(this.#owner.now())) this.requestMore();
    if (this.inFlight === 0 || this.#silence() <= this.#patience()) return;
    this.#backlog.stalled();
    // First the download joins the others that wait, at the end: so others are woken first for what it gives back.
    this.#owner.gotNothing(this);
    this.#withdrawAll();
  }

  /** Pieces have lost their deadlines: what was asked of them must not come before what is needed now. */
  reviewDeadlines(): void {
    const undue = this.#owner.giveBackUndue(this);
    if (undue.length === 0) return;
    this.#cancel(undue);
    this.requestMore();
  }

  /** A reader has waited for this peer in vain: others are asked for all that it owes. What comes late is welcome. */
  rest(): void {
    // First the download joins the others that wait, at the end: so others are woken first for what it gives back.
    this.#owner.gotNothing(this);
    this.#cancel(this.#owner.giveBackAll(this));
  }

  #cancel(spans: readonly BlockSpan[]): void {
    if (spans.length === 0) return;
    for (const { length } of spans) this.#owner.limiter.spend(-length);
    this.connection.send(spans.map((span) => encodeMessage({ type: 'cancel', ...span })));
  }

  connectionLost(): void {
    this.#choked = true;
    this.#interested = false;
    this.#withdrawAll();
  }

  /** A block that we asked for has come, or will not come. */
  #goOn(): void {
    this.requestMore();
    // A peer that gives us nothing must not hold pieces.
    if (this.#choked && this.inFlight === 0) this.#withdrawAll();
  }

  /**
   * Gives back the requests that the peer has dropped. Without the fast extension a peer drops requests without a word.
   */
  #giveBackDropped(): void {
    const dropped = this.#owner.giveBackDropped(this);
    const [oldest] = dropped;
    if (oldest === undefined) return;
    this.#backlog.dropped(oldest.ahead);
    for (const { span } of dropped) this.#owner.limiter.spend(-span.length);
    // We may ask the peer for these blocks again. If it still has the requests, each block would come twice.
    this.connection.send(dropped.map(({ span }) => encodeMessage({ type: 'cancel', ...span })));
  }

  /** How long the peer may owe us blocks. A request that it passed over for later ones will hardly be answered. */
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
    // These blocks will not come, so the limiter gets their bytes back.
    this.#owner.limiter.spend(-this.inFlight * BLOCK_LENGTH);
    this.#owner.giveBackAll(this);
  }
}
