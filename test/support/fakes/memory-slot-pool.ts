import type { PieceSlot, SlotPool } from '../../../src/disk/storage.js';

/** A pool of `limit` bytes. It throws when a slot comes back twice, or was never taken from it. */
export class MemorySlotPool implements SlotPool {
  readonly maxLength: number;
  readonly #limit: number;
  readonly #out = new Map<PieceSlot, number>();

  constructor(limit: number, maxLength: number = limit) {
    this.#limit = limit;
    this.maxLength = maxLength;
  }

  /** How many slots are taken. */
  get taken(): number {
    return this.#out.size;
  }

  take(length: number): PieceSlot | undefined {
    if (length > this.maxLength) throw new Error(`a slot of ${length} bytes, and ${this.maxLength} is the most`);
    const used = [...this.#out.values()].reduce((sum, each) => sum + each, 0);
    if (used + length > this.#limit) return undefined;
    const slot = { data: Buffer.alloc(length, 0xee) };
    this.#out.set(slot, length);
    return slot;
  }

  giveBack(slot: PieceSlot): void {
    if (!this.#out.delete(slot)) throw new Error('this slot is not out');
    // Code that still reads the slot gets wrong bytes, so that a test fails.
    slot.data.fill(0xdd);
  }
}
