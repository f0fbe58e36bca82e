import type { Millis, Task, Timers } from '../../base/clock.js';
import type { BlockSpan } from '../../disk/storage.js';
import { Measure } from '../../measure/measure.js';
import { BLOCK_LENGTH, type PieceIndex, type PieceLayout } from '../../metainfo/piece-layout.js';
import type { OpenRequest } from '../../pieces/asker-requests.js';
import type { PiecePicker } from '../../pieces/piece-picker.js';
import type { Arrival, RequestBook } from '../../pieces/request-book.js';
import type { StorageWrapper } from '../../pieces/storage-wrapper.js';
import type { RunChoice } from '../../pieces/untouched-pieces.js';
import { Bitfield } from '../../wire/bitfield.js';
import type { Span } from '../../wire/message.js';
import type { Evidence } from '../../wire/refusal.js';
import { announces } from '../../wire/reserved.js';
import type { PeerConnection } from '../connections/peer-connection.js';
import type { RateLimiter } from '../rate-limiter.js';
import type { Blame } from './blame.js';
import type { BlockAsker, BlockSender, OtherSources } from './block-asker.js';
import type { BlockJudge } from './block-judge.js';
import { Download, type DownloadOwner, type RequestOptions } from './download.js';
import { DEFAULT_FAST_DOWNLOAD_OPTIONS, FastDownload } from './fast-download.js';
import { ParoleWatch } from './parole-watch.js';

/** What the Downloader is joined with. */
export interface DownloaderParts {
  readonly timers: Timers;
  readonly layout: PieceLayout;
  readonly picker: PiecePicker;
  readonly requests: RequestBook<BlockAsker>;
  readonly store: StorageWrapper;
  readonly blame: Blame<BlockSender>;
  readonly judge: BlockJudge;
  readonly limiter: RateLimiter;
  /** Bans a peer that has sent wrong data beyond doubt. Called in a task of its own, so it may close connections. */
  readonly ban: (connection: PeerConnection, evidence: Evidence) => void;
}

/**
 * What all downloads of a torrent share. It decides which peer is asked for which block, which downloads wait for
 * blocks to ask for, and which peer is to blame.
 *
 * Downloads that found nothing to ask for are woken, in the order of waiting, when blocks are given back, when there is
 * room for pieces again, when a piece is done, and when endgame begins. They are woken in a task of their own, because
 * the call that freed the blocks may still be at work.
 */
export class Downloader implements DownloadOwner {
  readonly options: RequestOptions;
  readonly limiter: RateLimiter;
  readonly #parts: DownloaderParts;
  readonly #measure: Measure;
  readonly #downloads = new Map<PeerConnection, Download>();
  /**
   * The connections that were banned. Each is banned once, however many of its blocks turn out wrong, even after its
   * end.
   */
  readonly #banned = new WeakSet<PeerConnection>();
  /** Until when sources are asked for nothing because a reader had to wait for them. */
  readonly #laggards = new WeakMap<BlockAsker, Millis>();
  readonly #parole = new ParoleWatch<BlockAsker>();
  #idle = new Set<{ requestMore(): void }>();
  /** Sources of blocks besides the peers; null for none. */
  #others: OtherSources | null = null;
  #wakeTask: Task | null = null;
  #sweepTask: Task | null = null;
  #endgame = false;
  /** We do not know yet which pieces we have: see `hold`. */
  #held = false;
  #total = 0;
  #wasted = 0;

  constructor(parts: DownloaderParts, options: RequestOptions) {
    this.options = options;
    this.limiter = parts.limiter;
    this.#parts = parts;
    this.#measure = new Measure(options.measure, parts.timers.now());
  }

  /** From now on these sources fetch blocks too. */
  join(others: OtherSources): void {
    this.#others = others;
  }

