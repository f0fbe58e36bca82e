/**
 * A lookup walks through the DHT towards a target: it asks the closest nodes that it knows for closer ones, until it
 * finds none. A queue limits how many lookups run at the same time.
 */
import type { Millis, Task, Timers } from '../../base/clock.js';
import type { IpFamily } from '../../net/ip-address.js';
import type { PeerAddress } from '../../net/raw-server.js';
import { type Candidate, Candidates, type Teller } from './candidates.js';
import { type Contact, contactAt, type NodeId, type Place } from './contact.js';
import type { DhtOptions } from './dht-options.js';
import type { Answer, Query } from './message.js';
import type { Entry } from './routers.js';
import type { QueryOutcome } from './transactions.js';

/** How many queries of one lookup may be under way, slow ones included. */
const MAX_UNDER_WAY = 16;

/** A node to which we can write, and the token that it gave us for that. */
export interface Writable {
  readonly contact: Contact;
  readonly token: Buffer;
}

export interface LookupResult {
  /** How many hosts answered. */
  readonly answered: number;
  /** The closest nodes that gave a token. */
  readonly writable: readonly Writable[];
}

interface LookupParts {
  readonly timers: Timers;
  readonly family: IpFamily;
  readonly ownId: NodeId;
  /** Whether `teller` may lead us to the place that it named. */
  mayName(teller: Contact, named: Place): boolean;
  /** Calls `answered` exactly once, later. */
  ask(contact: Contact, query: Query, answered: (outcome: QueryOutcome) => void): void;
  /** As `ask`, for a node whose id we do not know. */
  askAddress(address: PeerAddress, query: Query, answered: (outcome: QueryOutcome) => void): void;
  /** `teller` has named several nodes that do not exist, and none that exists. */
  misled(teller: Contact): void;
}

/** What the owner of a lookup is told. */
export interface LookupEvents {
  gotAnswer(answer: Answer, from: Contact): void;
  /** Called once, later, but not when the lookup was cancelled or the queue stopped. */
  done(result: LookupResult): void;
}

class Lookup {
  readonly #query: Query;
  readonly #parts: LookupParts;
  readonly #options: DhtOptions;
  readonly #events: LookupEvents;
  readonly #candidates: Candidates;
  /** How many queries have left. */
  #queries = 0;
  /** How many queries are under way, slow ones included. */
  #underWay = 0;
  /** How many queries are under way and not slow yet. */
  #brisk = 0;
  /** How many entries may still answer. Until then the lookup must not end: their answers may name closer nodes. */
  #entriesUnderWay = 0;
  #ended = false;
  readonly #tasks = new Set<Task>();

  constructor(target: NodeId, query: Query, parts: LookupParts, options: DhtOptions, events: LookupEvents) {
    this.#query = query;
    this.#parts = parts;
    this.#options = options;
    this.#events = events;
    this.#candidates = new Candidates(target, (teller) => parts.misled(teller));
  }

  /**
   * Starts from `contacts`, nodes that we know and that are all asked, and from `entries`, nodes of which we know only
   * the address.
   */
  begin(contacts: readonly Contact[], entries: readonly Entry[]): void {
    for (const contact of contacts) this.#candidates.addOwn(contact);
    for (const entry of entries) this.#askEntry(entry);
    this.#later(() => this.#proceed(), 0);
  }

