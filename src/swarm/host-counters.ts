import type { Millis } from '../base/clock.js';
import { LeakyCounter, type LeakyCounterOptions } from './leaky-counter.js';

/** What each host may do. `maxHosts` are remembered: the one that was asked about longest ago is forgotten first. */
export interface HostCountersOptions extends LeakyCounterOptions {
  readonly maxHosts: number;
}

/**
 * A counter for each host, by `hostKey`, over all its connections. A peer that dials again finds it as it was left, so
 * that it gains nothing by that.
 */
export class HostCounters {
  readonly #options: HostCountersOptions;
  readonly #counters = new Map<string, LeakyCounter>();

  constructor(options: HostCountersOptions) {
    this.#options = options;
  }

  of(hostKey: string, now: Millis): LeakyCounter {
    const counter = this.#counters.get(hostKey) ?? new LeakyCounter(this.#options, now);
    this.#counters.delete(hostKey);
    this.#counters.set(hostKey, counter);
    const [oldest] = this.#counters.keys();
    if (this.#counters.size > this.#options.maxHosts && oldest !== undefined) this.#counters.delete(oldest);
    return counter;
  }
}
