import type { Millis } from '../../base/clock.js';

/** What the three protocols by which a gateway is asked have in common. */

export type Transport = 'tcp' | 'udp';

export type MapOutcome =
  | {
      readonly ok: true;
      /** The address that the world sees; null when the gateway does not know it. */
      readonly externalHost: string | null;
      readonly externalPort: number;
      /** Seconds; the mapping lasts until it is removed when this is 0. */
      readonly lifetime: number;
    }
  | { readonly ok: false; readonly message: string };

/** One way of asking. It is asked one thing at a time, but for removals. */
export interface MappingProtocol {
  readonly name: 'PCP' | 'NAT-PMP' | 'UPnP';
  /** Whom it asks, as far as that is known: an IP literal. */
  readonly gateway: string | null;
  /** Lets `port` in, or goes on letting it in, for `lifetime` seconds. Answers once, later, unless it is closed. */
  map(transport: Transport, port: number, lifetime: number, answered: (outcome: MapOutcome) => void): void;
  /** Lets it in no more. Answers once, later, whatever became of it, unless it is closed. */
  unmap(transport: Transport, port: number, answered: () => void): void;
  close(): void;
}

export interface PortMappingOptions {
  /** Seconds that a mapping is asked for. It is renewed at half of what the gateway grants. */
  readonly lifetime: number;
  /** It is renewed no sooner than this, whatever the gateway grants. */
  readonly minRenewal: Millis;
  /** When nobody let us in, everything is tried again after this. */
  readonly retryAfter: Millis;
  /** How often the gateway is looked up: a machine that moves has another. */
  readonly lookUpEvery: Millis;
  /** What the removal may take at the end. */
  readonly stopLimit: Millis;
}

export const DEFAULT_PORT_MAPPING_OPTIONS: PortMappingOptions = {
  lifetime: 3600,
  minRenewal: 60_000,
  retryAfter: 900_000,
  lookUpEvery: 30_000,
  stopLimit: 1000,
};
