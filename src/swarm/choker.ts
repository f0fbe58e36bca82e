import type { Millis, Task, Timers } from '../base/clock.js';
import type { Random } from '../base/random.js';
import { HostTurns } from './host-turns.js';

/** What the Choker needs of a peer. */
export interface ChokablePeer {
  readonly connection: { readonly hostKey: string };
  readonly upload: {
    /** We choke the peer. */
    readonly choked: boolean;
    /** The peer wants a piece that we have. */
    readonly interested: boolean;
    /** Bytes a second to the peer. */
    readonly rate: number;
    /** When a block was sent last. */
    readonly lastSentAt: Millis;
    /** Since its unchoke the peer has taken next to nothing of what it could have. */
    readonly usesLittle: boolean;
    choke(): void;
    unchoke(): void;
  };
  readonly download: {
    /** Bytes a second from the peer. */
    readonly rate: number;
    isSnubbed(): boolean;
  };
}

/** How long turns and periods last. */
export interface ChokerOptions {
  /** How often the Choker decides anew which peers are served. */
  readonly period: Millis;
  /** The optimistic unchoke goes to the next peer after this many periods. */
  readonly periodsPerOptimistic: number;
  /** A seed serves a peer for this long; then peers that wait go first. */
  readonly turn: Millis;
  /** When a peer makes little use of its turn, the turn ends after this long. */
  readonly grace: Millis;
}

export const DEFAULT_CHOKER_OPTIONS: ChokerOptions = {
  period: 10_000,
  periodsPerOptimistic: 3,
  turn: 30_000,
  grace: 5_000,
};

interface Entry<P> {
  readonly peer: P;
  /** When it was last unchoked; null while choked. */
  unchokedAt: Millis | null;
  /**
   * When the peer was first both unchoked and interested after our last choke; null when it has not been both since.
   */
  turnSince: Millis | null;
  /** When the peer began to wait for a turn: when it became interested, or when we choked it. */
  waitsSince: Millis;
}

/**
 * Decides which peers are served: it chokes and unchokes.
 *
 * Turns belong to hosts, because a host can have many connections, and can open new ones at any time. Of two peers that
 * wait, the one whose host holds fewer slots goes first. If both hold the same number, the one whose host had its last
 * turn longer ago, or never had one, goes first.
 *
 * The Choker keeps the peers in a list. Its order is the optimistic unchoke: every 30 s a choked and interested peer
 * moves to the front. While we leech, all slots but one go to the interested peers that are not snubbed and send us
 * most. The remaining slots go down the list, to one peer of each host before any host gets a second slot.
 *
 * While we seed, a peer keeps its slot for a turn of 30 s, unless it makes little use of the turn. After these peers
 * come those that wait, then those whose turn is over, the fastest first. So slots go round, and stay with the fast
 * peers when no other host waits.
 *
 * A peer that becomes interested while a slot is free is unchoked at once, in a task of its own. Uninterested peers
 * that stand in the list before the peer with the last slot are unchoked too: they cost nothing, and can start without
 * waiting.
 */
export class Choker<P extends ChokablePeer> {
  readonly #timers: Timers;
  readonly #random: Random;
  readonly #options: ChokerOptions;
  readonly #slots: () => number;
  readonly #isSeed: () => boolean;
  readonly #entries: Entry<P>[] = [];
  readonly #turns = new HostTurns();
  #periods = 0;
  #periodTask: Task | null = null;
  #soonTask: Task | null = null;
  /** Runs when a turn has lasted long enough to show whether the peer makes use of it. */
  #lookTask: Task | null = null;

  /**
   * `slots` says how many interested peers to serve; the Choker calls it at each decision. `isSeed` says that we want
   * nothing any more.
   */
  constructor(timers: Timers, random: Random, options: ChokerOptions, slots: () => number, isSeed: () => boolean) {
    this.#timers = timers;
    this.#random = random;
    this.#options = options;
    this.#slots = slots;
    this.#isSeed = isSeed;
  }

