/** BEP 15's connection ids: we ask for one and use it for every announce and scrape of the next minute. */
import type { Millis, Timers } from '../../base/clock.js';
import type { PeerAddress } from '../../net/raw-server.js';
import { encodeUdpRequest } from '../../wire/udp-tracker-request.js';
import { refusalMessage } from './tracker-response.js';
import type { Transaction, TransactionOutcome, UdpTransactions } from './udp-transactions.js';

export type ConnectOutcome =
  | {
      readonly ok: true;
      readonly connectionId: Buffer;
      /** We had the id already, so the tracker may have forgotten it. */
      readonly reused: boolean;
    }
  | { readonly ok: false; readonly code: 'unreachable' | 'refused'; readonly message: string };

interface Connection {
  id: Buffer | null;
  receivedAt: Millis;
  /** The request for an id that is under way. */
  asking: { readonly transaction: Transaction; sentAt: Millis } | null;
  readonly waiting: Set<(outcome: ConnectOutcome) => void>;
}

/** A caller that joins a request older than this has it sent again, because its datagram may be lost. */
const MAY_BE_LOST_AFTER: Millis = 1000;
/** With this many addresses we forget those whose ids have expired. */
const MANY_CONNECTIONS = 100;

/** The connection ids of all trackers. Callers that need the same id at the same time share one request for it. */
export class UdpConnections {
  readonly #timers: Timers;
  readonly #transactions: UdpTransactions;
  readonly #life: Millis;
  readonly #connections = new Map<string, Connection>();

  /** We may use an id for `life` after it came. */
  constructor(timers: Timers, transactions: UdpTransactions, life: Millis) {
    this.#timers = timers;
    this.#transactions = transactions;
    this.#life = life;
  }

  /** Answers at most once; within the call when we know an id. There is no deadline: the caller cancels. */
  connect(to: PeerAddress, answered: (outcome: ConnectOutcome) => void): { cancel(): void } {
    const connection = this.#connectionTo(to);
    if (connection.id !== null && this.#timers.now() - connection.receivedAt < this.#life) {
      answered({ ok: true, connectionId: connection.id, reused: true });
      return { cancel: () => undefined };
    }
    connection.waiting.add(answered);
    this.#ask(to, connection);
    return {
      cancel: () => {
        if (!connection.waiting.delete(answered) || connection.waiting.size > 0) return;
        connection.asking?.transaction.cancel();
        connection.asking = null;
      },
    };
  }

  /** For a caller whose tracker refused the id, or did not answer. */
  forget(to: PeerAddress): void {
    this.#connectionTo(to).id = null;
  }

  #connectionTo(to: PeerAddress): Connection {
    const key = `${to.host} ${to.port}`;
    const known = this.#connections.get(key);
    if (known !== undefined) return known;
    if (this.#connections.size >= MANY_CONNECTIONS) this.#forgetExpired();
    const connection: Connection = { id: null, receivedAt: 0, asking: null, waiting: new Set() };
    this.#connections.set(key, connection);
    return connection;
  }

  #forgetExpired(): void {
    const oldest = this.#timers.now() - this.#life;
    for (const [key, { id, receivedAt, waiting }] of this.#connections) {
      if (waiting.size === 0 && (id === null || receivedAt < oldest)) this.#connections.delete(key);
    }
  }

  #ask(to: PeerAddress, connection: Connection): void {
    const { asking } = connection;
    const now = this.#timers.now();
    if (asking !== null) {
      if (now - asking.sentAt < MAY_BE_LOST_AFTER) return;
      asking.sentAt = now;
      asking.transaction.sendAgain();
      return;
    }
    const encode = (transactionId: number) => encodeUdpRequest({ kind: 'connect', transactionId });
    const transaction = this.#transactions.begin(to, 'connect', encode, (outcome) => this.#answer(connection, outcome));
    connection.asking = { transaction, sentAt: now };
  }

  #answer(connection: Connection, outcome: TransactionOutcome<'connect'>): void {
    connection.asking = null;
    const told = this.#read(connection, outcome);
    for (const answered of [...connection.waiting]) {
      if (connection.waiting.delete(answered)) answered(told);
    }
  }

  #read(connection: Connection, outcome: TransactionOutcome<'connect'>): ConnectOutcome {
    if (!outcome.ok) return { ok: false, code: 'unreachable', message: outcome.message };
    const { answer } = outcome;
    if (answer.kind === 'error') return { ok: false, code: 'refused', message: refusalMessage(answer.message) };
    connection.id = Buffer.from(answer.connectionId);
    connection.receivedAt = this.#timers.now();
    return { ok: true, connectionId: connection.id, reused: false };
  }
}
