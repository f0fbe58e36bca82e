import type { Millis } from '../base/clock.js';
import type { RefusalCode } from '../wire/refusal.js';
import type { Connection, Ending } from './connection.js';
import type { Teller, Tellers } from './tellers.js';

/** Ends that say nothing against the one who named the address. */
const NOBODYS_FAULT: ReadonlySet<RefusalCode> = new Set([
  'own-peer-id',
  'duplicate-peer',
  'idle',
  'table-full',
  'both-complete',
  'pieces-lost',
  'cannot-serve',
  'shutting-down',
]);

interface Dial {
  readonly teller: Teller;
  isHalfOpen: boolean;
}

/** The connections that we dialled, and in whose turn each of them was. */
export class Dials {
  readonly #tellers: Tellers;
  readonly #patience: Millis;
  readonly #all = new Map<Connection, Dial>();

  /** A dial younger than `patience` gives way to none. */
  constructor(tellers: Tellers, patience: Millis) {
    this.#tellers = tellers;
    this.#patience = patience;
  }

  begun(connection: Connection, teller: Teller): void {
    teller.take('unfinished');
    this.#tellers.served(teller);
    this.#all.set(connection, { teller, isHalfOpen: true });
  }

  /** The dial has got through, or has ended. True when that is new. */
  gotThrough(connection: Connection): boolean {
    const dial = this.#all.get(connection);
    if (dial?.isHalfOpen !== true) return false;
    dial.isHalfOpen = false;
    return true;
  }

  isHalfOpen(connection: Connection): boolean {
    return this.#all.get(connection)?.isHalfOpen === true;
  }

  /** The handshake is finished. */
  completed(connection: Connection): void {
    const teller = this.#all.get(connection)?.teller;
    if (teller === undefined) return;
    teller.giveBack('unfinished');
    teller.succeeded();
  }

  ended(connection: Connection, ending: Ending): void {
    const teller = this.#all.get(connection)?.teller;
    this.#all.delete(connection);
    if (teller === undefined) return;
    const isUnfinished = connection.completeSince === null;
    if (isUnfinished) teller.giveBack('unfinished');
    if (ending.by === 'us' && NOBODYS_FAULT.has(ending.reason.code)) return;
    if (isUnfinished) teller.failed();
    else if (ending.by === 'us') teller.disappointed();
  }

  /**
   * The dial that is to give its place to one of `newcomer`, and when: the oldest of the one who has most for its share.
   * `isHalfOpen`: only a dial that has not got through will do.
   */
  toGiveWayTo(newcomer: Teller, isHalfOpen: boolean): { readonly dial: Connection; readonly at: Millis } | undefined {
    const unfinished = this.#unfinished(isHalfOpen);
    const over = this.#tellers.mostOver(new Set(unfinished.values()), newcomer, 'unfinished');
    for (const [dial, teller] of unfinished) if (teller === over) return { dial, at: dial.madeAt + this.#patience };
    return undefined;
  }

  /** The oldest half-open dial of the one who has most of them, if it has had its time. */
  toGiveUp(now: Millis): Connection | undefined {
    let most: Connection | undefined;
    let count = 0;
    for (const [dial, teller] of this.#unfinished(true)) {
      if (teller.unfinished <= count || dial.madeAt + this.#patience > now) continue;
      count = teller.unfinished;
      most = dial;
    }
    return most;
  }

  /** The oldest first. */
  #unfinished(isHalfOpen: boolean): Map<Connection, Teller> {
    const unfinished = new Map<Connection, Teller>();
    for (const [connection, dial] of this.#all) {
      if (connection.completeSince === null && (dial.isHalfOpen || !isHalfOpen))
        unfinished.set(connection, dial.teller);
    }
    return unfinished;
  }
}
