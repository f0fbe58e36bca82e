import type { Millis, Task } from './clock.js';

/**
 * Tasks sorted by the time at which they are due. Tasks that are due together run in the order of asking. A binary
 * heap: adding and taking a task costs the logarithm of the number of tasks. A withdrawn task leaves the heap when its
 * time comes, or when more than half of the heap is withdrawn, so that cancelled deadlines do not pile up.
 */
export class TaskQueue {
  readonly #heap: Entry[] = [];
  #asked = 0;
  #withdrawn = 0;

  /** How many tasks are still going to run. */
  get size(): number {
    return this.#heap.length - this.#withdrawn;
  }

  /** Throws when `due` is NaN, which would leave the heap without an order. */
  add(task: () => void, due: Millis): Task {
    if (Number.isNaN(due)) throw new RangeError('a task without a time');
    const entry: Entry = { due, order: this.#asked, run: task };
    this.#asked += 1;
    this.#heap.push(entry);
    this.#siftUp(this.#heap.length - 1);
    return { cancel: () => this.#withdraw(entry) };
  }

  /** When the next task is due, or undefined when there is none. */
  nextDue(): Millis | undefined {
    while (this.#heap[0] !== undefined && this.#heap[0].run === null) this.#dropFirst();
    return this.#heap[0]?.due;
  }

  /** The next task if it is due at `now`, else undefined. It leaves the queue, and the caller must run it. */
  takeDue(now: Millis): (() => void) | undefined {
    const due = this.nextDue();
    if (due === undefined || due > now) return undefined;
    const entry = this.#dropFirst();
    const run = entry.run;
    entry.run = null;
    return run ?? undefined;
  }

  /** Forgets every task. */
  clear(): void {
    for (const entry of this.#heap) entry.run = null;
    this.#heap.length = 0;
    this.#withdrawn = 0;
  }

  #withdraw(entry: Entry): void {
    if (entry.run === null) return;
    entry.run = null;
    this.#withdrawn += 1;
    if (this.#withdrawn > 64 && this.#withdrawn * 2 > this.#heap.length) this.#compact();
  }

  #compact(): void {
    const kept = this.#heap.filter((entry) => entry.run !== null);
    kept.sort((a, b) => (before(a, b) ? -1 : 1));
    // A sorted array is a heap. The entries are copied one by one: a hundred thousand arguments of one call would
    // overflow the stack.
    for (const [index, entry] of kept.entries()) this.#heap[index] = entry;
    this.#heap.length = kept.length;
    this.#withdrawn = 0;
  }

  #dropFirst(): Entry {
    const first = this.#heap[0] as Entry;
    const last = this.#heap.pop() as Entry;
    if (this.#heap.length > 0) {
      this.#heap[0] = last;
      this.#siftDown(0);
    }
    if (first.run === null) this.#withdrawn -= 1;
    return first;
  }

  #siftUp(start: number): void {
    let index = start;
    const entry = this.#heap[index] as Entry;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = this.#heap[parent] as Entry;
      if (before(above, entry)) break;
      this.#heap[index] = above;
      index = parent;
    }
    this.#heap[index] = entry;
  }

  #siftDown(start: number): void {
    let index = start;
    const entry = this.#heap[index] as Entry;
    const length = this.#heap.length;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= length) break;
      if (child + 1 < length && before(this.#heap[child + 1] as Entry, this.#heap[child] as Entry)) child += 1;
      const below = this.#heap[child] as Entry;
      if (before(entry, below)) break;
      this.#heap[index] = below;
      index = child;
    }
    this.#heap[index] = entry;
  }
}

interface Entry {
  readonly due: Millis;
  /** How many tasks were asked for before this one. */
  readonly order: number;
  /** Null when the task was withdrawn or has left the queue. */
  run: (() => void) | null;
}

function before(a: Entry, b: Entry): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order);
}
