import type { Task, Timers } from '../base/clock.js';
import { LeakyCounter, type LeakyCounterOptions } from './leaky-counter.js';

/** Limits of work, all in the units of `price.ts`. */
export interface WorkOptions {
  /** How much work one connection may make of the bytes that came in at once; the rest waits for a task of its own. */
  readonly ofOneRead: number;
  /** How much work all connections may make in one turn of the loop; what comes in after that waits for a task too. */
  readonly ofOneTurn: number;
  /**
   * How much idle work (work of no use) the peers of one host may make, besides what their connections have credit for.
   */
  readonly idle: LeakyCounterOptions;
  /**
   * How much idle work one connection may make before it counts against its host: at first, and at the most with what
   * it earns.
   */
  readonly credit: { readonly first: number; readonly most: number };
}

// One read is about half a millisecond, one turn five. Idle work is two milliseconds in each second, and ten seconds of
// that at once; two thousand cancels are a tenth of it. The first credit is no more than what it costs us to accept a
// connection.
export const DEFAULT_WORK_OPTIONS: WorkOptions = {
  ofOneRead: 5_000,
  ofOneTurn: 50_000,
  idle: { limit: 200_000, perSecond: 20_000 },
  credit: { first: 1_000, most: 200_000 },
};

/** How many hosts are remembered before the first search for hosts that may be forgotten. */
const LEAST_SWEEP = 256;

/**
 * Limits the work that the peers of all torrents make for the loop. Idle work is counted by host, and the count
 * outlives connections: a peer that dials again after we parted from it gets no new budget.
 *
 * Blocks that go over a connection earn credit for that connection alone. Idle work that the credit pays for is not
 * counted against the host. So we do not part from an honest peer for what other peers of its host do.
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

  /** How many hosts have idle work that is remembered. */
  get hostCount(): number {
    return this.#idle.size;
  }

  /** Counts idle work of a host. True when the host has now made too much. */
  addIdle(hostKey: string, work: number): boolean {
    return this.#counterOf(hostKey).add(this.#timers.now(), work);
  }

  /** The idle work that is counted of a host. */
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
 * Counts the work of all connections in one turn of the loop. The loop reads every socket that has bytes before it
 * looks at a timer, so this work must have a bound. The tasks that read what waits need no such bound: the loop limits
 * how long tasks run.
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

  /** The connections have made so much work that no other connection may begin to read in this turn. */
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