  createDownload(connection: PeerConnection): Download {
    const has = new Bitfield(this.#parts.layout.pieceCount);
    const fast = announces(connection.reserved, 'fast') ? new FastDownload(DEFAULT_FAST_DOWNLOAD_OPTIONS) : null;
    const download = new Download(connection, has, fast, this);
    this.#downloads.set(connection, download);
    this.#sweepLater();
    return download;
  }

  /** Bytes of useful blocks a second, from all peers. */
  get rate(): number {
    return this.#measure.rate(this.now());
  }

  /** Bytes of useful blocks that came in this run. When their piece failed later, they count as wasted too. */
  get total(): number {
    return this.#total;
  }

  /** Bytes that were of no use: unasked, duplicate, or of pieces that failed their hash or that the disk lost. */
  get wasted(): number {
    return this.#wasted;
  }

  /** The peer says which pieces it has. Before its first message it counts as having none. */
  gotBitfield(download: Download, has: Bitfield): void {
    this.#parts.picker.peerLeft(download.has);
    this.#parts.picker.peerJoined(has);
    download.gotBitfield(has);
  }

  /** The peer has one more piece. False when we knew that. */
  gotHave(download: Download, piece: PieceIndex): boolean {
    if (download.has.has(piece)) return false;
    this.#parts.picker.gotHave(piece);
    download.gotHave(piece, !this.#parts.store.have.has(piece));
    return true;
  }

  /** The peer has lost a piece (BEP 54). False when it did not have it. */
  gotDontHave(download: Download, piece: PieceIndex): boolean {
    if (!download.has.has(piece)) return false;
    this.#parts.picker.lostByPeer(download.has, piece);
    this.#parts.requests.giveBackPiece(download, piece);
    download.gotDontHave(piece);
    this.#wakeSoon();
    return true;
  }

  /** Whether the peer says that it has the piece. */
  hasPiece(connection: PeerConnection, piece: PieceIndex): boolean {
    return this.#downloads.get(connection)?.has.has(piece) ?? false;
  }

  connectionLost(download: Download): void {
    download.connectionLost();
    this.#idle.delete(download);
    this.#downloads.delete(download.connection);
    this.#parts.picker.peerLeft(download.has);
    if (this.#downloads.size === 0) this.#endSweeps();
  }

  /** `data` as in `PieceEvents`. */
  pieceVerified(piece: PieceIndex, data: Buffer | null): void {
    for (const sender of this.#parts.blame.pieceVerified(piece, data))
      this.#ban(sender, { kind: 'wrong-piece', piece });
    this.#parts.judge.pieceVerified(piece);
    this.#parole.pieceVerified(piece);
    this.#parts.requests.pieceVerified(piece);
    this.#wakeSoon();
  }

  /** `data` as in `PieceEvents`. */
  pieceFailed(piece: PieceIndex, data: Buffer | null): void {
    this.#wasted += this.#parts.layout.askedLengthOf(piece);
    for (const sender of this.#parts.blame.pieceFailed(piece, data)) this.#ban(sender, { kind: 'wrong-piece', piece });
    this.#parts.requests.restartPiece(piece);
    this.#wakeSoon();
  }

  /**
   * The piece failed its hash, and its blocks stay until it is known which of them are wrong. `leaves` as in
   * `PieceEvents`. A peer that sent all of it has lied, whichever block it was.
   */
  pieceSuspect(piece: PieceIndex, leaves: Buffer): void {
    const { blame, judge } = this.#parts;
    const sole = blame.soleSender(piece);
    judge.suspect(piece, leaves);
    if (sole !== undefined && judge.awaits(piece)) this.#ban(sole, { kind: 'wrong-piece', piece });
  }

  /** `wrong`: which blocks of a suspect piece are wrong; null when nobody can tell. */
  pieceJudged(piece: PieceIndex, wrong: readonly number[] | null): void {
    const { blame, layout, store, requests } = this.#parts;
    if (wrong === null) {
      store.failPiece(piece);
      return;
    }
    for (const [block, sender] of blame.blocksWrong(piece, wrong)) {
      this.#wasted += layout.blockLength(piece, block);
      this.#ban(sender, { kind: 'wrong-block', piece, block });
    }
    store.dropBlocks(piece, wrong);
    requests.loseBlocks(piece, wrong);
    this.#wakeSoon();
  }

  /** The disk lost what had come of the piece. The piece starts again, and no peer is to blame. */
  pieceDropped(piece: PieceIndex): void {
    this.#wasted += this.#parts.layout.askedLengthOf(piece);
    this.#parts.judge.drop(piece);
    this.#parts.blame.pieceDropped(piece);
    this.#parts.requests.dropPiece(piece);
    this.#wakeSoon();
  }

  /** The check has found the right piece on the disk. */
  found(piece: PieceIndex): void {
    this.#parts.store.markVerified(piece);
    this.#parts.picker.completePiece(piece);
  }

  /** The disk has lost a piece that we had. The caller must call `wantsChanged` afterwards. */
  lost(piece: PieceIndex): void {
    this.#parts.store.losePiece(piece);
    this.#parts.picker.losePiece(piece);
  }

  /**
   * From now on these pieces have deadlines, the earliest first, and no others; `late` are those that a reader waits
   * for. What was asked of pieces whose deadline is gone is taken back when `isUndue` says that there are such pieces.
   */
  setDeadlines(due: Iterable<PieceIndex>, late: Iterable<PieceIndex>, isUndue: boolean): void {
    this.#parts.picker.setDeadlines(due, late);
    if (isUndue) {
      for (const download of this.#downloads.values()) download.reviewDeadlines();
      this.#others?.endUndue((piece) => this.#parts.picker.isDue(piece));
    }
    this.#wakeSoon();
  }

  /** Forgets what has come of a piece that is not whole and that nobody waits for any more. */
  discard(piece: PieceIndex): void {
    this.#parts.store.discardPiece(piece);
  }

  /** A piece that we had is not needed any more, and was forgotten. It may be asked for again. */
  forget(piece: PieceIndex): void {
    this.#parts.store.forgetPiece(piece);
    this.#parts.picker.losePiece(piece);
    this.wantsChanged();
  }

  /**
   * Says whether we ask peers for the piece. At first all pieces are wanted. The caller must call `wantsChanged`
   * afterwards.
   */
  setWanted(piece: PieceIndex, wanted: boolean): void {
    this.#parts.store.setWanted(piece, wanted);
    this.#parts.picker.setWanted(piece, wanted);
  }

  /** Begins a wanted piece that we lack and that is nothing but padding. It needs no peer. */
  beginPadding(piece: PieceIndex): void {
    this.#parts.requests.startPadding(piece);
  }

  /** These blocks of a piece that we lack are on the disk from an earlier run. */
  resumePiece(piece: PieceIndex, blocks: readonly number[]): void {
    this.#parts.requests.resumePiece(piece, blocks);
  }

  /**
   * A piece with these blocks of an earlier run has failed. They may be the wrong ones, so they are fetched again; only
   * if the piece fails again is a peer to blame.
   */
  blocksStale(piece: PieceIndex, blocks: readonly number[]): void {
    this.#parts.requests.loseBlocks(piece, blocks);
    this.#wakeSoon();
  }

  /** There is memory for pieces again. */
  roomForPieces(): void {
    this.#wakeSoon();
  }

  /**
   * While `held`, we do not know yet which pieces we lack. So we are interested in nothing and ask no peer for
   * anything, but keep what peers say they have. When it ends, the caller must call `wantsChanged`.
   */
  hold(held: boolean): void {
    this.#held = held;
  }

  /** We want other pieces than before, lost some, or have everything. */
  wantsChanged(): void {
    for (const download of this.#downloads.values()) download.reviewInterest();
    this.#wakeSoon();
    this.#sweepLater();
  }

  /** Cancels every task. A new download starts them again, but suspect pieces are not judged any more. */
  stop(): void {
    this.#rest();
    this.#parts.judge.stop();
  }

  now(): Millis {
    return this.#parts.timers.now();
  }

  isEndgame(): boolean {
    return this.#parts.requests.isEndgame;
  }

  isInteresting(has: Bitfield): boolean {
    return !this.#held && this.#parts.requests.isInteresting(has);
  }

  take(download: Download): BlockSpan | undefined {
    const { askable } = download;
    if (askable === null || this.#isResting(download)) return undefined;
    const { requests } = this.#parts;
    const { suggested } = download.fast ?? {};
    const giveWay = (): BlockSpan | undefined =>
      this.#others?.giveWay(askable) === true ? requests.take(download, askable, suggested) : undefined;
    // Before the endgame, a slow source gives a part of its long run to a peer that has nothing to do.
    const early = requests.isEndgame ? giveWay() : undefined;
    const span = early ?? requests.take(download, askable, suggested) ?? this.#takeOver(download, askable);
    const endgame = this.#parts.requests.isEndgame;
    if (endgame && !this.#endgame) this.#wakeSoon();
    this.#endgame = endgame;
    return span;
  }

  howManyAsked(download: BlockAsker): number {
    return this.#parts.requests.howManyAsked(download);
  }

  giveBackAll(download: Download): readonly BlockSpan[] {
    const owed = this.#parts.requests.giveBackAll(download);
    this.#wakeSoon();
    return owed;
  }

  blockRejected(download: Download, { piece, begin, length }: Span): BlockSpan | 'late' | 'unasked' {
    const asked = this.#parts.requests.blockRejected(download, piece, begin, length);
    if (typeof asked === 'object') this.#wakeSoon();
    return asked;
  }

  giveBackDropped(download: Download): readonly OpenRequest[] {
    const dropped = this.#parts.requests.giveBackDropped(download);
    if (dropped.length > 0) this.#wakeSoon();
    return dropped;
  }

  giveBackUndue(download: Download): readonly BlockSpan[] {
    return this.#parts.requests.giveBackUndue(download);
  }

  isOvertaken(download: Download): boolean {
    return this.#parts.requests.isOvertaken(download);
  }

  skipsOldest(download: Download): boolean {
    return this.#parts.requests.skipsOldest(download);
  }

  gotNothing(download: { requestMore(): void }): void {
    this.#idle.add(download);
  }

  blockCameIn(asker: BlockAsker, piece: number, begin: number, block: Buffer): Arrival<BlockAsker>['verdict'] {
    const arrival = this.#parts.requests.blockCameIn(asker, piece, begin, block.length);
    if (arrival.verdict !== 'wanted') {
      this.#wasted += block.length;
      return arrival.verdict;
    }
    this.#total += block.length;
    this.#measure.add(block.length, this.now());
    this.#parts.blame.blockCameIn(asker.sender, arrival.span.piece, begin);
    this.#parts.store.storeBlock(arrival.span.piece, begin, block);
    if (arrival.laggard !== null) this.#lagged(arrival.laggard);
    for (const other of arrival.alsoAskedOf) other.blockCameFromElsewhere(arrival.span);
    return 'wanted';
  }

  /** As `RequestBook.claim`, for a source that is no peer. */
  claim(asker: BlockAsker, has: Bitfield, length: number, choice: RunChoice): readonly BlockSpan[] {
    return this.#held ? [] : this.#parts.requests.claim(asker, has, length, choice);
  }

  /** As `RequestBook.makeRoom`. When it returns false, `roomForPieces` wakes those who wait. */
  makeRoom(piece: PieceIndex): boolean {
    return this.#parts.requests.makeRoom(piece);
  }

  /** What was asked of a source that is no peer will not come. */
  giveUp(asker: BlockAsker): void {
    this.#parts.requests.giveBackAll(asker);
    this.#wakeSoon();
  }

  /** As `giveUp`, for the blocks of one piece. It wakes nobody. */
  giveUpPiece(asker: BlockAsker, piece: PieceIndex): void {
    this.#parts.requests.giveBackPiece(asker, piece);
  }

  /** The peer has sent more bytes of right blocks than one wrong piece costs us. */
  hasEarned({ connection }: Download): boolean {
    return this.#parts.blame.creditOf(connection) * BLOCK_LENGTH > this.#parts.layout.pieceLength;
  }

  queueTime(): Millis {
    const { queueTime, minQueueTime, maxOutstanding } = this.options;
    const affordable = (maxOutstanding * 1000) / Math.max(1, this.rate);
    return Math.min(queueTime, Math.max(minQueueTime, affordable));
  }

  /**
   * A download that finds no other block takes a piece on parole over from a peer that has sent fewer right blocks, or
   * is very slow. Otherwise a liar could hold the piece as long as it liked, with a block now and then.
   */
  #takeOver(download: Download, askable: Bitfield): BlockSpan | undefined {
    const { requests, blame } = this.#parts;
    const credit = blame.creditOf(download.connection);
    const takes = (piece: PieceIndex, holder: BlockAsker, left: number): boolean => {
      const lead = credit - blame.creditOf(holder.sender);
      const isBetter = lead > 0 || (lead === 0 && download.total > holder.total);
      return this.#parole.takes(download, { piece, holder, left }, isBetter, this.now());
    };
    const taken = requests.takeOver(download, askable, takes);
    this.#wasted += (taken?.givenUp ?? 0) * BLOCK_LENGTH;
    return taken?.span;
  }

  /** Readers would wait for what a slow peer is asked for. After its rest it may show whether it is faster now. */
  #isResting(source: BlockAsker): boolean {
    const until = this.#laggards.get(source);
    return until !== undefined && this.now() < until;
  }

  #lagged(source: BlockAsker): void {
    // What it was asked for before its rest is no new fault.
    if (this.#isResting(source)) return;
    this.#laggards.set(source, this.now() + this.options.lagRest);
    // Readers would wait for each of the blocks that it owes, one after the other.
    for (const download of this.#downloads.values()) if (download === source) download.rest();
  }

  #ban(guilty: BlockSender, evidence: Evidence & { readonly piece: PieceIndex }): void {
    if ('sentWrong' in guilty) {
      this.#parts.timers.addTask(() => guilty.sentWrong(evidence.piece), 0);
      return;
    }
    if (this.#banned.has(guilty)) return;
    this.#banned.add(guilty);
    this.#parts.timers.addTask(() => this.#parts.ban(guilty, evidence), 0);
  }

  #rest(): void {
    this.#wakeTask?.cancel();
    this.#wakeTask = null;
    this.#endSweeps();
  }

  #endSweeps(): void {
    this.#sweepTask?.cancel();
    this.#sweepTask = null;
  }

  #wakeSoon(): void {
    if (this.#idle.size === 0) return;
    this.#wakeTask ??= this.#parts.timers.addTask(() => {
      this.#wakeTask = null;
      const woken = this.#idle;
      this.#idle = new Set();
      for (const download of woken) download.requestMore();
    }, 0);
  }

  #sweepLater(): void {
    if (this.#downloads.size === 0 || this.#parts.store.amountLeft === 0) return;
    this.#sweepTask ??= this.#parts.timers.addTask(() => {
      this.#sweepTask = null;
      for (const download of this.#downloads.values()) {
        download.reviewProgress();
        download.reviewInterest();
      }
      if (this.#parole.isWatching) this.#wakeSoon();
      this.#sweepLater();
    }, this.options.sweepInterval);
  }
}
