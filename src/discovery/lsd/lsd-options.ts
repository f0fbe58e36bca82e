import type { Millis } from '../../base/clock.js';

export interface LsdOptions {
  /** Between two announces of one torrent. BEP 14: "every 5 minutes". */
  readonly interval: Millis;
  /** Between two announces of ours, whatever they name. BEP 14: "no more than 1 announce per minute". */
  readonly minInterval: Millis;
  /** A torrent's first announce waits so long for others that begin, which then share it. */
  readonly gathering: Millis;
  /** Peers a second that are handed on, and so many at once. Whoever sends more names nobody that is worth a dial. */
  readonly peersPerSecond: number;
  readonly peersAtOnce: number;
}

export const DEFAULT_LSD_OPTIONS: LsdOptions = {
  interval: 300_000,
  minInterval: 60_000,
  gathering: 200,
  peersPerSecond: 1,
  peersAtOnce: 60,
};
