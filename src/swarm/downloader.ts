import type { Millis, Task, Timers } from '../base/clock.js';
import type { BlockSpan } from '../disk/storage.js';
import type { PieceIndex, PieceLayout } from '../metainfo/piece-layout.js';
import { Bitfield } from '../wire/bitfield.js';
import { DEFAULT_BACKLOG_OPTIONS } from './backlog.js';
import type { Blame } from './blame.js';
import { Download, type DownloadMeasure, type DownloadOptions, type DownloadOwner } from './download.js';
import type { PeerConnection } from './peer-connection.js';
import type { RateLimiter } from './rate-limiter.js';

export const DEFAULT_DOWNLOAD_OPTIONS: DownloadOptions = {
  snubTime: 30_000,
  stallTime: 60_000,
  endgameBacklog: 16,
  sweepInterval: 5_000,
  maxOutstanding: 16 * 1024 * 1024,
  minQueueTime: 500,
  backlog: DEFAULT_BACKLOG_OPTIONS,
};

export type Arrival =
  | { readonly verdict: 'unasked' }
  | { readonly verdict: 'duplicate' }
  | { readonly verdict: 'wanted'; readonly span: BlockSpan; readonly alsoAskedOf: readonly Download[] };

/** Which blocks are free, asked for and of whom (pieces/request-book.ts). */
export interface Requests {
  readonly isEndgame: boolean;
  take(asker: Download, peerHas: Bitfield): BlockSpan | undefined;
  giveBackAll(asker: Download): void;
  howManyAsked(asker: Download): number;
  blockCameIn(asker: Download, piece: number, begin: number, length: number): Arrival;
  restartPiece(piece: PieceIndex): void;
  pieceVerified(piece: PieceIndex): void;
  isInteresting(peerHas: Bitfield): boolean;
}

/** Who has what (pieces/piece-picker.ts). */
export interface Availability {
  peerJoined(has: Bitfield): void;
  peerLeft(has: Bitfield): void;
  gotHave(piece: PieceIndex): void;
}

/** What we have, and where blocks go (pieces/storage-wrapper.ts). */
export interface BlockStore {
  readonly have: Bitfield;
  /** Bytes that we want and do not have. */
  readonly amountLeft: number;
  storeBlock(piece: PieceIndex, begin: number, block: Buffer): void;
}

/** What the Downloader is joined with. */
export interface DownloaderParts {
  readonly timers: Timers;
  readonly layout: PieceLayout;
  readonly requests: Requests;
  readonly availability: Availability;
  readonly store: BlockStore;
  readonly blame: Blame<PeerConnection>;
  readonly limiter: RateLimiter;
  readonly createMeasure: () => DownloadMeasure;
  /** This peer has sent wrong data beyond doubt. Called in a task of its own, where connections may be closed. */
  readonly ban: (connection: PeerConnection) => void;
}

/**
 * What all downloads of a torrent share: who is asked for what, who waits for something to ask for, and who is to blame.
 *
 * Downloads that found nothing to ask for are woken, in the order in which they came to wait, when blocks were given
 * back, when there is room for pieces again, when a piece is done, and when endgame begins. Waking happens in a task of
 * its own: whatever freed the blocks may be in the middle of something.
 */
export class Downloader implements DownloadOwner {
  readonly options: DownloadOptions;
  readonly limiter: RateLimiter;
  readonly #parts: DownloaderParts;
  readonly #measure: DownloadMeasure;
  readonly #downloads = new Map<PeerConnection, Download>();
  #idle = new Set<Download>();
  #wakeTask: Task | null = null;
  #sweepTask: Task | null = null;
  #endgame = false;
  #total = 0;
  #wasted = 0;

  constructor(parts: DownloaderParts, options: DownloadOptions) {
    this.options = options;
    this.limiter = parts.limiter;
    this.#parts = parts;
    this.#measure = parts.createMeasure();
  }

