import type { Millis } from '../base/clock.js';
import type { BlockRead, BlockSpan, DoneOutcome } from '../disk/storage.js';
import { Measure } from '../measure/measure.js';
import { BLOCK_LENGTH, type PieceIndex } from '../metainfo/piece-layout.js';
import { encodeMessage } from '../wire/message.js';
import type { FirstCopies } from './first-copies.js';
import { FINE, JUNK, type Judgement, refuse } from './judgement.js';
import { Outbox } from './outbox.js';
import type { PeerConnection } from './peer-connection.js';
import type { RateLimiter, RateWaiter } from './rate-limiter.js';
import type { SendMemory } from './send-memory.js';
import { UploadBatch } from './upload-batch.js';
import type { UploadOptions } from './upload-options.js';
import { UploadQueue } from './upload-queue.js';

/** What an Upload needs of the side that all uploads of a torrent share. */
export interface UploadOwner {
  readonly options: UploadOptions;
  readonly limiter: RateLimiter;
  readonly memory: SendMemory;
  readonly firstCopies: FirstCopies;
  now(): Millis;
  /** Runs `task` in an event of its own, of the torrent's. */
  later(task: () => void): void;
  /** The piece of a run of bytes that lies within the torrent, or undefined. */
  pieceOf(piece: number, begin: number, length: number): PieceIndex | undefined;
  have(piece: PieceIndex): boolean;
  /** A number for each byte of the torrent. */
  position(piece: PieceIndex, begin: number): number;
  readBlocks(reads: readonly BlockRead[], answered: (outcome: DoneOutcome) => void): void;
  /** So many bytes of blocks have gone to a peer. */
  uploaded(length: number): void;
  /** The disk did not give what we have. When this returns, `have` says what it may still give. */
  readFailed(outcome: Extract<DoneOutcome, { ok: false }>): void;
}

// One is read while the other leaves.
const MAX_READS = 2;

// Whoever asks again for what the disk does not give would go on for ever.
const MAX_FAILED_READS = 3;

/**
 * Serves one peer. Requests wait in a queue; a batch of them is read in one go and leaves in one send, while what is read
 * and what waits in the socket stay below a bound. A choke, and the peer's loss of interest, empty the queue, and what is
 * being read then is not sent. The queue is bounded: what does not fit is asked for again.
 */
export class Upload implements RateWaiter {
  readonly #connection: PeerConnection;
  readonly #owner: UploadOwner;
  readonly #measure: Measure;
  readonly #outbox: Outbox;
  readonly #queue: UploadQueue;
  /** Requests that are being read and are still wanted, by position of their first byte. */
  readonly #inRead = new Map<number, BlockSpan>();
  /** Requests did not fit in the queue, and the peer does not know yet. */
  #dropped = false;
  /** Reads under way, and bytes of blocks in them. */
  #readCount = 0;
  #readLength = 0;
  /** Reads that failed since the last that did not. */
  #failedReads = 0;
  /** It is going to be looked at what can be answered. */
  #servesSoon = false;
  #choked = true;
  #interested = false;
  #total = 0;
  #lastSentAt: Millis = Number.NEGATIVE_INFINITY;
  #unchokedAt: Millis = Number.NEGATIVE_INFINITY;
  #wastedTurn = false;

