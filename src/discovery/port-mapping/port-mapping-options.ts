import type { Millis } from '../../base/clock.js';

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
