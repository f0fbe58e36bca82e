import type { Millis } from '../../../src/base/clock.js';
import type { BindAddresses } from '../../../src/net/fence.js';

export interface SimulatedHostOptions {
  /** Bytes a second that its line carries, or null for no limit. */
  readonly upload: number | null;
  readonly download: number | null;
  /** Added to the way of every packet from and to this host. */
  readonly latency: Millis;
  /** Bytes of one direction of a connection that wait in the kernels before the writer has to. */
  readonly window: number;
  /** Data comes as it was sent, or cut and joined at random places. */
  readonly chunking: 'whole' | 'random';
  /** Sockets of all kinds; beyond it, connections from outside are closed as they come. */
  readonly maxConnections: number;
  /** The share of the datagrams on its line that are lost, and of those that come twice: 0 to 1. */
  readonly datagramLoss: number;
  readonly datagramDoubling: number;
  /** A datagram takes up to this much longer than its way, so that one may overtake another. */
  readonly datagramJitter: Millis;
  readonly timeout: Millis;
  readonly checkInterval: Millis;
  readonly bindAddresses: BindAddresses | null;
  /** Told of exceptions outside every context. Throws them by default, which ends the test. */
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
