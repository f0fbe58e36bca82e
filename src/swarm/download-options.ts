import type { Millis } from '../base/clock.js';
import { DEFAULT_MEASURE_OPTIONS, type MeasureOptions } from '../measure/measure.js';
import { type BacklogOptions, DEFAULT_BACKLOG_OPTIONS } from './download/backlog.js';

/** How blocks are asked for. */
export interface DownloadOptions {
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

export const DEFAULT_DOWNLOAD_OPTIONS: DownloadOptions = {
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
