import type { PieceSlot, SlotPool } from '../../../src/disk/storage.js';

/** A pool of `limit` bytes that knows which slots are out, and throws when one comes back twice or from elsewhere. */
export class MemorySlotPool implements SlotPool {
  readonly maxLength: number;
  readonly #limit: number;
  readonly #out = new Map<PieceSlot, number>();

  constructor(limit: number, maxLength: number = limit) {
    this.#limit = limit;
    this.maxLength = maxLength;
  }

  /** Slots that are out. */
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
    // Whoever still reads it finds out.
    slot.data.fill(0xdd);
  }
}
