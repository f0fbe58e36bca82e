/** Keeps our node of one family in the DHT: enters the DHT, refreshes quiet buckets, and probes questionable nodes. */
import type { Millis, Task, Timers } from '../../base/clock.js';
import type { DhtOptions } from './dht-options.js';
import type { FamilyNode } from './family-node.js';
import type { Routers } from './routers.js';

const TICK: Millis = 60_000;
/** How many buckets we refresh in one tick. */
const MAX_REFRESHED = 2;
/** How many questionable nodes we probe in one tick. We keep nodes good because we name only good nodes to others. */
const MAX_PROBED = 6;
/** With fewer nodes than this we try to enter again and again. */
const FEW_NODES = 8;
/** How long we wait for the names of the other routers after the first name has been found. */
const NAMES_LIMIT: Millis = 1_000;

export interface UpkeepParts {
  readonly timers: Timers;
  readonly routers: Routers;
  /** Whether nodes of the other family are of use to us too (BEP 32: "it should request both"). */
  wantsOther(): boolean;
}

export class Upkeep {
  readonly #node: FamilyNode;
  readonly #parts: UpkeepParts;
  readonly #options: DhtOptions;
  #tick: Task | null = null;
  #retry: Task | null = null;
  #namesLimit: Task | null = null;
  #failures = 0;
  #entering = false;
  #stopped = false;

  constructor(node: FamilyNode, parts: UpkeepParts, options: DhtOptions) {
    this.#node = node;
    this.#parts = parts;
    this.#options = options;
  }

  begin(): void {
    this.#tick = this.#parts.timers.addTask(() => this.#ticked(), TICK);
    this.enter();
  }

  /**
   * Enters the DHT. BEP 5: a new node "should attempt to find the closest nodes in the DHT to itself". We look the
   * routers up only when we know too few nodes, or when the last try left us with too few.
   */
  enter(): void {
    if (this.#entering || this.#stopped) return;
    this.#entering = true;
    this.#retry?.cancel();
    this.#retry = null;
    if (this.#node.table.size >= FEW_NODES && this.#failures === 0) this.#walk();
    else this.#resolveRouters();
  }

  /** We may be in another network. Failures of before say nothing any more, and the nodes near us should hear of us. */
  networkChanged(): void {
    this.#failures = 0;
    this.enter();
  }

  stop(): void {
    this.#stopped = true;
    this.#tick?.cancel();
    this.#retry?.cancel();
    this.#namesLimit?.cancel();
  }

  #resolveRouters(): void {
    const { timers, routers } = this.#parts;
    let walking = false;
    const walk = (): void => {
      this.#namesLimit?.cancel();
      this.#namesLimit = null;
      if (walking || this.#stopped) return;
      walking = true;
      this.#walk();
    };
    routers.resolve((left) => {
      if (left === 0) walk();
      else if (!walking && !this.#stopped) this.#namesLimit ??= timers.addTask(walk, NAMES_LIMIT);
    });
  }

  #walk(): void {
    const node = this.#node;
    const other = this.#parts.wantsOther();
    const want = { nodes: node.family === 4 || other, nodes6: node.family === 6 || other };
    node.lookUp(
      node.ownId,
      { method: 'find_node', target: node.ownId, want },
      {
        gotAnswer: () => undefined,
        done: () => {
          this.#entering = false;
          // The DHT may have just begun, and other nodes may join soon.
          if (node.table.count('good') < FEW_NODES) this.#tryAgain();
          else this.#failures = 0;
          node.hasWalked();
        },
      },
    );
  }

  #tryAgain(): void {
    const { firstRetry, announceInterval } = this.#options;
    const wait = Math.min(firstRetry * 2 ** this.#failures, announceInterval);
    this.#failures = Math.min(this.#failures + 1, 20);
    this.#retry = this.#parts.timers.addTask(() => {
      this.#retry = null;
      this.enter();
    }, wait);
  }

  #ticked(): void {
    this.#tick = this.#parts.timers.addTask(() => this.#ticked(), TICK);
    this.#node.expire();
    const table = this.#node.table;
    if (table.count('good') + table.count('questionable') < FEW_NODES) {
      if (this.#retry === null) this.enter();
      return;
    }
    for (const contact of table.doubtful(MAX_PROBED)) this.#node.probe(contact);
    for (const target of table.takeStale(MAX_REFRESHED)) {
      const query = { method: 'find_node', target, want: { nodes: false, nodes6: false } } as const;
      this.#node.lookUp(target, query, { gotAnswer: () => undefined, done: () => undefined });
    }
  }
}
