import type { Millis } from '../../base/clock.js';
import type { BlockRead, BlockSpan, DoneOutcome } from '../../disk/storage.js';
import { DEFAULT_MEASURE_OPTIONS, Measure, type MeasureOptions } from '../../measure/measure.js';
import { BLOCK_LENGTH, type PieceIndex } from '../../metainfo/piece-layout.js';
import { encodeMessage } from '../../wire/message.js';
import { announces } from '../../wire/reserved.js';
import type { PeerConnection } from '../connections/peer-connection.js';
import { FINE, IDLE, JUNK, type Judgement, refuse } from '../judgement.js';
import { DROPPED_PRICE, repeatPrice } from '../price.js';
import type { RateLimiter, RateWaiter } from '../rate-limiter.js';
import { FastUpload } from './fast-upload.js';
import { Outbox } from './outbox.js';
import type { SendMemory } from './send-memory.js';
import { RecentBlocks, UploadQueue } from './upload-queue.js';
import { FailedReads, UploadBatch, UploadReads } from './upload-reads.js';

/** How an Upload answers the requests of its peer. */
export interface UploadOptions {
  /**
   * The longest block that a peer may ask for, in bytes. BEP 3: "All current implementations use 2^14 (16 kiB), and
   * close connections which request an amount greater than that." But clients before 2005 asked for more than 16 KiB.
   */
  readonly maxRequestLength: number;
  /**
   * How many requests of one peer may wait for us. More are dropped, and the peer is made to ask for them again.
   * Clients that read no `reqq` ask for 512 and more at once, and libtorrent takes 2,000. A request that waits costs
   * only a few dozen bytes of memory; the blocks that are read have their own bound (SendMemory).
   */
  readonly maxQueued: number;
  /** The least bytes that one read and one send hold, and that may wait in the socket before the next read. */
  readonly minBatch: number;
  /** The most bytes that one read and one send hold, and that may wait in the socket before the next read. */
  readonly maxBatch: number;
  /**
   * Between `minBatch` and `maxBatch`, a batch holds what the peer takes in this time. It is short, so that a choke or
   * a cancel still has an effect.
   */
  readonly batchTime: Millis;
  /**
   * Under an upload limit, a request for a piece that we have given to another peer lets other requests go first for
   * this long.
   */
  readonly patience: Millis;
  /** Bytes a second. A peer that takes less in its turn, though it could have more, makes little use of the turn. */
  readonly leastUse: number;
  /**
   * The most that one peer needs over one connection: this many copies of the torrent, because its disk may fail, and
   * `maxSpare` more. A request beyond that costs as much as a repeated one.
   */
  readonly maxCopies: number;
  /** Bytes that a peer may need besides. See `maxCopies`. */
  readonly maxSpare: number;
  /** How rates are measured. */
  readonly measure: MeasureOptions;
}

export const DEFAULT_UPLOAD_OPTIONS: UploadOptions = {
  maxRequestLength: 128 * 1024,
  maxQueued: 2_000,
  minBatch: 64 * 1024,
  maxBatch: 512 * 1024,
  batchTime: 500,
  // It is far below the twenty seconds or more after which clients give up on a request.
  patience: 5_000,
  leastUse: 4 * 1024,
  maxCopies: 3,
  maxSpare: 64 * 1024 * 1024,
  measure: DEFAULT_MEASURE_OPTIONS,
};

/** What an Upload needs of its owner, the Uploader, which all uploads of a torrent share. */
export interface UploadOwner {
  readonly options: UploadOptions;
  readonly limiter: RateLimiter;
  readonly memory: SendMemory;
  /** The most bytes of blocks that one peer needs; a peer that has had more asks again and again. */
  readonly mostNeeded: number;
  now(): Millis;
  /** Runs `task` in a task of the torrent, later. */
  later(task: () => void): void;
  /**
   * The index of the piece, if these bytes lie within the piece; undefined otherwise. The numbers come from the peer.
   */
  pieceOf(piece: number, begin: number, length: number): PieceIndex | undefined;
  have(piece: PieceIndex): boolean;
  /** Whether `upload` may ask for a piece that we have. Not when we have hidden the piece from its peer. */
  mayAsk(upload: object, piece: PieceIndex): boolean;
  /** Whether no other peer than `to` has got this piece from us, or is getting it. */
  isFirst(piece: PieceIndex, to: object): boolean;
  /** `length` bytes of the piece go to `to`. */
  goes(piece: PieceIndex, to: object, length: number): void;
  /** `to` gets no more for now. */
  leave(to: object): void;
  /** The number of a byte in the torrent. */
  position(piece: PieceIndex, begin: number): number;
  readBlocks(reads: readonly BlockRead[], answered: (outcome: DoneOutcome) => void): void;
  /** `length` bytes of blocks have gone to a peer. */
  uploaded(length: number): void;
  /**
   * The disk did not give a block of a piece that we have. When this returns, `have` tells which pieces the disk may
   * still give.
   */
  readFailed(outcome: Extract<DoneOutcome, { ok: false }>): void;
}