  cancel(): void {
    this.#ended = true;
    for (const task of this.#tasks) task.cancel();
  }

  #askEntry({ address, isPublic }: Entry): void {
    this.#entriesUnderWay += 1;
    const heard = this.#sent(null, (outcome) => {
      this.#entriesUnderWay -= 1;
      if (!outcome.ok) return;
      const contact = contactAt(outcome.answer.id, address);
      const candidate = isPublic ? undefined : this.#candidates.add(contact, null);
      if (candidate !== undefined) this.#candidates.answered(candidate, outcome.answer.token);
      this.#gotAnswer(outcome.answer, contact);
    });
    this.#parts.askAddress(address, this.#query, heard);
  }

  #askCandidate(candidate: Candidate): void {
    const { contact } = candidate;
    this.#candidates.asked(candidate);
    const heard = this.#sent(candidate, (outcome) => {
      if (!outcome.ok) {
        this.#candidates.failed(candidate);
        return;
      }
      const { answer } = outcome;
      if (answer.id.equals(contact.id)) this.#candidates.answered(candidate, answer.token);
      else {
        // Some node has invented an id for this address. The node that answers is not to blame.
        this.#candidates.failed(candidate);
        const real = this.#candidates.add({ ...contact, id: answer.id }, null);
        if (real === undefined) return;
        this.#candidates.answered(real, answer.token);
      }
      this.#gotAnswer(answer, contact);
    });
    this.#parts.ask(contact, this.#query, heard);
  }

  /** Counts a query that leaves now. The caller must call the function that is returned with the outcome, once. */
  #sent(candidate: Candidate | null, answered: (outcome: QueryOutcome) => void): (outcome: QueryOutcome) => void {
    this.#queries += 1;
    this.#underWay += 1;
    this.#brisk += 1;
    let isBrisk = true;
    const slow = (): void => {
      if (!isBrisk) return;
      isBrisk = false;
      this.#brisk -= 1;
    };
    const patience = this.#later(() => {
      slow();
      if (candidate !== null) candidate.state = 'slow';
      this.#proceed();
    }, this.#options.slowAfter);
    return (outcome) => {
      patience.cancel();
      this.#tasks.delete(patience);
      slow();
      this.#underWay -= 1;
      if (!this.#ended) answered(outcome);
      // The lookup is over, but we still want to know which node has misled it.
      else if (candidate !== null && !outcome.ok) this.#candidates.failed(candidate);
      if (!this.#ended) this.#proceed();
    };
  }

  #gotAnswer(answer: Answer, from: Contact): void {
    this.#events.gotAnswer(answer, from);
    if (!this.#ended) this.#learn(answer, from);
  }

  #later(run: () => void, delay: Millis): Task {
    const task = this.#parts.timers.addTask(() => {
      this.#tasks.delete(task);
      run();
    }, delay);
    this.#tasks.add(task);
    return task;
  }

  #learn(answer: Answer, from: Contact): void {
    const teller: Teller = { contact: from, failures: 0, successes: 0 };
    for (const contact of answer.contacts) {
      if (contact.ip.family !== this.#parts.family || contact.id.equals(this.#parts.ownId)) continue;
      if (!this.#parts.mayName(from, contact)) continue;
      this.#candidates.add(contact, teller);
    }
  }

  #proceed(): void {
    while (this.#brisk < this.#options.parallel && this.#underWay < MAX_UNDER_WAY) {
      const step =
        this.#queries < this.#options.maxLookupQueries ? this.#candidates.next() : ({ kind: 'done' } as const);
      if (step.kind === 'ask') this.#askCandidate(step.candidate);
      else if (step.kind === 'wait' || this.#brisk > 0 || this.#entriesUnderWay > 0) return;
      else {
        this.#finish();
        return;
      }
    }
  }

  #finish(): void {
    this.cancel();
    const writable = this.#candidates
      .writable()
      .flatMap(({ contact, token }) => (token === null ? [] : [{ contact, token }]));
    this.#events.done({ answered: this.#candidates.answeredCount, writable });
  }
}

/** What a lookup begins with. It is made anew for each lookup, because our own id may change. */
export interface LookupBeginning {
  readonly parts: LookupParts;
  readonly contacts: Parameters<Lookup['begin']>[0];
  readonly entries: Parameters<Lookup['begin']>[1];
}

/** Runs a limited number of lookups at the same time. The others wait, and start in the order of `add`. */
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

  /** Starts a lookup or lets it wait. `events.done` is called once, later, but not after `cancel()` or `stop()`. */
  add(target: NodeId, query: Query, events: LookupEvents): { cancel(): void } {
    let lookup: Lookup | null = null;
    const start = (): void => {
      const { parts, contacts, entries } = this.#beginningFor(target);
      const started = new Lookup(target, query, parts, this.#options, {
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
