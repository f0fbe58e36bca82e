import type { Millis, Timers } from '../../base/clock.js';
import type { BtgetError } from '../../base/failure.js';
import type { BlockRead, DoneOutcome } from '../../disk/storage.js';
import { Measure } from '../../measure/measure.js';
import { BLOCK_LENGTH, type PieceIndex, type PieceLayout } from '../../metainfo/piece-layout.js';
import type { PeerConnection } from '../connections/peer-connection.js';
import type { RateLimiter } from '../rate-limiter.js';
import { FirstCopies } from './first-copies.js';
import type { SendMemory } from './send-memory.js';
import type { SuperSeeding } from './super-seeding.js';
import { Upload, type UploadOptions, type UploadOwner } from './upload.js';

/** Which pieces we have, and their bytes (pieces/storage-wrapper.ts). */
export interface BlockSource {
  readonly have: { has(piece: number): boolean };
  readBlocks(reads: readonly BlockRead[], answered: (outcome: DoneOutcome) => void): void;
}

/** What the Uploader is joined with. */
export interface UploaderParts {
  readonly timers: Timers;
  readonly layout: PieceLayout;
  readonly source: BlockSource;
  readonly limiter: RateLimiter;
  readonly memory: SendMemory;
  /** Null when we never hide what we have. */
  readonly superSeeding?: SuperSeeding | null;
  /** The disk did not give a block of a piece that we have. Only the requests of that read are dropped. */
  readonly gotReadFailure: (failure: BtgetError) => void;
}

/** What all uploads of a torrent share: the options, the rate limit, the memory, and access to the pieces. */
export class Uploader implements UploadOwner {
  readonly options: UploadOptions;
  readonly limiter: RateLimiter;
  readonly memory: SendMemory;
  readonly #firstCopies: FirstCopies;
  readonly mostNeeded: number;
  readonly #parts: UploaderParts;
  readonly #measure: Measure;
  #total = 0;

  constructor(parts: UploaderParts, options: UploadOptions) {
    this.options = options;
    this.limiter = parts.limiter;
    this.memory = parts.memory;
    this.#firstCopies = new FirstCopies(parts.layout);
    const { length, isV2Alone, pieceCount } = parts.layout;
    // Some clients ask for the last block of each file as a whole one.
    const padding = isV2Alone ? pieceCount * BLOCK_LENGTH : 0;
    this.mostNeeded = options.maxCopies * (length + padding) + options.maxSpare;
    this.#parts = parts;
    this.#measure = new Measure(options.measure, parts.timers.now());
  }

  createUpload(connection: PeerConnection): Upload {
    return new Upload(connection, this);
  }

  /** Bytes of blocks a second, to all peers. */
  get rate(): number {
    return this.#measure.rate(this.#parts.timers.now());
  }

  /** Bytes of blocks sent in this run. */
  get total(): number {
    return this.#total;
  }

  now(): Millis {
    return this.#parts.timers.now();
  }

  later(task: () => void): void {
    this.#parts.timers.addTask(task, 0);
  }

  pieceOf(piece: number, begin: number, length: number): PieceIndex | undefined {
    const index = this.#parts.layout.pieceIndex(piece);
    if (index === undefined || length === 0 || begin + length > this.#parts.layout.servedLengthOf(index))
      return undefined;
    return index;
  }

  have(piece: PieceIndex): boolean {
    return this.#parts.source.have.has(piece);
  }

  mayAsk(upload: object, piece: PieceIndex): boolean {
    return this.#parts.superSeeding?.mayAsk(upload, piece) ?? true;
  }

  isFirst(piece: PieceIndex, to: object): boolean {
    return this.#firstCopies.isFirst(piece, to);
  }

  goes(piece: PieceIndex, to: object, length: number): void {
    this.#firstCopies.goes(piece, to, length);
    this.#parts.superSeeding?.goes(to, piece, length);
  }

  leave(to: object): void {
    this.#firstCopies.leave(to);
    this.#parts.superSeeding?.leave(to);
  }

  position(piece: PieceIndex, begin: number): number {
    return this.#parts.layout.beginOf(piece) + begin;
  }

  readBlocks(reads: readonly BlockRead[], answered: (outcome: DoneOutcome) => void): void {
    this.#parts.source.readBlocks(reads, answered);
  }

  uploaded(length: number): void {
    this.#total += length;
    this.#measure.add(length, this.#parts.timers.now());
  }

  readFailed(outcome: Extract<DoneOutcome, { ok: false }>): void {
    this.#parts.gotReadFailure(outcome.failure);
  }
}