/**
 * Serves one peer. Requests wait in a queue. A batch of them is read in one read and leaves in one send; what is read
 * and what waits in the socket stay below a bound. When we choke the peer, or it is no longer interested, the queue is
 * emptied, and blocks that are being read are not sent. The queue is bounded too: a request that does not fit is
 * rejected (BEP 6), or the peer is made to ask for it again.
 */
export class Upload implements RateWaiter {
  readonly #connection: PeerConnection;
  readonly #owner: UploadOwner;
  readonly #measure: Measure;
  readonly #outbox: Outbox;
  readonly #queue: UploadQueue;
  readonly #reads: UploadReads;
  readonly #fast: FastUpload | null;
  readonly #failedReads: FailedReads;
  readonly #recent = new RecentBlocks();
  /** Requests did not fit in the queue or could not be read, and the peer does not know yet. */
  #dropped = false;
  /** A task is waiting that calls `#serve`. */
  #servesSoon = false;
  #choked = true;
  #interested = false;
  #total = 0;
  #lastSentAt: Millis = Number.NEGATIVE_INFINITY;
  #unchokedAt: Millis = Number.NEGATIVE_INFINITY;
  /**
   * When the peer was first both unchoked and interested after our last choke, and how many bytes of blocks it had had
   * by then; null when it has not been both since.
   */
  #turn: { readonly since: Millis; readonly totalBefore: number } | null = null;
  #wastedTurn = false;

