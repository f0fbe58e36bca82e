import type { Millis, Timers } from '../../base/clock.js';
import { lookUpName, type NameLookupOptions, type NameOutcome } from './http-name-lookup.js';

/** Looks a name up. Answers once, perhaps within the call; never after `cancel()`. */
export type LookUp = (
  name: string,
  options: NameLookupOptions,
  answered: (outcome: NameOutcome) => void,
) => { cancel(): void };

/** The addresses of a name are not asked for again for this time. */
const KNOWN_FOR: Millis = 60_000;
/** When the name servers do not answer, addresses are used that are no older than this (RFC 8767). */
const USED_FOR: Millis = 3_600_000;
const MAX_NAMES = 1_000;

interface KnownName {
  readonly addresses: readonly string[];
  readonly foundAt: Millis;
  /** When the name servers are asked again. */
  askAt: Millis;
}

/**
 * The addresses of names that were looked up. A web seed is asked often, and must not be lost when the name servers do
 * not answer for a while.
 */
export class KnownNames {
  readonly #timers: Pick<Timers, 'now'>;
  readonly #lookUpName: LookUp;
  /** In the order in which they were found. */
  readonly #names = new Map<string, KnownName>();

  constructor(timers: Pick<Timers, 'now'>, lookUp: LookUp = lookUpName) {
    this.#timers = timers;
    this.#lookUpName = lookUp;
  }

  readonly lookUp: LookUp = (name, options, answered) => {
    const known = this.#names.get(name);
    if (known !== undefined && this.#timers.now() < known.askAt) {
      answered({ ok: true, addresses: known.addresses });
      return { cancel: () => undefined };
    }
    return this.#lookUpName(name, options, (outcome) => answered(this.#judge(name, outcome)));
  };

  #judge(name: string, outcome: NameOutcome): NameOutcome {
    const now = this.#timers.now();
    const known = this.#names.get(name);
    if (!outcome.ok && !outcome.isUnknown && known !== undefined && now < known.foundAt + USED_FOR) {
      known.askAt = now + KNOWN_FOR;
      return { ok: true, addresses: known.addresses };
    }
    this.#names.delete(name);
    if (!outcome.ok) return outcome;
    this.#names.set(name, { addresses: outcome.addresses, foundAt: now, askAt: now + KNOWN_FOR });
    for (const oldest of this.#names.keys()) {
      if (this.#names.size <= MAX_NAMES) break;
      this.#names.delete(oldest);
    }
    return outcome;
  }
}
