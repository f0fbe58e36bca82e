import type { Millis, Task, Timers } from '../base/clock.js';
import type { PieceSlot, SlotPool } from '../disk/storage.js';

/** When a PieceMemory makes room, and when it gives no more memory. */
export interface PieceMemoryOptions {
  /**
   * When no block has come into a slot for this long, and another piece needs memory, the slot is spilled to the disk.
   */
  readonly spillAfter: Millis;
  /** How often we look for memory while a piece waits for it. */
  readonly roomInterval: Millis;
  /**
   * When whole pieces of this many bytes wait for the disk, no piece is begun. More of them would not make the disk
   * faster, and memory that is used again soon is still in the caches. Fewer would leave one of the threads that judge
   * them without work at times. The rest of the pool is for pieces that miss blocks.
   */
  readonly maxSettling: number;
}

export const DEFAULT_PIECE_MEMORY_OPTIONS: PieceMemoryOptions = {
  spillAfter: 10_000,
  roomInterval: 1_000,
  maxSettling: 24 * 1024 * 1024,
};

/** What a PieceMemory needs of its owner, for a piece that waits for memory. */
interface PieceMemoryOwner {
  /**
   * Makes room if it can. Called at every interval while a piece waits, because other torrents do not say when they
   * give memory back.
   */
  makeRoom(): void;
  /** There may be room: the owner tries again, and calls `take` again if a piece still waits. */
  roomForPieces(): void;
}

/**
 * Gives the pieces of one torrent the memory that they arrive in. It takes slots from the pool that all torrents share,
 * and waits when there is none.
 */
export class PieceMemory {
  readonly #slots: SlotPool;
  readonly #options: PieceMemoryOptions;
  readonly #wait: RoomWait;
  /** How many slots this torrent has. */
  #held = 0;
  #settlingLength = 0;
  #closed = false;

  constructor(slots: SlotPool, timers: Timers, options: PieceMemoryOptions, owner: PieceMemoryOwner) {
    this.#slots = slots;
    this.#options = options;
    this.#wait = new RoomWait(timers, options.roomInterval, owner);
  }

  /**
   * Takes a slot for a piece of `length` bytes. Undefined when there is none; `roomForPieces` is called when there may
   * be one. Null when the piece must do without: either no slot is long enough, or other torrents may keep all of the
   * memory for ever, because a piece has waited for `spillAfter` and this torrent has no slot.
   */
  take(length: number): PieceSlot | null | undefined {
    if (length > this.#slots.maxLength) return null;
    const slot = this.#settlingLength < this.#options.maxSettling ? this.#slots.take(length) : undefined;
    if (slot !== undefined) {
      this.#held += 1;
      this.#wait.granted();
      return slot;
    }
    // While we have slots we wait, because they come back by a commit or a spill.
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

  /** `roomForPieces` is not called any more. Slots may still be given back. */
  close(): void {
    this.#closed = true;
    this.#wait.close();
  }

  #freed(): void {
    if (!this.#closed) this.#wait.freed();
  }
}

/** Keeps the time while pieces wait for memory, and calls the owner: always from a task, never from within a call. */
class RoomWait {
  readonly #timers: Timers;
  readonly #interval: Millis;
  readonly #owner: PieceMemoryOwner;
  #since: Millis | undefined;
  /** A piece found no memory since the owner was last called. */
  #asked = false;
  #task: Task | undefined;
  #soon = false;

  constructor(timers: Timers, interval: Millis, owner: PieceMemoryOwner) {
    this.#timers = timers;
    this.#interval = interval;
    this.#owner = owner;
  }

  /** How long a piece has waited; 0 when none waits. */
  get waited(): Millis {
    return this.#since === undefined ? 0 : this.#timers.now() - this.#since;
  }

  /** A piece needed memory, and there was none. */
  wanted(): void {
    this.#since ??= this.#timers.now();
    this.#asked = true;
    this.#lookLater();
  }

  /** A piece got memory. The wait of the others begins anew, and they are still told when there is more. */
  granted(): void {
    if (this.#since !== undefined) this.#since = this.#timers.now();
  }

  /** Some memory came back. Several slots at once lead to one call of the owner. */
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
      // No piece asked again within an interval, so none waits.
      this.#since = undefined;
      return;
    }
    this.#asked = false;
    if (makeRoom) this.#owner.makeRoom();
    this.#owner.roomForPieces();
    this.#lookLater();
  }
}
