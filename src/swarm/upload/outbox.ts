import type { Millis } from '../../base/clock.js';
import type { MemoryHolder, SendMemory } from './send-memory.js';

/** What an Outbox needs of the upload that it serves. */
export interface OutboxOwner {
  now(): Millis;
  /** Bytes written that the kernel has not taken yet. */
  unsentLength(): number;
  /** There is memory, which `take` gives. Called within any event: it may only take note. */
  memoryCame(): void;
  /** The peer takes nothing of what waits for it, and others wait for the memory. It may only take note. */
  memoryWanted(): void;
}

interface Sent {
  readonly memory: Buffer;
  /** Bytes that were written to the socket. */
  readonly length: number;
}

/** The memory of what is on its way to one peer: one piece of it is being read to, others wait in the socket. */
export class Outbox implements MemoryHolder {
  readonly #memory: SendMemory;
  readonly #owner: OutboxOwner;
  /** In the socket, the oldest first. */
  readonly #sent: Sent[] = [];
  /** Bytes of `#sent`. */
  #heldLength = 0;
  /** Bytes that were ever written. */
  #sentLength = 0;
  readonly #filling = new Set<Buffer>();
  /** It has come, and was not taken yet. */
  #granted: Buffer | null = null;
  /** The most that the peer was seen to have taken, and when. */
  #taken = Number.NEGATIVE_INFINITY;
  #takenAt: Millis = Number.NEGATIVE_INFINITY;

  constructor(memory: SendMemory, owner: OutboxOwner) {
    this.#memory = memory;
    this.#owner = owner;
  }

  /** Memory to be filled, until `send`. Undefined when there is none: the owner is told when there is. */
  take(): Buffer | undefined {
    const memory = this.#granted ?? this.#memory.take(this);
    this.#granted = null;
    if (memory !== undefined) this.#filling.add(memory);
    return memory;
  }

  /** No memory is waited for any more. Harmless when none is. */
  withdraw(): void {
    this.#memory.withdraw(this);
    if (this.#granted !== null) this.#memory.giveBack(this.#granted);
    this.#granted = null;
  }

  /** `memory` is filled, and `length` bytes of it go to the socket now; 0: none of it does. */
  send(memory: Buffer, length: number): void {
    // The connection may have ended in the meantime.
    if (!this.#filling.delete(memory)) return;
    if (length === 0) {
      this.#memory.giveBack(memory);
      return;
    }
    this.#sent.push({ memory, length });
    this.#heldLength += length;
    this.#sentLength += length;
  }

  /** Gives back what the kernel has taken. */
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
    // The socket and the disk may be at it yet, and do not say when they are not.
    for (const { memory } of this.#sent.splice(0)) this.#memory.drop(memory);
    for (const memory of this.#filling) this.#memory.drop(memory);
    this.#filling.clear();
  }

  stuckSince(): Millis {
    this.recover();
    // Other messages wait in the socket too, and count as not taken: what is seen to be taken may shrink, but never
    // lies.
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
