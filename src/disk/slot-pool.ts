/** The memory in which pieces arrive and wait for the disk. */
import type { PieceSlot, SlotPool } from './storage.js';

export interface SlotPoolOptions {
  /** Memory for pieces that are arriving or waiting for the disk, over all torrents of the process. Bytes. */
  readonly bound: number;
  /** The longest piece that gets a slot; longer ones are written block by block. Bytes, at most `bound`. */
  readonly maxLength: number;
}

export const DEFAULT_SLOT_POOL_OPTIONS: SlotPoolOptions = {
  bound: 32 * 1024 * 1024,
  // Half of the bound: one piece arrives while another is hashed and written.
  maxLength: 16 * 1024 * 1024,
};

// The lengths of slots are multiples of this, so that the short last piece of a torrent can use the slots of small
// pieces.
const STEP = 16 * 1024;

/**
 * Makes a pool of slots in memory that a worker thread can share. A slot is made when it is needed and kept for reuse.
 * When the bound is reached, free slots of other lengths are let go. A slot that was given back holds old bytes, so the
 * caller has to fill it. Throws when `maxLength` is above `bound`.
 */
export function createSlotPool(options: SlotPoolOptions): SlotPool {
  if (options.maxLength > options.bound) throw new Error('a slot pool must have room for its longest slot');
  return new SharedSlotPool(options);
}

class SharedSlotPool implements SlotPool {
  readonly maxLength: number;
  readonly #bound: number;
  readonly #free = new Map<number, PieceSlot[]>();
  readonly #taken = new Set<PieceSlot>();
  /** Bytes of all slots, taken and free. */
  #held = 0;

  constructor(options: SlotPoolOptions) {
    this.#bound = options.bound;
    this.maxLength = options.maxLength;
  }

  take(length: number): PieceSlot | undefined {
    if (length > this.maxLength) return undefined;
    const size = Math.min(this.#bound, Math.max(1, Math.ceil(length / STEP)) * STEP);
    const slot = this.#takeFree(size) ?? this.#make(size) ?? this.#takeLonger(size) ?? this.#makeRoom(size);
    if (slot !== undefined) this.#taken.add(slot);
    return slot;
  }

  giveBack(slot: PieceSlot): void {
    if (!this.#taken.delete(slot)) throw new Error('a slot was given back that is not taken');
    const size = slot.data.length;
    const free = this.#free.get(size);
    if (free === undefined) this.#free.set(size, [slot]);
    else free.push(slot);
  }

  #takeFree(size: number): PieceSlot | undefined {
    const free = this.#free.get(size);
    const slot = free?.pop();
    if (free?.length === 0) this.#free.delete(size);
    return slot;
  }

  #make(size: number): PieceSlot | undefined {
    if (this.#held + size > this.#bound) return undefined;
    this.#held += size;
    return { data: Buffer.from(new SharedArrayBuffer(size)) };
  }

  #takeLonger(size: number): PieceSlot | undefined {
    let best: number | undefined;
    for (const held of this.#free.keys()) {
      if (held > size && (best === undefined || held < best)) best = held;
    }
    return best === undefined ? undefined : this.#takeFree(best);
  }

  /** Lets go of free slots, which are all too short here, until a new one fits. */
  #makeRoom(size: number): PieceSlot | undefined {
    let freed = 0;
    for (const [held, slots] of this.#free) freed += held * slots.length;
    if (this.#held - freed + size > this.#bound) return undefined;
    for (const held of [...this.#free.keys()]) {
      while (this.#held + size > this.#bound && this.#takeFree(held) !== undefined) this.#held -= held;
    }
    return this.#make(size);
  }
}