  createDownload(connection: PeerConnection): Download {
    const has = new Bitfield(this.#parts.layout.pieceCount);
    const download = new Download(connection, has, this, this.#parts.createMeasure());
    this.#downloads.set(connection, download);
    this.#parts.availability.peerJoined(has);
    this.#sweepLater();
    return download;
  }

  /** Bytes of useful blocks a second, from all peers. */
  get rate(): number {
    return this.#measure.rate(this.now());
  }

  /** Bytes of useful blocks that came in this run; those of pieces that failed later are wasted as well. */
  get total(): number {
    return this.#total;
  }

  /** Bytes that were of no use: unasked, duplicate, or of pieces that failed. */
  get wasted(): number {
    return this.#wasted;
  }

  gotBitfield(download: Download, has: Bitfield): void {
    this.#parts.availability.peerLeft(download.has);
    this.#parts.availability.peerJoined(has);
    download.gotBitfield(has);
  }

  /** True when that is news. */
  gotHave(download: Download, piece: PieceIndex): boolean {
    if (download.has.has(piece)) return false;
    this.#parts.availability.gotHave(piece);
    download.gotHave(piece, !this.#parts.store.have.has(piece));
    return true;
  }

  connectionLost(download: Download): void {
    download.connectionLost();
    this.#idle.delete(download);
    this.#downloads.delete(download.connection);
    this.#parts.availability.peerLeft(download.has);
    if (this.#downloads.size === 0) this.stop();
  }

  /** `data` as in `PieceEvents`. */
  pieceVerified(piece: PieceIndex, data: Buffer | null): void {
    this.#ban(this.#parts.blame.pieceVerified(piece, data));
    this.#parts.requests.pieceVerified(piece);
    this.#wakeSoon();
  }

  /** `data` as in `PieceEvents`. */
  pieceFailed(piece: PieceIndex, data: Buffer | null): void {
    this.#wasted += this.#parts.layout.lengthOf(piece);
    this.#ban(this.#parts.blame.pieceFailed(piece, data));
    this.#parts.requests.restartPiece(piece);
    this.#wakeSoon();
  }

  /** There is memory for pieces again. */
  roomForPieces(): void {
    this.#wakeSoon();
  }

  /** We want other pieces than before, lost some, or have everything. */
  wantsChanged(): void {
    for (const download of this.#downloads.values()) download.reviewInterest();
    this.#wakeSoon();
    this.#sweepLater();
  }

  /** Withdraws every task; a new download starts them again. */
  stop(): void {
    this.#wakeTask?.cancel();
    this.#wakeTask = null;
    this.#sweepTask?.cancel();
    this.#sweepTask = null;
  }

  now(): Millis {
    return this.#parts.timers.now();
  }

  isEndgame(): boolean {
    return this.#parts.requests.isEndgame;
  }

  isInteresting(has: Bitfield): boolean {
    return this.#parts.requests.isInteresting(has);
  }

  take(download: Download): BlockSpan | undefined {
    const span = this.#parts.requests.take(download, download.has);
    const endgame = this.#parts.requests.isEndgame;
    if (endgame && !this.#endgame) this.#wakeSoon();
    this.#endgame = endgame;
    return span;
  }

  howManyAsked(download: Download): number {
    return this.#parts.requests.howManyAsked(download);
  }

  giveBackAll(download: Download): void {
    this.#parts.requests.giveBackAll(download);
    this.#wakeSoon();
  }

  gotNothing(download: Download): void {
    this.#idle.add(download);
  }

  blockCameIn(download: Download, piece: number, begin: number, block: Buffer): Arrival['verdict'] {
    const arrival = this.#parts.requests.blockCameIn(download, piece, begin, block.length);
    if (arrival.verdict !== 'wanted') {
      this.#wasted += block.length;
      return arrival.verdict;
    }
    this.#total += block.length;
    this.#measure.update(this.now(), block.length);
    this.#parts.blame.blockCameIn(download.connection, arrival.span.piece, begin);
    this.#parts.store.storeBlock(arrival.span.piece, begin, block);
    for (const other of arrival.alsoAskedOf) other.blockCameFromElsewhere(arrival.span);
    return 'wanted';
  }

  queueTime(): Millis {
    const { minQueueTime, maxOutstanding, backlog } = this.options;
    const time = (maxOutstanding * 1000) / Math.max(1, this.rate);
    return Math.min(backlog.maxQueueTime, Math.max(minQueueTime, time));
  }

  #ban(guilty: readonly PeerConnection[]): void {
    for (const connection of guilty) this.#parts.timers.addTask(() => this.#parts.ban(connection), 0);
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
      this.#sweepLater();
    }, this.options.sweepInterval);
  }
}