  constructor(connection: PeerConnection, owner: UploadOwner) {
    this.#connection = connection;
    this.#owner = owner;
    this.#measure = new Measure(owner.options.measure, owner.now());
    this.#queue = new UploadQueue({
      now: () => owner.now(),
      patience: owner.options.patience,
      isShort: () => owner.limiter.rate !== null,
      isFirst: (piece) => owner.firstCopies.isFirst(piece, this),
    });
    this.#outbox = new Outbox(owner.memory, {
      now: () => owner.now(),
      unsentLength: () => connection.unsentLength,
      memoryCame: () => this.#serveSoon(),
      memoryWanted: () => owner.later(() => connection.refuse({ code: 'takes-nothing' })),
    });
  }

  /** When a block was sent last; -∞ when none was. */
  get lastSentAt(): Millis {
    return this.#lastSentAt;
  }

  /** Since when it may have what it is interested in; -∞ when it may not, or wants nothing. */
  get turnBeganAt(): Millis {
    return this.#choked || !this.#interested ? Number.NEGATIVE_INFINITY : this.#unchokedAt;
  }

  /** It is interested and choked, and has not let a turn go by without a request. */
  get awaitsTurn(): boolean {
    return this.#choked && this.#interested && !this.#wastedTurn;
  }

  get choked(): boolean {
    return this.#choked;
  }

  get interested(): boolean {
    return this.#interested;
  }

  /** Bytes of blocks a second. */
  get rate(): number {
    return this.#measure.rate(this.#owner.now());
  }

  /** Bytes of blocks. */
  get total(): number {
    return this.#total;
  }

  /** Requests that wait for us or are being read. */
  get queuedCount(): number {
    return this.#queue.size + this.#inRead.size;
  }

  choke(): void {
    if (this.#choked) return;
    this.#choked = true;
    this.#wastedTurn = this.#interested && this.#lastSentAt < this.#unchokedAt;
    this.#forgetRequests();
    this.#connection.send([encodeMessage({ type: 'choke' })]);
  }

  unchoke(): void {
    if (!this.#choked) return;
    this.#choked = false;
    this.#unchokedAt = this.#owner.now();
    this.#connection.send([encodeMessage({ type: 'unchoke' })]);
  }

  /** True when that is news. */
  gotInterested(): boolean {
    if (this.#interested) return false;
    this.#interested = true;
    return true;
  }

  /** True when that is news. */
  gotNotInterested(): boolean {
    if (!this.#interested) return false;
    this.#interested = false;
    this.#forgetRequests();
    return true;
  }

  gotRequest(piece: number, begin: number, length: number): Judgement {
    if (length > this.#owner.options.maxRequestLength) return refuse({ code: 'request-too-long', length });
    const index = this.#owner.pieceOf(piece, begin, length);
    if (index === undefined) return refuse({ code: 'block-out-of-range', piece, begin, length });
    // Requests that were on their way when our choke left are no fault; the count forgives as many.
    if (this.#choked || !this.#interested || !this.#owner.have(index)) return JUNK;
    if (this.#queue.size >= this.#owner.options.maxQueued) {
      this.#dropped = true;
      return FINE;
    }
    this.#queue.add(this.#owner.position(index, begin), { piece: index, begin, length });
    this.#serveSoon();
    return FINE;
  }

  /** Harmless when there is no such request: it may have been answered already. */
  gotCancel(piece: number, begin: number, length: number): Judgement {
    const index = this.#owner.pieceOf(piece, begin, length);
    if (index === undefined) return JUNK;
    const position = this.#owner.position(index, begin);
    this.#queue.withdraw(position, length);
    if (this.#inRead.get(position)?.length !== length) return FINE;
    // What is read for nothing costs us a disk; a peer that makes a habit of it is counted.
    this.#inRead.delete(position);
    return JUNK;
  }

  connectionFlushed(): void {
    this.#serve();
  }

  rateAllows(): void {
    this.#serve();
  }

  connectionLost(): void {
    this.#choked = true;
    this.#forgetRequests();
    this.#outbox.end();
  }

  #forgetRequests(): void {
    this.#queue.clear();
    this.#inRead.clear();
    this.#dropped = false;
    this.#owner.limiter.leave(this);
    this.#owner.firstCopies.leave(this);
    this.#outbox.withdraw();
  }

  /**
   * Clients that know no limit ask for all that they take in ten seconds (Transmission), and would wait minutes for what
   * did not fit. A choke voids every request that is not answered; after the unchoke the peer asks again.
   */
  #tellOfDropped(): void {
    this.#dropped = false;
    this.#connection.send([encodeMessage({ type: 'choke' }), encodeMessage({ type: 'unchoke' })]);
  }

  /** Requests come many at a time: those of one event are answered together. */
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
      const batch = this.#batchLength();
      if (!this.#hasRoomFor(batch)) return;
      const allowance = Math.min(batch, this.#owner.limiter.allowance());
      if (allowance === 0) {
        this.#owner.limiter.wait(this, this.#queue.patientUntil());
        return;
      }
      const memory = this.#outbox.take();
      if (memory === undefined) return;
      this.#read(memory, allowance);
    }
    if (this.#dropped && this.#readCount === 0) this.#tellOfDropped();
  }

  #batchLength(): number {
    if (this.#failedReads > 0) return 1;
    const { minBatch, maxBatch, batchTime } = this.#owner.options;
    return Math.min(maxBatch, Math.max(minBatch, (this.rate * batchTime) / 1000));
  }

  /** While one batch is being read, the next waits until it is whole: many small reads cost more than few large ones. */
  #hasRoomFor(batch: number): boolean {
    if (this.#readCount === 0) return this.#connection.unsentLength <= batch;
    if (this.#readCount >= MAX_READS) return false;
    return this.#connection.unsentLength + this.#readLength <= batch && this.#queue.size * BLOCK_LENGTH >= batch;
  }

  #read(memory: Buffer, allowance: number): void {
    const batch = new UploadBatch(memory);
    this.#queue.fill(batch, allowance, (position, request) => {
      this.#inRead.set(position, request);
      this.#owner.firstCopies.goes(request.piece, this, request.length);
    });
    this.#owner.limiter.spend(batch.length);
    this.#readCount += 1;
    this.#readLength += batch.length;
    this.#owner.readBlocks(batch.reads, (outcome) => {
      this.#readCount -= 1;
      this.#readLength -= batch.length;
      const sent = this.#send(memory, batch, outcome.ok);
      if (sent < batch.length) this.#owner.limiter.spend(sent - batch.length);
      if (outcome.ok) this.#failedReads = 0;
      else {
        this.#owner.readFailed(outcome);
        this.#cannotServe(batch.reads);
      }
      this.#serve();
    });
  }

  /**
   * Requests that the disk did not answer are not left waiting: the peer asks again, or is let go to ask others. One bad
   * block fails a whole batch, so that until a read succeeds each is read alone. What was lost is no longer ours to serve,
   * and the torrent parts from those whom it was promised.
   */
  #cannotServe(reads: readonly BlockRead[]): void {
    if (!reads.some(({ piece }) => this.#owner.have(piece))) return;
    this.#failedReads += 1;
    if (this.#failedReads === MAX_FAILED_READS) this.#connection.refuse({ code: 'cannot-serve' });
    else this.#dropped = true;
  }

  /** Sends what is still wanted of what `wasRead` and returns its length. */
  #send(memory: Buffer, batch: UploadBatch, wasRead: boolean): number {
    const { chunks, length } = batch.wanted((request) => this.#takeFromRead(request) && wasRead);
    this.#outbox.send(
      memory,
      chunks.reduce((sum, chunk) => sum + chunk.length, 0),
    );
    if (length === 0) return 0;
    const now = this.#owner.now();
    this.#total += length;
    this.#lastSentAt = now;
    this.#measure.add(length, now);
    this.#owner.uploaded(length);
    this.#connection.send(chunks);
    return length;
  }

  /** False when the request was withdrawn, or made anew, since it began to be read. */
  #takeFromRead(request: BlockSpan): boolean {
    const position = this.#owner.position(request.piece, request.begin);
    return this.#inRead.get(position) === request && this.#inRead.delete(position);
  }
}
