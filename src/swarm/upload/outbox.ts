import type { Millis } from '../../base/clock.js';
import type { MemoryHolder, SendMemory } from './send-memory.js';

/** What an Outbox needs of its owner, an Upload. */
export interface OutboxOwner {
  now(): Millis;
  /** Bytes that were written and that the kernel has not taken yet. */
  unsentLength(): number;
  /**
   * There is memory, and `take` gives it. This may be called in an event of another torrent, so it may only take note.
   */
  memoryCame(): void;
  /** The peer takes nothing of what waits for it, and others wait for the memory. Called as `memoryCame` is. */
  memoryWanted(): void;
}

interface Sent {
  readonly memory: Buffer;
  /** Bytes that were written to the socket. */
  readonly length: number;
}

/**
 * Keeps the memory of the blocks that are on the way to one peer: some buffers are being filled by the disk, others
 * wait in the socket.
 */
export class Outbox implements MemoryHolder {
  readonly #memory: SendMemory;
  readonly #owner: OutboxOwner;
  /** The buffers that wait in the socket, the oldest first. */
  readonly #sent: Sent[] = [];
  /** Bytes of `#sent`. */
  #heldLength = 0;
  /** Bytes that were written in all. */
  #sentLength = 0;
  readonly #filling = new Set<Buffer>();
  /** Memory that has come and was not taken yet. */
  #granted: Buffer | null = null;
  /** The most bytes that we saw the peer take, and when we saw that. */
  #taken = Number.NEGATIVE_INFINITY;
  #takenAt: Millis = Number.NEGATIVE_INFINITY;

  constructor(memory: SendMemory, owner: OutboxOwner) {
    this.#memory = memory;
    this.#owner = owner;
  }

  /**
   * Gives memory to fill, which `send` must end. Undefined when there is none: the owner's `memoryCame` is called when
   * there is.
   */
  take(): Buffer | undefined {
    const memory = this.#granted ?? this.#memory.take(this);
    this.#granted = null;
    if (memory !== undefined) this.#filling.add(memory);
    return memory;
  }

  /** Waits for memory no longer. Harmless when it does not wait. */
  withdraw(): void {
    this.#memory.withdraw(this);
    if (this.#granted !== null) this.#memory.giveBack(this.#granted);
    this.#granted = null;
  }

  /**
   * `memory` is filled, and the caller writes `length` bytes of it to the socket now. At 0 the memory is given back.
   */
  send(memory: Buffer, length: number): void {
    // The connection has ended meanwhile, and `end` has dropped the memory.
    if (!this.#filling.delete(memory)) return;
    if (length === 0) {
      this.#memory.giveBack(memory);
      return;
    }
    this.#sent.push({ memory, length });
    this.#heldLength += length;
    this.#sentLength += length;
  }

  /** Gives back the memory whose bytes the kernel has taken. */
  recover(): void {
    const unsent = this.#owner.unsentLength();
    for (let oldest = this.#sent[0]; oldest !== undefined; oldest = this.#sent[0]) {
      if (unsent > this.#heldLength - oldest.length) return;
      this.#sent.shift();
      this.#heldLength -= oldest.length;
      this.#memory.giveBack(oldest.memory);
    }
  }

  /** The connection has ended. */
  end(): void {
    this.withdraw();
    // The socket and the disk may still use this memory, and do not say when they stop.
    for (const { memory } of this.#sent.splice(0)) this.#memory.drop(memory);
    for (const memory of this.#filling) this.#memory.drop(memory);
    this.#filling.clear();
  }

  stuckSince(): Millis {
    this.recover();
    // Other messages wait in the socket too, and count as not taken. So `taken` may be too low, but is never too high.
    const taken = this.#sentLength - this.#owner.unsentLength();
    if (this.#sent.length === 0 || taken > this.#taken) {
      this.#taken = taken;
      this.#takenAt = this.#owner.now();
    }
    return this.#takenAt;
  }

  memoryCame(memory: Buffer): void {
    this.#granted = memory;
    this.#owner.memoryCame();
  }

  memoryWanted(): void {
    this.#owner.memoryWanted();
  }
}
