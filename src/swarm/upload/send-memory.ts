import type { Millis, Task, Timers } from '../../base/clock.js';

/** How much memory there is, and how long a holder may keep it. */
export interface SendMemoryOptions {
  /** How many bytes one buffer holds. */
  readonly length: number;
  /** How many buffers there are for all torrents of the process. */
  readonly count: number;
  /**
   * A holder whose peer takes nothing for this long of what waits for it is asked for its memory, when others wait for
   * memory.
   */
  readonly patience: Millis;
  /** How often we look for peers that take nothing, while a holder waits for memory. */
  readonly lookInterval: Millis;
}

export const DEFAULT_SEND_MEMORY_OPTIONS: SendMemoryOptions = {
  // 32 blocks with their headers. A read of half as much costs as much processor time for the thread that does it.
  length: 32 * (13 + 16 * 1024),
  // 32 MiB: three buffers for each of twenty peers that are served at once. The rest is for peers that take nothing.
  count: 64,
  patience: 10_000,
  lookInterval: 1_000,
};

/**
 * An Outbox that has memory or waits for some. Each belongs to a torrent, and these methods may be called in an event
 * of another torrent.
 */
export interface MemoryHolder {
  /** Since when the peer has taken nothing of what waits for it; the present time when nothing waits. */
  stuckSince(): Millis;
  /** The memory that the holder waited for. It may only take note here. */
  memoryCame(memory: Buffer): void;
  /** The holder should give up its memory. It may only take note here. */
  memoryWanted(): void;
}

/**
 * Memory for blocks on the way from the disk to a peer. All torrents of the process share a bounded number of buffers.
 * The buffers are used again and again, because to allocate memory for each read costs more than the read.
 *
 * A holder that finds no free buffer waits, and is served in the order of waiting. A peer that asks for blocks and
 * reads nothing cannot keep memory that others wait for: after `patience` its holder is asked to give it up.
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

  /**
   * Gives a buffer to `holder`. When none is free, returns undefined, and calls `memoryCame` when there is one.
   * Harmless when `holder` waits already.
   */
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

  /** `memory` is not used any more, by the kernel or the disk either. */
  giveBack(memory: Buffer): void {
    this.#leave(memory);
    const next = this.#waiting.values().next();
    if (next.done === true) this.#free.push(memory);
    else this.#grant(next.value, memory);
  }

  /**
   * The holder is gone, but the kernel or the disk may still use `memory`, and does not say when it stops. So the
   * memory is left to the garbage collector, and new memory takes its place.
   */
  drop(memory: Buffer): void {
    this.#leave(memory);
    const next = this.#waiting.values().next();
    if (next.done !== true) this.#grant(next.value, Buffer.allocUnsafeSlow(this.#options.length));
  }

  /** `holder` waits no longer. Harmless when it does not wait. */
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
