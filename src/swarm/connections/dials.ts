/** The connections that we dialled, and the teller in whose turn we dialled each of them. */
import type { Millis } from '../../base/clock.js';
import type { RefusalCode } from '../../wire/refusal.js';
import type { Connection, Ending } from './connection.js';
import type { Standing } from './peer-connection.js';
import type { Teller, Tellers } from './tellers.js';

/** Endings that say nothing against the teller of the address. */
const NO_FAULT_OF_THE_TELLER: ReadonlySet<RefusalCode> = new Set([
  'own-peer-id',
  'duplicate-peer',
  'idle',
  'table-full',
  'both-complete',
  'pieces-lost',
  'cannot-serve',
  'info-hash-changed',
  'listed',
  'shutting-down',
]);

interface Dial {
  readonly teller: Teller;
  isHalfOpen: boolean;
  isAnswered: boolean;
  isProven: boolean;
}

/** An address that waits for a place among the dials. */
export interface Waiting {
  readonly teller: Teller;
  /** The address has not failed yet. */
  readonly isFresh: boolean;
}

export interface DialsOptions {
  /** A dial keeps its place for this long in any case. So does a peer, counted from the end of its handshake. */
  readonly patience: Millis;
  /** A peer that says that it has pieces keeps its place for this long after its handshake. */
  readonly provingTime: Millis;
}

export class Dials {
  readonly #tellers: Tellers;
  readonly #options: DialsOptions;
  readonly #standingOf: (connection: Connection) => Standing;
  readonly #all = new Map<Connection, Dial>();

  /** `standingOf` is asked only about connections whose handshake is finished. */
  constructor(tellers: Tellers, options: DialsOptions, standingOf: (connection: Connection) => Standing) {
    this.#tellers = tellers;
    this.#options = options;
    this.#standingOf = standingOf;
  }

  /** We have begun to dial, in the turn of `teller`. */
  begun(connection: Connection, teller: Teller): void {
    teller.take('unproven');
    this.#tellers.served(teller);
    this.#all.set(connection, { teller, isHalfOpen: true, isAnswered: false, isProven: false });
  }

  /** The dial has got through, or has ended. Returns true for the first of the two. */
  gotThrough(connection: Connection): boolean {
    const dial = this.#all.get(connection);
    if (dial?.isHalfOpen !== true) return false;
    dial.isHalfOpen = false;
    return true;
  }

  /** The peer has said its handshake, or the dial has ended. Returns true for the first of the two. */
  answered(connection: Connection): boolean {
    const dial = this.#all.get(connection);
    if (dial === undefined || dial.isAnswered) return false;
    dial.isAnswered = true;
    return true;
  }

  isHalfOpen(connection: Connection): boolean {
    return this.#all.get(connection)?.isHalfOpen === true;
  }

  /** The handshake is finished. */
  completed(connection: Connection): void {
    this.#all.get(connection)?.teller.succeeded();
  }

  /** Peers that are proven by now do not count in the shares of their tellers any more. A handshake proves nothing. */
  settle(): void {
    for (const [connection, dial] of this.#all) {
      if (dial.isProven || connection.completeSince === null || this.#standingOf(connection) !== 'proven') continue;
      dial.isProven = true;
      dial.teller.giveBack('unproven');
    }
  }

  /** The connection has ended. Its ending may speak against the teller of the address. */
  ended(connection: Connection, ending: Ending): void {
    const dial = this.#all.get(connection);
    this.#all.delete(connection);
    if (dial === undefined) return;
    const { teller } = dial;
    if (!dial.isProven) teller.giveBack('unproven');
    if (ending.by === 'us' ? NO_FAULT_OF_THE_TELLER.has(ending.reason.code) : ending.failure.isOurs === true) return;
    if (connection.completeSince === null) teller.failed();
    else if (ending.by === 'us') teller.disappointed();
  }

  /**
   * Which dial gives its place to `newcomer`, and when: a dial of the teller that is most over its share. If no teller
   * is, it is a dial of the newcomer's own teller that has come to nothing so far. `isHalfOpen`: only dials that have
   * not got through count.
   */
  toGiveWayTo(newcomer: Waiting, isHalfOpen: boolean): { readonly dial: Connection; readonly at: Millis } | undefined {
    const unproven = [...this.#all].filter(([, dial]) => !dial.isProven && (dial.isHalfOpen || !isHalfOpen));
    const holders = new Set(unproven.map(([, { teller }]) => teller));
    const over = this.#tellers.mostOver(holders, newcomer.teller, 'unproven');
    let giving: { readonly dial: Connection; readonly at: Millis } | undefined;
    for (const [dial, { teller }] of unproven) {
      const isPromising = dial.completeSince !== null && this.#standingOf(dial) === 'promising';
      const mayGive =
        over === undefined ? newcomer.isFresh && teller === newcomer.teller && !isPromising : teller === over;
      const { patience, provingTime } = this.#options;
      const at = (dial.completeSince ?? dial.madeAt) + (isPromising ? provingTime : patience);
      if (mayGive && (giving === undefined || at < giving.at)) giving = { dial, at };
    }
    return giving;
  }

  /** Of the half-open dials that have had their time, the oldest one of the teller with the most unproven dials. */
  toGiveUp(now: Millis): Connection | undefined {
    let most: Connection | undefined;
    let count = 0;
    for (const [connection, { teller, isHalfOpen }] of this.#all) {
      const isYoung = connection.madeAt + this.#options.patience > now;
      if (!isHalfOpen || connection.completeSince !== null || teller.unproven <= count || isYoung) continue;
      count = teller.unproven;
      most = connection;
    }
    return most;
  }
}
