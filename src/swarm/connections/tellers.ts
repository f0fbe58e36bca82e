/**
 * The tellers that have named addresses of peers to us. Places for spares and for peers that we dialled are scarce, so
 * the addresses of each teller have a share of them. Kinds of sources share first, then the tellers of one kind: a
 * thousand tellers of one kind take nothing from another kind. No share is kept free: while others want less, one
 * teller may have everything.
 */

import { hostKey } from '../../net/host-key.js';
import type { AddressSource, AddressSourceKind } from '../../net/reach-rule.js';

/** What tellers share: the places of spares that wait, or those of dials whose peer has not been of use yet. */
export type Shared = 'waiting' | 'unproven';

/** The order of turns among kinds of sources that are equal in all else. */
const ORDER: readonly AddressSourceKind[] = ['user', 'tracker', 'link', 'incoming', 'lsd', 'dht', 'pex'];
/** This many failures halve a teller's share. Each success doubles it again. */
const FAILURES_A_HALVING = 4;
const MAX_HALVINGS = 4;

/** All tellers of one kind. */
class Group {
  readonly kind: AddressSourceKind;
  readonly members = new Set<Teller>();
  waiting = 0;
  unproven = 0;
  lastTurn = 0;

  constructor(kind: AddressSourceKind) {
    this.kind = kind;
  }

  /** The highest weight among `teller` and the members that are not idle: members do not answer for each other. */
  weightWith(teller: Teller): number {
    let most = teller.weight;
    for (const member of this.members) if (!member.isIdle) most = Math.max(most, member.weight);
    return most;
  }
}

/** A source that names addresses: the user, a tracker, a host. */
export class Teller {
  readonly key: string;
  readonly group: Group;
  /** How many of its addresses wait. */
  waiting = 0;
  /** How many dials of its addresses have not been of use yet. */
  unproven = 0;
  /** The number of its last turn; 0 when it has had none. */
  lastTurn = 0;
  #failures = 0;
  #halvings = 0;

  constructor(key: string, group: Group) {
    this.key = key;
    this.group = group;
  }

  get kind(): AddressSourceKind {
    return this.group.kind;
  }

  /** Its share relative to others of its kind: 1 for a teller that has not failed, 1/16 at the least. */
  get weight(): number {
    return 2 ** -this.#halvings;
  }

  get isIdle(): boolean {
    return this.waiting === 0 && this.unproven === 0;
  }

  take(what: Shared): void {
    this[what] += 1;
    this.group[what] += 1;
  }

  giveBack(what: Shared): void {
    this[what] -= 1;
    this.group[what] -= 1;
  }

  /** A dial of an address that it named has come to nothing. */
  failed(): void {
    this.#failures += 1;
    if (this.#failures % FAILURES_A_HALVING === 0) this.disappointed();
  }

  /** It has named a peer that kept a place from others and was of no use. */
  disappointed(): void {
    this.#halvings = Math.min(this.#halvings + 1, MAX_HALVINGS);
  }

  /** At an address that it named there was a peer of this torrent. */
  succeeded(): void {
    this.#failures = 0;
    this.#halvings = Math.max(0, this.#halvings - 1);
  }
}

/** All tellers of one torrent. */
export class Tellers {
  readonly #maxIdle: number;
  readonly #groups = new Map<AddressSourceKind, Group>(ORDER.map((kind) => [kind, new Group(kind)]));
  /** By key, the teller that we have known longest first. */
  readonly #known = new Map<string, Teller>();
  #turns = 0;

  /** With `maxIdle` tellers or more, each new one makes us forget an idle one. */
  constructor(maxIdle: number) {
    this.#maxIdle = maxIdle;
  }

  /** How many tellers we know. */
  get count(): number {
    return this.#known.size;
  }

  /** The teller of a source: one for each kind and host, and one for a kind whose sources have no host. */
  of(source: AddressSource): Teller {
    const key = 'teller' in source ? `${source.kind} ${hostKey(source.teller)}` : source.kind;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const group = this.#groups.get(source.kind);
    if (group === undefined) throw new Error(`a source of no kind: ${source.kind}`);
    if (this.#known.size >= this.#maxIdle) this.#forgetIdle();
    const teller = new Teller(key, group);
    this.#known.set(key, teller);
    group.members.add(teller);
    return teller;
  }

  /**
   * The teller whose turn is next: the one with the fewest unproven dials for its share; of equals, the one whose last
   * turn is longest ago.
   */
  next(candidates: Iterable<Teller>): Teller | undefined {
    const firsts = new Map<Group, Teller>();
    for (const teller of candidates) {
      const first = firsts.get(teller.group);
      if (first === undefined || isServedBefore(teller, teller.weight, first, first.weight))
        firsts.set(teller.group, teller);
    }
    let next: { readonly teller: Teller; readonly weight: number } | undefined;
    for (const teller of firsts.values()) {
      const weight = teller.group.weightWith(teller);
      const isFirst = next === undefined || isServedBefore(teller.group, weight, next.teller.group, next.weight);
      if (isFirst) next = { teller, weight };
    }
    return next?.teller;
  }

  /**
   * Of `holders`, the teller that is most over its share, if the newcomer has a right to one of its places. Undefined
   * when there is none. The user names addresses only once, so they wait as long as they must.
   */
  mostOver(holders: Iterable<Teller>, newcomer: Teller, what: Shared): Teller | undefined {
    const most = new Map<Group, Teller>();
    for (const teller of holders) {
      if ((what === 'waiting' && teller.kind === 'user') || teller === newcomer) continue;
      const first = most.get(teller.group);
      if (first === undefined || teller[what] / teller.weight > first[what] / first.weight)
        most.set(teller.group, teller);
    }
    const { group } = newcomer;
    let least = (group[what] + 1) / group.weightWith(newcomer);
    let over: Teller | undefined;
    for (const teller of most.values()) {
      const has = teller.group[what] / teller.group.weightWith(teller);
      if (teller.group === group || has <= least) continue;
      least = has;
      over = teller;
    }
    if (over !== undefined) return over;
    const fellow = most.get(group);
    const isOver = fellow !== undefined && fellow[what] / fellow.weight > (newcomer[what] + 1) / newcomer.weight;
    return isOver ? fellow : undefined;
  }

  /** `teller` has had its turn. */
  served(teller: Teller): void {
    this.#turns += 1;
    teller.lastTurn = this.#turns;
    teller.group.lastTurn = this.#turns;
  }

  #forgetIdle(): void {
    for (const [key, teller] of this.#known) {
      if (!teller.isIdle) continue;
      this.#known.delete(key);
      teller.group.members.delete(teller);
      return;
    }
  }
}

/** Whether `a` has its turn before `b`. */
function isServedBefore(a: Teller | Group, weightOfA: number, b: Teller | Group, weightOfB: number): boolean {
  const [shareOfA, shareOfB] = [(a.unproven + 1) / weightOfA, (b.unproven + 1) / weightOfB];
  if (shareOfA !== shareOfB) return shareOfA < shareOfB;
  if (a.lastTurn !== b.lastTurn) return a.lastTurn < b.lastTurn;
  return ORDER.indexOf(a.kind) < ORDER.indexOf(b.kind);
}
