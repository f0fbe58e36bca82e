import type { Millis, Task, Timers } from '../../base/clock.js';

export interface SendMemoryOptions {
  /** What one piece of memory holds, bytes. */
  readonly length: number;
  /** Pieces of memory, over all torrents of the process. */
  readonly count: number;
  /** Whoever takes nothing for this long of what waits for it, while others wait for memory, is asked for its own. */
  readonly patience: Millis;
  /** While somebody waits, it is looked this often for who takes nothing. */
  readonly lookInterval: Millis;
}

export const DEFAULT_SEND_MEMORY_OPTIONS: SendMemoryOptions = {
  // 32 blocks with their headers. A read of half as much costs as much processor time for the thread that does it.
  length: 32 * (13 + 16 * 1024),
  // 32 MiB: three for each of twenty peers that are served at once; the rest is for those who take nothing.
  count: 64,
  patience: 10_000,
  lookInterval: 1_000,
};

/** Whoever has memory, or waits for some. Each belongs to a torrent, and a call may come in an event of another one. */
export interface MemoryHolder {
  /** Since when its peer has taken nothing of what waits for it; now when nothing waits. */
  stuckSince(): Millis;
  /** What it waited for. It may only take note here. */
  memoryCame(memory: Buffer): void;
  /** It is asked to give up what it has. It may only take note here. */
  memoryWanted(): void;
}

/**
 * Memory for blocks on their way from the disk to a peer, a bounded amount for all torrents of a process, used again
 * and again: memory that is made for each read costs more than the read.
 *
 * Whoever finds none waits, and is served in the order of waiting. A peer that asks and reads nothing cannot keep what
 * others wait for: after `patience` its holder is asked for it.
 */
export class SendMemory {
  readonly #timers: Timers;
  readonly #options: SendMemoryOptions;
  readonly #free: Buffer[] = [];
  readonly #taken = new Map<Buffer, MemoryHolder>();
  readonly #waiting = new Set<MemoryHolder>();
  #task: Task | null = null;

  constructor(timers: Timers, options: SendMemoryOptions) {
    this.#timers = timers;
    this.#options = options;
  }

  /** If there is none, undefined, and `memoryCame` is called when there is. Harmless when `holder` waits already. */
  take(holder: MemoryHolder): Buffer | undefined {
    const memory = this.#free.pop() ?? this.#make();
    if (memory !== undefined) {
      this.#taken.set(memory, holder);
      return memory;
    }
    this.#waiting.add(holder);
    this.#task ??= this.#timers.addTask(this.#look, this.#options.lookInterval);
    return undefined;
  }

  /** It is not used any more. */
  giveBack(memory: Buffer): void {
    this.#leave(memory);
    const next = this.#waiting.values().next();
    if (next.done === true) this.#free.push(memory);
    else this.#grant(next.value, memory);
  }

  /** The kernel or the disk may use it yet, and nobody will say when that is over: it is left to the collector. */
  drop(memory: Buffer): void {
    this.#leave(memory);
    const next = this.#waiting.values().next();
    if (next.done !== true) this.#grant(next.value, Buffer.allocUnsafeSlow(this.#options.length));
  }

  /** `holder` waits no longer. Harmless when it does not. */
  withdraw(holder: MemoryHolder): void {
    this.#waiting.delete(holder);
    this.#stopLooking();
  }

  #make(): Buffer | undefined {
    if (this.#taken.size >= this.#options.count) return undefined;
    return Buffer.allocUnsafeSlow(this.#options.length);
  }

  #leave(memory: Buffer): void {
    if (!this.#taken.delete(memory)) throw new Error('memory was given back that is not taken');
  }

  #grant(holder: MemoryHolder, memory: Buffer): void {
    this.#waiting.delete(holder);
    this.#stopLooking();
    this.#taken.set(memory, holder);
    holder.memoryCame(memory);
  }

  #stopLooking(): void {
    if (this.#waiting.size > 0) return;
    this.#task?.cancel();
    this.#task = null;
  }

  readonly #look = (): void => {
    this.#task = this.#timers.addTask(this.#look, this.#options.lookInterval);
    const latest = this.#timers.now() - this.#options.patience;
    for (const holder of new Set(this.#taken.values())) if (holder.stuckSince() <= latest) holder.memoryWanted();
  };
}
