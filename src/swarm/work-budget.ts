import type { Task, Timers } from '../base/clock.js';
import { LeakyCounter, type LeakyCounterOptions } from './leaky-counter.js';

/** All in the units of `price.ts`. */
export interface WorkOptions {
  /** What one connection may do with what came in at once; the rest of it waits for a task of its own. */
  readonly ofOneRead: number;
  /** What all connections may do in one turn of the loop; what comes in after that waits for a task as well. */
  readonly ofOneTurn: number;
  /** Work that the peers of one host may make for nothing, besides what their connections have credit for. */
  readonly idle: LeakyCounterOptions;
  /** Idle work that one connection may make before it counts: so much at first, and at the most with what it earns. */
  readonly credit: { readonly first: number; readonly most: number };
}

// About half a millisecond, and five. For nothing: two milliseconds in each second, and ten seconds of that at once.
// Two thousand cancels are a tenth of it. The first credit is no more than what it costs us to accept a connection.
export const DEFAULT_WORK_OPTIONS: WorkOptions = {
  ofOneRead: 5_000,
  ofOneTurn: 50_000,
  idle: { limit: 200_000, perSecond: 20_000 },
  credit: { first: 1_000, most: 200_000 },
};

/** So many hosts are remembered before a search for hosts that may be forgotten. */
const LEAST_SWEEP = 256;

/**
 * What the peers of all torrents together may make the loop do. Idle work is counted by host and outlives connections:
 * a peer that is parted from and dials again has no new budget. Blocks that go over a connection pay for idle work of
 * that connection alone, which is not counted then: an honest peer is not parted from for what its neighbours do.
 */
export class WorkBudget {
  readonly turn: ReadTurn;
  readonly options: WorkOptions;
  readonly #timers: Timers;
  readonly #idle = new Map<string, LeakyCounter>();
  #sweepAt = LEAST_SWEEP;

  constructor(timers: Timers, options: WorkOptions) {
    this.options = options;
    this.turn = new ReadTurn(timers, options.ofOneTurn);
    this.#timers = timers;
  }

  /** Hosts whose idle work is remembered. */
  get hostCount(): number {
    return this.#idle.size;
  }

  /** Counts idle work of a host, and says whether that is too much. */
  addIdle(hostKey: string, work: number): boolean {
    return this.#counterOf(hostKey).add(this.#timers.now(), work);
  }

  /** What is counted of a host. */
  idleOf(hostKey: string): number {
    return this.#idle.get(hostKey)?.count ?? 0;
  }

  #counterOf(key: string): LeakyCounter {
    const known = this.#idle.get(key);
    if (known !== undefined) return known;
    if (this.#idle.size >= this.#sweepAt) this.#sweep();
    const made = new LeakyCounter(this.options.idle, this.#timers.now());
    this.#idle.set(key, made);
    return made;
  }

  #sweep(): void {
    const now = this.#timers.now();
    for (const [key, counter] of this.#idle) if (counter.isForgotten(now)) this.#idle.delete(key);
    this.#sweepAt = Math.max(LEAST_SWEEP, 2 * this.#idle.size);
  }
}

/**
 * One turn of the loop, for the connections of all torrents: the loop hands over what has come in on every socket
 * before it looks at a timer. The tasks that go on with what waits need no such bound, as the loop's timers have their
 * own.
 */
class ReadTurn {
  readonly #timers: Timers;
  readonly #limit: number;
  #work = 0;
  #next: Task | null = null;

  /** `limit`: the work of one turn, in the units of `price.ts`. */
  constructor(timers: Timers, limit: number) {
    this.#timers = timers;
    this.#limit = limit;
  }

  /** The connections have done so much that no other one begins. */
  get isOver(): boolean {
    return this.#work >= this.#limit;
  }

  add(work: number): void {
    if (work === 0) return;
    this.#work += work;
    this.#next ??= this.#timers.addTask(() => {
      this.#next = null;
      this.#work = 0;
    }, 0);
  }
}
