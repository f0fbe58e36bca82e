import type { Millis } from '../../base/clock.js';
import type { RefusalCode } from '../../wire/refusal.js';
import type { Connection, Ending } from './connection.js';
import type { Standing } from './peer-connection.js';
import type { Teller, Tellers } from './tellers.js';

/** Ends that say nothing against the teller of the address. */
const NO_FAULT_OF_THE_TELLER: ReadonlySet<RefusalCode> = new Set([
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
  isProven: boolean;
}

/** An address that waits for a place. */
export interface Waiting {
  readonly teller: Teller;
  /** It has not failed yet. */
  readonly isFresh: boolean;
}

export interface DialsOptions {
  /** A dial that is younger gives way to none, nor does a peer whose handshake was finished later. */
  readonly patience: Millis;
  /** The same for a peer that says that it has pieces. */
  readonly provingTime: Millis;
}

/** The connections that we dialled, and in whose turn each of them was. */
export class Dials {
  readonly #tellers: Tellers;
  readonly #options: DialsOptions;
  readonly #standingOf: (connection: Connection) => Standing;
  readonly #all = new Map<Connection, Dial>();

  /** `standingOf`: of a connection whose handshake is finished. */
  constructor(tellers: Tellers, options: DialsOptions, standingOf: (connection: Connection) => Standing) {
    this.#tellers = tellers;
    this.#options = options;
    this.#standingOf = standingOf;
  }

  begun(connection: Connection, teller: Teller): void {
    teller.take('unproven');
    this.#tellers.served(teller);
    this.#all.set(connection, { teller, isHalfOpen: true, isProven: false });
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
    this.#all.get(connection)?.teller.succeeded();
  }

  /** A peer that is proven by now counts no more in its teller's share. A handshake proves nothing. */
  settle(): void {
    for (const [connection, dial] of this.#all) {
      if (dial.isProven || connection.completeSince === null || this.#standingOf(connection) !== 'proven') continue;
      dial.isProven = true;
      dial.teller.giveBack('unproven');
    }
  }

  ended(connection: Connection, ending: Ending): void {
    const dial = this.#all.get(connection);
    this.#all.delete(connection);
    if (dial === undefined) return;
    const { teller } = dial;
    if (!dial.isProven) teller.giveBack('unproven');
    if (ending.by === 'us' && NO_FAULT_OF_THE_TELLER.has(ending.reason.code)) return;
    if (connection.completeSince === null) teller.failed();
    else if (ending.by === 'us') teller.disappointed();
  }

  /**
   * The dial that is to give its place to `newcomer`, and when: a dial of the teller that is most over its share, or
   * else one of the newcomer's own teller that has come to nothing. `isHalfOpen`: only a dial that has not got through
   * will do.
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

  /** The oldest half-open dial that has had its time, of the teller that has most dials. */
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
