/**
 * Our queries that wait or are under way. An answer counts only when it has the transaction of a query and comes from
 * the address that we asked.
 */
import type { Task, Timers } from '../../base/clock.js';
import type { Random } from '../../base/random.js';
import type { PeerAddress } from '../../net/raw-server.js';
import { addressKey, type NodeId } from './contact.js';
import type { DhtOptions } from './dht-options.js';
import { encodeQuery } from './encode-message.js';
import type { Answer, KrpcError, Message, Query } from './message.js';
import { Allowance } from './source-guard.js';

/** Random bytes. They are enough that an attacker that does not see our packets cannot guess them and forge answers. */
const TRANSACTION_LENGTH = 4;
/** Milliseconds until we look again whether a query that waits may leave. */
const PAUSE = 50;

/** What became of a query. `seenAs` is the address at which the node sees us (BEP 42), or null. */
export type QueryOutcome =
  | { readonly ok: true; readonly answer: Answer; readonly seenAs: PeerAddress | null }
  | { readonly ok: false; readonly code: 'timeout' | 'unreachable' }
  /** The node answered with an error. */
  | { readonly ok: false; readonly code: 'refused'; readonly error: KrpcError };

export interface TransactionsParts {
  readonly timers: Timers;
  readonly random: Random;
  ownId(): NodeId;
  send(packet: Buffer, to: PeerAddress): void;
}

interface UnderWay {
  readonly to: PeerAddress;
  readonly deadline: Task;
  readonly answered: (outcome: QueryOutcome) => void;
}

interface Waiting {
  readonly to: PeerAddress;
  readonly query: Query;
  readonly answered: (outcome: QueryOutcome) => void;
}

export class Transactions {
  readonly #parts: TransactionsParts;
  readonly #options: DhtOptions;
  readonly #allowance: Allowance;
  /** By transaction. */
  readonly #underWay = new Map<string, UnderWay>();
  /** Queries for which the allowance is used up. The callers of `ask` limit how many these are. */
  readonly #waiting: Waiting[] = [];
  #pause: Task | null = null;
  #stopped = false;

  constructor(parts: TransactionsParts, options: DhtOptions) {
    this.#parts = parts;
    this.#options = options;
    const { queriesPerSecond, queryBurst } = options;
    this.#allowance = new Allowance(queriesPerSecond, queryBurst, parts.timers.now());
  }

  /** Whether queries wait because too many have left lately. */
  get isBusy(): boolean {
    return this.#waiting.length > 0;
  }

  /** Sends `query`, now or when the allowance permits. Calls `answered` exactly once, later, but not after `stop`. */
  ask(to: PeerAddress, query: Query, answered: (outcome: QueryOutcome) => void): void {
    if (this.#stopped) return;
    this.#waiting.push({ to, query, answered });
    if (this.#pause === null) this.#drain();
  }

  gotAnswer(message: Message & { readonly kind: 'answer' }, from: PeerAddress): void {
    const { answer, seenAs } = message;
    this.#take(message.transaction, from)?.answered({ ok: true, answer, seenAs });
  }

  gotError(message: Message & { readonly kind: 'error' }, from: PeerAddress): void {
    this.#take(message.transaction, from)?.answered({ ok: false, code: 'refused', error: message.error });
  }

  /** Packets to `to` do not arrive. All queries to it that are under way fail now. */
  sendFailed(to: PeerAddress): void {
    const key = addressKey(to);
    for (const [transaction, underWay] of [...this.#underWay]) {
      if (addressKey(underWay.to) === key) this.#end(transaction, { ok: false, code: 'unreachable' });
    }
  }

  /** Gives up all queries. No callback is called afterwards. */
  stop(): void {
    this.#stopped = true;
    this.#pause?.cancel();
    this.#waiting.length = 0;
    for (const { deadline } of this.#underWay.values()) deadline.cancel();
    this.#underWay.clear();
  }

  #drain(): void {
    this.#pause = null;
    for (;;) {
      const next = this.#waiting[0];
      if (next === undefined) return;
      if (!this.#allowance.take(1, this.#parts.timers.now())) {
        this.#pause = this.#parts.timers.addTask(() => this.#drain(), PAUSE);
        return;
      }
      this.#waiting.shift();
      this.#send(next);
    }
  }

  #send({ to, query, answered }: Waiting): void {
    const { timers, random } = this.#parts;
    let transaction = random.bytes(TRANSACTION_LENGTH);
    while (this.#underWay.has(transaction.toString('latin1'))) transaction = random.bytes(TRANSACTION_LENGTH);
    const key = transaction.toString('latin1');
    const deadline = timers.addTask(() => this.#end(key, { ok: false, code: 'timeout' }), this.#options.queryTimeout);
    this.#underWay.set(key, { to, deadline, answered });
    this.#parts.send(encodeQuery(transaction, this.#parts.ownId(), query, this.#options.readOnly), to);
  }

  #take(transaction: Buffer, from: PeerAddress): UnderWay | undefined {
    const key = transaction.toString('latin1');
    const underWay = this.#underWay.get(key);
    if (underWay === undefined || underWay.to.host !== from.host || underWay.to.port !== from.port) return undefined;
    this.#underWay.delete(key);
    underWay.deadline.cancel();
    return underWay;
  }

  #end(key: string, outcome: QueryOutcome): void {
    const underWay = this.#underWay.get(key);
    if (underWay === undefined) return;
    this.#underWay.delete(key);
    underWay.deadline.cancel();
    underWay.answered(outcome);
  }
}
