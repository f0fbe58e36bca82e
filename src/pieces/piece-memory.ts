import type { Millis, Task, Timers } from '../base/clock.js';
import type { PieceSlot, SlotPool } from '../disk/storage.js';

export interface PieceMemoryOptions {
  /** A slot in which no block came in for this long is spilled to the disk when another piece wants memory. */
  readonly spillAfter: Millis;
  /** How often memory is looked for while a piece waits for some. */
  readonly roomInterval: Millis;
  /**
   * Bytes of whole pieces that wait for the disk while pieces are still begun. More would not make the disk faster, and
   * memory that is used again soon is in the caches: the rest of the pool is for pieces of which blocks are missing.
   */
  readonly maxSettling: number;
}

export const DEFAULT_PIECE_MEMORY_OPTIONS: PieceMemoryOptions = {
  spillAfter: 10_000,
  roomInterval: 1_000,
  maxSettling: 16 * 1024 * 1024,
};

/** The memory that one torrent's pieces arrive in: taken from the pool that all torrents share, or waited for. */
export class PieceMemory {
  readonly #slots: SlotPool;
  readonly #options: PieceMemoryOptions;
  readonly #wait: RoomWait;
  /** Slots that are ours at present. */
  #held = 0;
  #settlingLength = 0;
  #closed = false;

  constructor(slots: SlotPool, timers: Timers, options: PieceMemoryOptions, owner: RoomWaitOwner) {
    this.#slots = slots;
    this.#options = options;
    this.#wait = new RoomWait(timers, options.roomInterval, owner);
  }

  /**
   * A slot for a piece. Undefined: there is none, and `roomForPieces` follows when there is. Null: the piece needs
   * none, because no slot is long enough, or because others may sit on all of the memory for ever: it has been waited
   * for during `spillAfter`, and none of it is ours.
   */
  take(length: number): PieceSlot | null | undefined {
    if (length > this.#slots.maxLength) return null;
    const slot = this.#settlingLength < this.#options.maxSettling ? this.#slots.take(length) : undefined;
    if (slot !== undefined) {
      this.#held += 1;
      this.#wait.granted();
      return slot;
    }
    // Our own slots come back, by a commit or a spill.
    if (this.#held === 0 && this.#wait.waited >= this.#options.spillAfter) return null;
    this.#wait.wanted();
    return undefined;
  }

  giveBack(slot: PieceSlot): void {
    this.#held -= 1;
    this.#slots.giveBack(slot);
    this.#freed();
  }

  /** The disk has been given a whole piece of this length. */
  settling(length: number): void {
    this.#settlingLength += length;
  }

  /** The disk has answered for a whole piece of this length. */
  settled(length: number): void {
    this.#settlingLength -= length;
    this.#freed();
  }

  /** Nobody is told of room any more; slots may still be given back. */
  close(): void {
    this.#closed = true;
    this.#wait.close();
  }

  #freed(): void {
    if (!this.#closed) this.#wait.freed();
  }
}

/** What is done for a piece that waits for memory. */
interface RoomWaitOwner {
  /** Called every interval while somebody waits: other torrents do not say when they give memory back. */
  makeRoom(): void;
  /** There may be room: whoever waits tries again, and says so when it still waits. */
  roomForPieces(): void;
}

/** Waiting for memory. The owner is always called from a task, never from within a call. */
class RoomWait {
  readonly #timers: Timers;
  readonly #interval: Millis;
  readonly #owner: RoomWaitOwner;
  #since: Millis | undefined;
  /** Somebody asked in vain since the owner was called last. */
  #asked = false;
  #task: Task | undefined;
  #soon = false;

  constructor(timers: Timers, interval: Millis, owner: RoomWaitOwner) {
    this.#timers = timers;
    this.#interval = interval;
    this.#owner = owner;
  }

  /** For how long somebody has waited; 0 when nobody waits. */
  get waited(): Millis {
    return this.#since === undefined ? 0 : this.#timers.now() - this.#since;
  }

  /** Somebody asked for memory, and there was none. */
  wanted(): void {
    this.#since ??= this.#timers.now();
    this.#asked = true;
    this.#lookLater();
  }

  /** Memory was had: the wait begins anew for the others, who are still told when there is more. */
  granted(): void {
    if (this.#since !== undefined) this.#since = this.#timers.now();
  }

  /** Some memory came back. Several at once count as one. */
  freed(): void {
    if (this.#task === undefined || this.#soon) return;
    this.#task.cancel();
    this.#soon = true;
    this.#task = this.#timers.addTask(() => this.#look(false), 0);
  }

  close(): void {
    this.#task?.cancel();
    this.#task = undefined;
  }

  #lookLater(): void {
    this.#task ??= this.#timers.addTask(() => this.#look(true), this.#interval);
  }

  #look(makeRoom: boolean): void {
    this.#task = undefined;
    this.#soon = false;
    if (!this.#asked) {
      // Nobody came back within an interval: nobody waits.
      this.#since = undefined;
      return;
    }
    this.#asked = false;
    if (makeRoom) this.#owner.makeRoom();
    this.#owner.roomForPieces();
    this.#lookLater();
  }
}
