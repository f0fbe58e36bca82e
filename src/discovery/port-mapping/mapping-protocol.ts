/** What the three protocols have in common by which we ask a gateway for a port mapping. */
import type { Millis } from '../../base/clock.js';

export type Transport = 'tcp' | 'udp';

export type MapOutcome =
  | {
      readonly ok: true;
      /** The IP literal that the world sees. Null when the gateway does not know it. */
      readonly externalHost: string | null;
      /** It may differ from the port that we asked for. */
      readonly externalPort: number;
      /** Seconds. 0 says that the mapping lasts until it is removed. */
      readonly lifetime: number;
    }
  | { readonly ok: false; readonly message: string };

/** One protocol. Its owner makes one call of `map` at a time, and may call `unmap` in between. */
export interface MappingProtocol {
  readonly name: 'PCP' | 'NAT-PMP' | 'UPnP';
  /** The IP literal of the gateway that it asks. Null while it is not known. */
  readonly gateway: string | null;
  /**
   * Asks the gateway to let `port` in for `lifetime` seconds from now. Calls `answered` once, later, but not after
   * `close`.
   */
  map(transport: Transport, port: number, lifetime: number, answered: (outcome: MapOutcome) => void): void;
  /** Removes the mapping. Calls `answered` once, later, even when the gateway refuses, but not after `close`. */
  unmap(transport: Transport, port: number, answered: () => void): void;
  close(): void;
}

export interface PortMappingOptions {
  /** The seconds that we ask for. We renew the mapping after half of the time that the gateway grants. */
  readonly lifetime: number;
  /** The shortest time to the next renewal, whatever the gateway grants. */
  readonly minRenewal: Millis;
  /** How long we wait before we try all protocols again when none of them worked. */
  readonly retryAfter: Millis;
  /** How often we look up the gateway, because a machine that moves gets another one. */
  readonly lookUpEvery: Millis;
  /** How long the removal may take at the end. */
  readonly stopLimit: Millis;
}

export const DEFAULT_PORT_MAPPING_OPTIONS: PortMappingOptions = {
  lifetime: 3600,
  minRenewal: 60_000,
  retryAfter: 900_000,
  lookUpEvery: 30_000,
  stopLimit: 1000,
};