  /**
   * A new peer gets a random place in the list; the first place is three times as likely as any other. A peer whose
   * host has had a turn is not new, and gets the last place.
   */
  peerJoined(peer: P): void {
    const isNew = this.lastTurnOf(peer.connection.hostKey) === Number.NEGATIVE_INFINITY;
    const { length } = this.#entries;
    const place = isNew ? Math.max(0, this.#random.below(length + 3) - 2) : length;
    this.#entries.splice(place, 0, { peer, unchokedAt: null, turnSince: null, waitsSince: this.#timers.now() });
    this.#periodTask ??= this.#timers.addTask(() => this.#periodOver(), this.#options.period);
  }

  peerLeft(peer: P): void {
    const place = this.#entries.findIndex((entry) => entry.peer === peer);
    if (place < 0) return;
    const [entry] = this.#entries.splice(place, 1);
    if (entry !== undefined) this.#noteTurn(entry, this.#timers.now());
    if (this.#entries.length === 0) this.stop();
    else if (entry?.unchokedAt !== null) this.#rechokeSoon();
  }

  /** The peer became interested, or is interested no longer. */
  interestChanged(peer: P): void {
    const entry = this.#entries.find((one) => one.peer === peer);
    if (entry === undefined) return;
    if (entry.unchokedAt === null) entry.waitsSince = this.#timers.now();
    else if (peer.upload.interested) entry.turnSince ??= this.#timers.now();
    if (entry.unchokedAt !== null || peer.upload.interested) this.#rechokeSoon();
  }

  /** When the last turn of this host ended; -∞ when it has had none. */
  lastTurnOf(host: string): Millis {
    return this.#turns.lastOf(host);
  }

  /** We became a seed, or are a seed no longer, so the rule has changed. */
  ruleChanged(): void {
    if (this.#entries.length > 0) this.#rechokeSoon();
  }

  /** Cancels every task. The Choker decides nothing until a peer joins. */
  stop(): void {
    this.#periodTask?.cancel();
    this.#periodTask = null;
    this.#soonTask?.cancel();
    this.#soonTask = null;
    this.#lookTask?.cancel();
    this.#lookTask = null;
  }

  /** Peers in the order of the optimistic unchoke. */
  get order(): readonly P[] {
    return this.#entries.map((entry) => entry.peer);
  }

  #periodOver(): void {
    this.#periodTask = this.#timers.addTask(() => this.#periodOver(), this.#options.period);
    this.#periods += 1;
    if (this.#periods % this.#options.periodsPerOptimistic === 0) this.#rotate();
    this.#rechoke();
  }

  #rotate(): void {
    const waiting = this.#entries.filter(({ peer }) => peer.upload.choked && peer.upload.interested);
    const held = new EntriesByHost(this.#entries.filter(({ turnSince }) => turnSince !== null));
    const first = firstOf(
      waiting,
      (a, b) => held.compare(a, b) || compareTimes(this.lastTurnOf(hostOf(a)), this.lastTurnOf(hostOf(b))),
    );
    if (first === undefined) return;
    const host = hostOf(first);
    const next = firstOf(
      waiting.filter((entry) => hostOf(entry) === host),
      (a, b) => a.waitsSince - b.waitsSince,
    );
    this.#entries.push(...this.#entries.splice(0, this.#entries.indexOf(next ?? first)));
  }

  #rechokeSoon(): void {
    this.#soonTask ??= this.#timers.addTask(() => {
      this.#soonTask = null;
      this.#rechoke();
    }, 0);
  }

  #rechoke(): void {
    const slots = Math.max(1, this.#slots());
    const isSeed = this.#isSeed();
    const chosen = isSeed ? this.#chooseToSeed(slots) : this.#chooseToTrade(slots);
    const now = this.#timers.now();
    // The loop runs over a copy, because a choke may end a connection, and its peer then leaves the list.
    for (const entry of [...this.#entries]) {
      if (!chosen.has(entry) && entry.unchokedAt !== null) {
        this.#noteTurn(entry, now);
        entry.unchokedAt = null;
        entry.turnSince = null;
        entry.waitsSince = now;
        entry.peer.upload.choke();
      }
    }
    for (const entry of chosen) {
      if (entry.unchokedAt !== null) continue;
      entry.unchokedAt = now;
      entry.turnSince = entry.peer.upload.interested ? now : null;
      entry.peer.upload.unchoke();
    }
    if (isSeed && this.#entries.some(({ peer }) => peer.upload.interested && peer.upload.choked)) this.#lookLater();
  }

  #lookLater(): void {
    this.#lookTask ??= this.#timers.addTask(() => {
      this.#lookTask = null;
      this.#rechoke();
    }, this.#options.grace);
  }

  /**
   * Notes that the turn of this entry is over. A turn that ended before the peer got a block and before `grace` does
   * not count.
   */
  #noteTurn({ peer, turnSince }: Entry<P>, now: Millis): void {
    if (turnSince === null) return;
    if (peer.upload.lastSentAt < turnSince && now - turnSince < this.#options.grace) return;
    this.#turns.ended(peer.connection.hostKey, now);
  }

