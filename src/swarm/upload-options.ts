import type { Millis } from '../base/clock.js';
import { DEFAULT_MEASURE_OPTIONS, type MeasureOptions } from '../measure/measure.js';

/** How requests of peers are answered. */
export interface UploadOptions {
  // BEP 3: "All current implementations use 2^14 (16 kiB), and close connections which request an amount greater than
  // that."
  /** The longest block that a peer may ask for, bytes; clients before 2005 asked for more than 16 KiB. */
  readonly maxRequestLength: number;
  /**
   * Requests of one peer that wait for us, at the most; more are dropped, and the peer is made to ask for them again.
   * Clients that read no `reqq` ask for 512 and more at once, and libtorrent takes 2,000. What waits costs a few dozen
   * bytes each: what is read ahead of it has its own bound (SendMemory).
   */
  readonly maxQueued: number;
  /** What one read and one send hold, bytes, and what may wait in the socket before the next: the least … */
  readonly minBatch: number;
  /** … and the most. */
  readonly maxBatch: number;
  /** Between those two, a batch is what the peer takes in this time: a choke or a cancel then still has an effect. */
  readonly batchTime: Millis;
  /**
   * Under an upload limit, a request for a piece that we have given to somebody else lets others go first for so long.
   */
  readonly patience: Millis;
  /** Bytes a second: a peer that takes less in its turn, and could have more, makes little use of it. */
  readonly leastUse: number;
  /** What one peer needs over one connection at the most: so many copies of the torrent, for disks fail … */
  readonly maxCopies: number;
  /** … and so many bytes more. What it is given beyond that is a repetition. */
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
  // Clients give up on a request after twenty seconds or more.
  patience: 5_000,
  leastUse: 4 * 1024,
  maxCopies: 3,
  maxSpare: 64 * 1024 * 1024,
  measure: DEFAULT_MEASURE_OPTIONS,
};