  constructor(connection: PeerConnection, owner: UploadOwner) {
    this.#connection = connection;
    this.#owner = owner;
    this.#measure = new Measure(owner.options.measure, owner.now());
    this.#queue = new UploadQueue({
      now: () => owner.now(),
      patience: owner.options.patience,
      isShort: () => owner.limiter.rate !== null,
      isFirst: (piece) => owner.isFirst(piece, this),
    });
    this.#fast = announces(connection.reserved, 'fast')
      ? new FastUpload(connection, (task) => owner.later(task))
      : null;
    this.#failedReads = new FailedReads(connection, (piece) => owner.have(piece));
    this.#reads = new UploadReads(owner, ({ outcome, batch, chunks, length, lost }) => {
      this.#send(batch, chunks, length);
      this.#fast?.reject(lost);
      if (!outcome.ok) owner.readFailed(outcome);
      if (this.#failedReads.ended(outcome.ok, lost) && this.#fast === null) this.#dropped = true;
      this.#serve();
    });
    this.#outbox = new Outbox(owner.memory, {
      now: () => owner.now(),
      unsentLength: () => connection.unsentLength,
      memoryCame: () => this.#serveSoon(),
      memoryWanted: () => owner.later(() => connection.refuse({ code: 'takes-nothing' })),
    });
  }

  /** When the last block was sent; -∞ when none was. */
  get lastSentAt(): Millis {
    return this.#lastSentAt;
  }

  /** Since when the peer has been unchoked, if it is interested; -∞ when it is choked or not interested. */
  get turnBeganAt(): Millis {
    return this.#choked || !this.#interested ? Number.NEGATIVE_INFINITY : this.#unchokedAt;
  }

  /**
   * The peer has taken next to nothing in its turn, although it could have more: it asks for nothing, or leaves what we
   * sent in the socket.
   */
  get usesLittle(): boolean {
    if (this.#turn === null || (this.queuedCount > 0 && this.#connection.unsentLength === 0)) return false;
    const used = this.#total - this.#turn.totalBefore;
    return used * 1000 < this.#owner.options.leastUse * (this.#owner.now() - this.#turn.since);
  }

  /** The peer is interested and choked, and has made use of its last turn. */
  get awaitsTurn(): boolean {
    return this.#choked && this.#interested && !this.#wastedTurn;
  }

  /** We choke the peer. */
  get choked(): boolean {
    return this.#choked;
  }

  /** The peer is interested in what we have. */
  get interested(): boolean {
    return this.#interested;
  }

  /** Bytes of blocks a second. */
  get rate(): number {
    return this.#measure.rate(this.#owner.now());
  }

  /** Bytes of blocks that were sent. */
  get total(): number {
    return this.#total;
  }

  /** How many requests wait for us or are being read. */
  get queuedCount(): number {
    return this.#queue.size + this.#reads.wantedCount;
  }

  choke(): void {
    if (this.#choked) return;
    this.#choked = true;
    this.#wastedTurn = this.#interested && this.usesLittle;
    this.#turn = null;
    // BEP 6: "A peer SHOULD choke first and then reject requests so that the peer receiving the choke does not
    // re-request the pieces."
    this.#connection.send([encodeMessage({ type: 'choke' })]);
    this.#dropRequests((request) => this.#fast?.spend(request) !== true);
  }

  unchoke(): void {
    if (!this.#choked) return;
    this.#choked = false;
    this.#unchokedAt = this.#owner.now();
    if (this.#interested) this.#beginTurn();
    this.#connection.send([encodeMessage({ type: 'unchoke' })]);
  }

  /** The peer is interested. False when we knew that. */
  gotInterested(): boolean {
    if (this.#interested) return false;
    this.#interested = true;
    if (!this.#choked) this.#beginTurn();
    return true;
  }

  /** The peer is not interested any longer. False when we knew that. */
  gotNotInterested(): boolean {
    if (!this.#interested) return false;
    this.#interested = false;
    this.#dropRequests(() => true);
    return true;
  }

  /** The peer may have some pieces in spite of a choke. */
  get isAllowedSome(): boolean {
    return this.#fast?.isAllowedSome === true;
  }

  /** If the peer speaks the fast extension, it may have these pieces, of `length` bytes in all, in spite of a choke. */
  allowFast(pieces: readonly PieceIndex[], length: number): void {
    this.#fast?.allow(pieces, length);
  }

  /** The peer asks for a block. The numbers come from the peer and are not checked. */
  gotRequest(piece: number, begin: number, length: number): Judgement {
    if (length > this.#owner.options.maxRequestLength) return refuse({ code: 'request-too-long', length });
    const index = this.#owner.pieceOf(piece, begin, length);
    if (index === undefined) return refuse({ code: 'block-out-of-range', piece, begin, length });
    const request = { piece: index, begin, length };
    // Requests that were on the way when our choke left are no fault. The count of junk forgives as many.
    if (!this.#mayHave(request)) return this.#reject(request);
    if (this.#queue.size >= this.#owner.options.maxQueued) {
      // A peer that hears of each dropped request has no reason to go on, so for this peer it is junk.
      if (this.#fast !== null) return this.#reject(request);
      this.#dropped = true;
      this.#connection.charge(DROPPED_PRICE, true);
      return FINE;
    }
    const position = this.#owner.position(index, begin);
    const isNew = this.#queue.add(position, request);
    if (!isNew || this.#hasHadEnough || this.#recent.has(position)) this.#connection.charge(repeatPrice(length), true);
    this.#serveSoon();
    return FINE;
  }

  /** Withdraws a request. Harmless when there is none: it may have been answered already. */
  gotCancel(piece: number, begin: number, length: number): Judgement {
    const index = this.#owner.pieceOf(piece, begin, length);
    if (index === undefined) return JUNK;
    const position = this.#owner.position(index, begin);
    const wasQueued = this.#queue.withdraw(position, length);
    const wasInRead = this.#reads.withdraw(position, length);
    // With an empty queue the outbox needs no memory, and other peers may wait for it.
    if (this.#queue.size === 0) this.#outbox.withdraw();
    // BEP 6: "Even when a request is cancelled, the peer receiving the cancel should respond".
    if (wasQueued || wasInRead) this.#fast?.reject([{ piece: index, begin, length }]);
    // A read for nothing costs us work of the disk, so it is junk: a few are forgiven.
    return wasInRead ? JUNK : IDLE;
  }

  connectionFlushed(): void {
    this.#serve();
  }

  rateAllows(): void {
    this.#serve();
  }

  connectionLost(): void {
    this.#choked = true;
    this.#dropRequests(() => true);
    this.#outbox.end();
  }

  #beginTurn(): void {
    this.#turn ??= { since: this.#owner.now(), totalBefore: this.#total };
  }

  get #hasHadEnough(): boolean {
    return this.#total > this.#owner.mostNeeded;
  }

  #mayHave(request: BlockSpan): boolean {
    if (!this.#interested || !this.#owner.have(request.piece)) return false;
    if (!this.#owner.mayAsk(this, request.piece)) return false;
    return !this.#choked || this.#fast?.spend(request) === true;
  }

  #reject(request: BlockSpan): Judgement {
    this.#fast?.reject([request]);
    return JUNK;
  }

  #dropRequests(goes: (request: BlockSpan) => boolean): void {
    const dropped = [...this.#reads.takeOut(goes), ...this.#queue.takeOut(goes)];
    this.#fast?.reject(dropped);
    this.#dropped = false;
    if (this.queuedCount > 0) return;
    this.#owner.limiter.leave(this);
    this.#owner.leave(this);
    this.#outbox.withdraw();
  }

  /**
   * Makes the peer ask again for what was dropped. A client that knows no limit asks for all that it can take in ten
   * seconds (Transmission), and would wait minutes for the requests that did not fit. A choke voids every request that
   * is not answered, and after the unchoke the peer asks again.
   */
  #tellOfDropped(): void {
    this.#dropped = false;
    this.#connection.send([encodeMessage({ type: 'choke' }), encodeMessage({ type: 'unchoke' })]);
  }

  /** Many requests come at a time. Those of one event are answered together. */
  #serveSoon(): void {
    if (this.#servesSoon) return;
    this.#servesSoon = true;
    this.#owner.later(() => {
      this.#servesSoon = false;
      this.#serve();
    });
  }

  #serve(): void {
    this.#outbox.recover();
    while (this.#queue.size > 0) {
      const batch = this.#failedReads.readsAlone ? 1 : this.#batchLength();
      if (!this.#reads.mayBegin(batch, this.#connection.unsentLength, this.#queue.size * BLOCK_LENGTH)) return;
      const allowance = Math.min(batch, this.#owner.limiter.allowance());
      if (allowance === 0) {
        this.#owner.limiter.wait(this, this.#queue.patientUntil());
        return;
      }
      const memory = this.#outbox.take();
      if (memory === undefined) return;
      this.#read(memory, allowance);
    }
    if (this.#dropped && this.#reads.count === 0) this.#tellOfDropped();
  }

  #batchLength(): number {
    const { minBatch, maxBatch, batchTime } = this.#owner.options;
    return Math.min(maxBatch, Math.max(minBatch, (this.rate * batchTime) / 1000));
  }

  #read(memory: Buffer, allowance: number): void {
    const batch = new UploadBatch(memory);
    this.#queue.fill(batch, allowance, (position, request) => {
      this.#reads.add(position, request);
      this.#recent.add(position);
      this.#owner.goes(request.piece, this, request.length);
    });
    this.#owner.limiter.spend(batch.length);
    this.#reads.begin(batch);
  }

  /** Sends `chunks`, the part of a batch that was read and is still wanted, with `length` bytes of blocks. */
  #send(batch: UploadBatch, chunks: readonly Buffer[], length: number): void {
    const sentLength = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    this.#outbox.send(batch.memory, sentLength);
    if (length < batch.length) this.#owner.limiter.spend(length - batch.length);
    if (length === 0) return;
    const now = this.#owner.now();
    this.#total += length;
    this.#lastSentAt = now;
    this.#measure.add(length, now);
    this.#owner.uploaded(length);
    if (!this.#hasHadEnough) this.#connection.earn(length);
    this.#connection.send(chunks);
  }
}