  #chooseToTrade(slots: number): Set<Entry<P>> {
    const best = this.#entries
      .filter(({ peer }) => peer.upload.interested && !peer.download.isSnubbed())
      .map((entry) => ({ entry, rate: entry.peer.download.rate }))
      .sort((a, b) => b.rate - a.rate)
      .slice(0, slots - 1);
    const chosen = new Set(best.map(({ entry }) => entry));
    let free = slots - chosen.size;
    for (const entry of this.#hostByHost(chosen)) {
      if (free === 0) break;
      chosen.add(entry);
      if (entry.peer.upload.interested) free -= 1;
    }
    return chosen;
  }

  /**
   * The peers that are not chosen, in the order of the list, but one peer of each host before the second of any host.
   */
  #hostByHost(chosen: ReadonlySet<Entry<P>>): Entry<P>[] {
    const held = new EntriesByHost(chosen);
    const others = this.#entries
      .filter((entry) => !chosen.has(entry))
      .map((entry) => {
        const round = held.of(entry);
        if (entry.peer.upload.interested) held.add(entry);
        return { entry, round };
      });
    return others.sort((a, b) => a.round - b.round).map(({ entry }) => entry);
  }

  #chooseToSeed(slots: number): Set<Entry<P>> {
    const now = this.#timers.now();
    const wanting = this.#entries
      .filter(({ peer }) => peer.upload.interested)
      .map((entry) => ({ entry, isInTurn: this.#isInTurn(entry, now), rate: entry.peer.upload.rate }));
    const inTurn = wanting.filter(({ isInTurn }) => isInTurn).sort((a, b) => b.rate - a.rate);
    const chosen = new Set(inTurn.slice(0, slots).map(({ entry }) => entry));
    const held = new EntriesByHost(chosen);
    // When a turn is over but its peer is still unchoked, the turn is noted only at the choke. For the order the host
    // has its last turn now.
    const served = new EntriesByHost(this.#entries.filter(({ turnSince }) => turnSince !== null));
    const lastTurnOf = (entry: Entry<P>): Millis => (served.of(entry) > 0 ? now : this.lastTurnOf(hostOf(entry)));
    const others = new Set(wanting.filter(({ isInTurn }) => !isInTurn));
    while (chosen.size < slots) {
      const next = firstOf(
        others,
        (a, b) =>
          held.compare(a.entry, b.entry) ||
          Number(a.entry.unchokedAt !== null) - Number(b.entry.unchokedAt !== null) ||
          (a.entry.unchokedAt !== null
            ? b.rate - a.rate
            : compareTimes(lastTurnOf(a.entry), lastTurnOf(b.entry)) || a.entry.waitsSince - b.entry.waitsSince),
      );
      if (next === undefined) break;
      others.delete(next);
      chosen.add(next.entry);
      held.add(next.entry);
    }
    if (wanting.length >= slots) return chosen;
    for (const entry of this.#entries) if (!entry.peer.upload.interested) chosen.add(entry);
    return chosen;
  }

  #isInTurn({ peer, unchokedAt, turnSince }: Entry<P>, now: Millis): boolean {
    if (unchokedAt === null) return false;
    const length = now - (turnSince ?? now);
    return length < this.#options.turn && (length < this.#options.grace || !peer.upload.usesLittle);
  }
}

type HasHost = Entry<ChokablePeer>;

function hostOf({ peer }: HasHost): string {
  return peer.connection.hostKey;
}

/** Counts the entries of each host. */
class EntriesByHost {
  readonly #counts = new Map<string, number>();

  constructor(entries: Iterable<HasHost>) {
    for (const entry of entries) this.add(entry);
  }

  add(entry: HasHost): void {
    this.#counts.set(hostOf(entry), this.of(entry) + 1);
  }

  of(entry: HasHost): number {
    return this.#counts.get(hostOf(entry)) ?? 0;
  }

  compare(a: HasHost, b: HasHost): number {
    return this.of(a) - this.of(b);
  }
}

/** Negative when `a` is earlier. Either may be -∞. */
function compareTimes(a: Millis, b: Millis): number {
  return a === b ? 0 : a - b;
}

/** The smallest item by `compare`, and of equal ones the first; undefined when there are none. */
function firstOf<T>(items: Iterable<T>, compare: (a: T, b: T) => number): T | undefined {
  let first: T | undefined;
  for (const item of items) if (first === undefined || compare(item, first) < 0) first = item;
  return first;
}

/**
 * How many peers we serve at once when the user has set no number. With a low upload limit there are few slots, so that
 * each peer gets a useful rate. Above that, the number grows with the square root of the limit. `rate` is the limit in
 * bytes a second, or null for no limit.
 */
export function uploadSlotsForRate(rate: number | null): number {
  if (rate === null) return 7;
  const kilobytes = rate / 1000;
  if (kilobytes < 9) return 2;
  if (kilobytes < 15) return 3;
  if (kilobytes < 42) return 4;
  return Math.floor(Math.sqrt(kilobytes * 0.6));
}
