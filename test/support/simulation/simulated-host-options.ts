import type { Millis } from '../../../src/base/clock.js';
import type { BindAddresses } from '../../../src/net/fence.js';

export interface SimulatedHostOptions {
  /** Bytes per second that its line carries in this direction, or null for no limit. */
  readonly upload: number | null;
  /** As `upload`, for the other direction. */
  readonly download: number | null;
  /** Every packet from and to this host takes this much longer. */
  readonly latency: Millis;
  /** Bytes of one direction of a connection that the two kernels hold before the writer has to wait. */
  readonly window: number;
  /** 'whole': data comes as it was sent. 'random': it is cut and joined at random places. */
  readonly chunking: 'whole' | 'random';
  /** How many stream sockets the host may have. Beyond that it closes connections from outside at once. */
  readonly maxConnections: number;
  /** The share of the datagrams on its line that are lost, 0 to 1. */
  readonly datagramLoss: number;
  /** The share of the datagrams on its line that come twice, 0 to 1. */
  readonly datagramDoubling: number;
  /** A datagram takes up to this much longer, so that one may overtake another. */
  readonly datagramJitter: Millis;
  /** A connection on which nothing comes for this long is lost. */
  readonly timeout: Millis;
  /** How often the host looks for connections that have timed out. */
  readonly checkInterval: Millis;
  readonly bindAddresses: BindAddresses | null;
  /** Called with exceptions outside every context. By default it throws them, which ends the test. */
  readonly gotException: (error: unknown) => void;
}

export const DEFAULT_SIMULATED_HOST_OPTIONS: SimulatedHostOptions = {
  upload: null,
  download: null,
  latency: 0,
  window: 256 * 1024,
  chunking: 'random',
  maxConnections: 1000,
  datagramLoss: 0,
  datagramDoubling: 0,
  datagramJitter: 0,
  timeout: 300_000,
  checkInterval: 60_000,
  bindAddresses: null,
  gotException: (error) => {
    throw error;
  },
};
