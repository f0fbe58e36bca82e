/**
 * The tellers that have named addresses of peers to us, and how much of what is scarce (places of spares, places of
 * peers that we dialled) the addresses of each teller may take. Kinds of sources share first, then the tellers of one
 * kind: a thousand tellers of one kind take nothing from another kind. No share is kept free: while others want less,
 * one teller may have everything.
 */

import { hostKey } from '../../net/host-key.js';
import type { AddressSource, AddressSourceKind } from '../../net/reach-rule.js';

/** What is shared: spares that wait, or dials whose peer has not been of use yet. */
export type Shared = 'waiting' | 'unproven';

/** The order of turns among kinds that have had as much. */
const ORDER: readonly AddressSourceKind[] = ['user', 'tracker', 'link', 'incoming', 'lsd', 'dht', 'pex'];
/** So many failures halve a teller's share; each success doubles it again. */
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

  /** The weight of its best member that takes part, `teller` included: members do not answer for each other. */
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
  waiting = 0;
  unproven = 0;
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

  /** Its share beside others of its kind: 1 for a teller that has not failed. */
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

  /** An address that it named came to nothing. */
  failed(): void {
    this.#failures += 1;
    if (this.#failures % FAILURES_A_HALVING === 0) this.disappointed();
  }

  /** It named a peer that kept a place from others and was of no use. */
  disappointed(): void {
    this.#halvings = Math.min(this.#halvings + 1, MAX_HALVINGS);
  }

  /** There was a peer of this torrent at an address that it named. */
  succeeded(): void {
    this.#failures = 0;
    this.#halvings = Math.max(0, this.#halvings - 1);
  }
}

export class Tellers {
  readonly #maxIdle: number;
  readonly #groups = new Map<AddressSourceKind, Group>(ORDER.map((kind) => [kind, new Group(kind)]));
  /** The longest known come first. */
  readonly #known = new Map<string, Teller>();
  #turns = 0;

  /** `maxIdle`: so many tellers are remembered of which no address waits. */
  constructor(maxIdle: number) {
    this.#maxIdle = maxIdle;
  }

  get count(): number {
    return this.#known.size;
  }

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

  /** The teller whose turn is next: the fewest unproven dials for its share, then the longest since its last turn. */
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
   * The holder that has so much more than `newcomer` that one of its places is the newcomer's by right; undefined when
   * there is none. The user names addresses once, so these wait as long as they must.
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

/** Whether `a`, of the weight `ofA`, is served before `b`. */
function isServedBefore(a: Teller | Group, ofA: number, b: Teller | Group, ofB: number): boolean {
  const [shareOfA, shareOfB] = [(a.unproven + 1) / ofA, (b.unproven + 1) / ofB];
  if (shareOfA !== shareOfB) return shareOfA < shareOfB;
  if (a.lastTurn !== b.lastTurn) return a.lastTurn < b.lastTurn;
  return ORDER.indexOf(a.kind) < ORDER.indexOf(b.kind);
}
