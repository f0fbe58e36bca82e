import type { NodeId } from './contact.js';
import type { DhtOptions } from './dht-options.js';
import { Lookup, type LookupEvents, type LookupMediator } from './lookup.js';
import type { Query } from './message.js';

/** What is known when a lookup begins: the mediator changes with our own id. */
export interface LookupBeginning {
  readonly mediator: LookupMediator;
  readonly contacts: Parameters<Lookup['begin']>[0];
  readonly entries: Parameters<Lookup['begin']>[1];
}

/** A bounded number of lookups at a time, the others in the order in which they were asked for. */
export class LookupQueue {
  readonly #options: DhtOptions;
  readonly #beginningFor: (target: NodeId) => LookupBeginning;
  readonly #waiting: (() => void)[] = [];
  readonly #running = new Set<Lookup>();
  #stopped = false;

  constructor(options: DhtOptions, beginningFor: (target: NodeId) => LookupBeginning) {
    this.#options = options;
    this.#beginningFor = beginningFor;
  }

  /** `events.done` comes once, later; not after `cancel()`, nor after `stop()`. */
  add(target: NodeId, query: Query, events: LookupEvents): { cancel(): void } {
    let lookup: Lookup | null = null;
    const start = (): void => {
      const { mediator, contacts, entries } = this.#beginningFor(target);
      const started = new Lookup(target, query, mediator, this.#options, {
        gotAnswer: events.gotAnswer,
        done: (result) => {
          this.#running.delete(started);
          events.done(result);
          this.#startNext();
        },
      });
      lookup = started;
      this.#running.add(started);
      started.begin(contacts, entries);
    };
    this.#waiting.push(start);
    this.#startNext();
    return {
      cancel: () => {
        const index = this.#waiting.indexOf(start);
        if (index >= 0) this.#waiting.splice(index, 1);
        if (lookup === null || !this.#running.delete(lookup)) return;
        lookup.cancel();
        this.#startNext();
      },
    };
  }

  stop(): void {
    this.#stopped = true;
    for (const lookup of this.#running) lookup.cancel();
    this.#running.clear();
  }

  #startNext(): void {
    while (!this.#stopped && this.#running.size < this.#options.maxLookups) {
      const start = this.#waiting.shift();
      if (start === undefined) return;
      start();
    }
  }
}
