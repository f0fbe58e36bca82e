const SLAB_LENGTH = 1024 * 1024;

/** Cuts buffers from slabs, because a simulation sends millions of them, and none lives for long. */
export class SimulatedMemory {
  #slab: Buffer = Buffer.alloc(0);

  take(length: number): Buffer {
    if (length > SLAB_LENGTH / 4) return Buffer.allocUnsafeSlow(length);
    if (length > this.#slab.length) this.#slab = Buffer.allocUnsafeSlow(SLAB_LENGTH);
    const bytes = this.#slab.subarray(0, length);
    this.#slab = this.#slab.subarray(length);
    return bytes;
  }
}
