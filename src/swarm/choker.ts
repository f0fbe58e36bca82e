import type { Millis, Task, Timers } from '../base/clock.js';
import type { Random } from '../base/random.js';

/** What the Choker must know of a peer, and may do to it. */
export interface ChokablePeer {
  readonly upload: {
    /** We choke the peer. */
    readonly choked: boolean;
    /** The peer wants something of us. */
    readonly interested: boolean;
    /** Bytes a second to the peer. */
    readonly rate: number;
    choke(): void;
    unchoke(): void;
  };
  readonly download: {
    /** Bytes a second from the peer. */
    readonly rate: number;
    isSnubbed(): boolean;
  };
}

export interface ChokerOptions {
  /** Who is served is decided anew this often. */
  readonly period: Millis;
  /** The optimistic unchoke goes to the next peer every so many periods. */
  readonly periodsPerOptimistic: number;
  /** A seed serves a peer for this long before others who wait go first. */
  readonly turn: Millis;
}

export const DEFAULT_CHOKER_OPTIONS: ChokerOptions = { period: 10_000, periodsPerOptimistic: 3, turn: 30_000 };

// Who goes first when we seed.
const IN_TURN = 0;
const CHOKED = 1;
const TURN_OVER = 2;

interface Entry<P> {
  readonly peer: P;
  /** When it was last unchoked; null while choked. */
  unchokedAt: Millis | null;
  /** When its wait for a turn began: when it became interested, or was choked. */
  waitsSince: Millis;
}

/**
 * Decides who is served.
 *
 * The order of its list is the optimistic unchoke: every 30 s the first choked and interested peer comes first. While
 * we leech, all slots but one go to the interested, unsnubbed peers that send us most; what remains goes down the list.
 * While we seed, whoever is in the middle of a turn of 30 s stays, then come those who wait, longest first, then those
 * whose turn is over, fastest first: slots go round, and stay with the fast where nobody waits.
 *
 * A peer that is interested while slots are free is unchoked at once, in a task of its own. Uninterested peers that
 * stand before the last slot in the list are unchoked too: they cost nothing, and can start without waiting.
 */
export class Choker<P extends ChokablePeer> {
  readonly #timers: Timers;
  readonly #random: Random;
  readonly #options: ChokerOptions;
  readonly #slots: () => number;
  readonly #isSeed: () => boolean;
  readonly #entries: Entry<P>[] = [];
  #periods = 0;
  #periodTask: Task | null = null;
  #soonTask: Task | null = null;

  /** `slots`: how many interested peers to serve, asked at each decision. `isSeed`: we want nothing any more. */
  constructor(timers: Timers, random: Random, options: ChokerOptions, slots: () => number, isSeed: () => boolean) {
    this.#timers = timers;
    this.#random = random;
    this.#options = options;
    this.#slots = slots;
    this.#isSeed = isSeed;
  }

  /**
   * New peers go to one of the first places more often than chance has it: they are three times as likely to be next.
   */
  peerJoined(peer: P): void {
    const place = Math.max(0, this.#random.below(this.#entries.length + 3) - 2);
    this.#entries.splice(place, 0, { peer, unchokedAt: null, waitsSince: this.#timers.now() });
    this.#periodTask ??= this.#timers.addTask(() => this.#periodOver(), this.#options.period);
  }

  peerLeft(peer: P): void {
    const place = this.#entries.findIndex((entry) => entry.peer === peer);
    if (place < 0) return;
    const [entry] = this.#entries.splice(place, 1);
    if (this.#entries.length === 0) this.stop();
    else if (entry?.unchokedAt !== null) this.#rechokeSoon();
  }

  /** The peer became interested, or stopped being so. */
  interestChanged(peer: P): void {
    const entry = this.#entries.find((one) => one.peer === peer);
    if (entry === undefined) return;
    if (entry.unchokedAt === null) entry.waitsSince = this.#timers.now();
    if (entry.unchokedAt !== null || peer.upload.interested) this.#rechokeSoon();
  }

  /** We became a seed, or stopped being one: the rule has changed. */
  ruleChanged(): void {
    if (this.#entries.length > 0) this.#rechokeSoon();
  }

  /** Decides nothing any more, until a peer joins. */
  stop(): void {
    this.#periodTask?.cancel();
    this.#periodTask = null;
    this.#soonTask?.cancel();
    this.#soonTask = null;
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
    const first = this.#entries.findIndex(({ peer }) => peer.upload.choked && peer.upload.interested);
    if (first > 0) this.#entries.push(...this.#entries.splice(0, first));
  }

  #rechokeSoon(): void {
    this.#soonTask ??= this.#timers.addTask(() => {
      this.#soonTask = null;
      this.#rechoke();
    }, 0);
  }

  #rechoke(): void {
    const slots = Math.max(1, this.#slots());
    const chosen = this.#isSeed() ? this.#chooseToSeed(slots) : this.#chooseToTrade(slots);
    const now = this.#timers.now();
    // Over a copy: a choke may end a connection, which leaves the list.
    for (const entry of [...this.#entries]) {
      if (!chosen.has(entry) && entry.unchokedAt !== null) {
        entry.unchokedAt = null;
        entry.waitsSince = now;
        entry.peer.upload.choke();
      }
    }
    for (const entry of chosen) {
      if (entry.unchokedAt !== null) continue;
      entry.unchokedAt = now;
      entry.peer.upload.unchoke();
    }
  }

  #chooseToTrade(slots: number): Set<Entry<P>> {
    const best = this.#entries
      .filter(({ peer }) => peer.upload.interested && !peer.download.isSnubbed())
      .map((entry) => ({ entry, rate: entry.peer.download.rate }))
      .sort((a, b) => b.rate - a.rate)
      .slice(0, slots - 1);
    const chosen = new Set(best.map(({ entry }) => entry));
    let free = slots - chosen.size;
    for (const entry of this.#entries) {
      if (free === 0) break;
      if (chosen.has(entry)) continue;
      chosen.add(entry);
      if (entry.peer.upload.interested) free -= 1;
    }
    return chosen;
  }

  #chooseToSeed(slots: number): Set<Entry<P>> {
    const now = this.#timers.now();
    const ranked = this.#entries
      .filter(({ peer }) => peer.upload.interested)
      .map((entry) => ({ entry, rank: this.#rank(entry, now), rate: entry.peer.upload.rate }));
    ranked.sort(
      (a, b) => a.rank - b.rank || (a.rank === CHOKED ? a.entry.waitsSince - b.entry.waitsSince : b.rate - a.rate),
    );
    const chosen = new Set(ranked.slice(0, slots).map(({ entry }) => entry));
    if (ranked.length >= slots) return chosen;
    for (const entry of this.#entries) if (!entry.peer.upload.interested) chosen.add(entry);
    return chosen;
  }

  #rank(entry: Entry<P>, now: Millis): number {
    if (entry.unchokedAt === null) return CHOKED;
    return now - entry.unchokedAt < this.#options.turn ? IN_TURN : TURN_OVER;
  }
}
