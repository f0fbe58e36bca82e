import type { Millis, Timers } from '../base/clock.js';
import type { BtgetError } from '../base/failure.js';
import type { BlockSpan, ReadOutcome } from '../disk/storage.js';
import { Measure } from '../measure/measure.js';
import type { PieceIndex, PieceLayout } from '../metainfo/piece-layout.js';
import type { PeerConnection } from './peer-connection.js';
import type { RateLimiter } from './rate-limiter.js';
import { Upload, type UploadOptions, type UploadOwner } from './upload.js';

/** What we have, and its bytes (pieces/storage-wrapper.ts). */
export interface BlockSource {
  readonly have: { has(piece: number): boolean };
  readBlocks(spans: readonly BlockSpan[], answered: (outcome: ReadOutcome) => void): void;
}

/** What all uploads of a torrent share. */
export class Uploader implements UploadOwner {
  readonly options: UploadOptions;
  readonly limiter: RateLimiter;
  readonly #timers: Timers;
  readonly #layout: PieceLayout;
  readonly #source: BlockSource;
  readonly #measure: Measure;
  readonly #gotReadFailure: (failure: BtgetError) => void;
  #total = 0;

  constructor(
    timers: Timers,
    layout: PieceLayout,
    source: BlockSource,
    limiter: RateLimiter,
    options: UploadOptions,
    gotReadFailure: (failure: BtgetError) => void,
  ) {
    this.options = options;
    this.limiter = limiter;
    this.#timers = timers;
    this.#layout = layout;
    this.#source = source;
    this.#measure = new Measure(options.measure, timers.now());
    this.#gotReadFailure = gotReadFailure;
  }

  createUpload(connection: PeerConnection): Upload {
    return new Upload(connection, this);
  }

  /** Bytes of blocks a second, to all peers. */
  get rate(): number {
    return this.#measure.rate(this.#timers.now());
  }

  /** Bytes of blocks sent in this run. */
  get total(): number {
    return this.#total;
  }

  now(): Millis {
    return this.#timers.now();
  }

  pieceOf(piece: number, begin: number, length: number): PieceIndex | undefined {
    const index = this.#layout.pieceIndex(piece);
    if (index === undefined || length === 0 || begin + length > this.#layout.lengthOf(index)) return undefined;
    return index;
  }

  have(piece: PieceIndex): boolean {
    return this.#source.have.has(piece);
  }

  position(piece: PieceIndex, begin: number): number {
    return this.#layout.beginOf(piece) + begin;
  }

  readBlocks(spans: readonly BlockSpan[], answered: (outcome: ReadOutcome) => void): void {
    this.#source.readBlocks(spans, answered);
  }

  uploaded(length: number): void {
    this.#total += length;
    this.#measure.add(length, this.#timers.now());
  }

  readFailed(outcome: Extract<ReadOutcome, { ok: false }>): void {
    this.#gotReadFailure(outcome.failure);
  }
}
