import type { Millis, Task, Timers } from '../base/clock.js';

/** What is done for a piece that waits for memory. */
export interface RoomSeeker {
  /** Called every interval while somebody waits: other torrents do not say when they give memory back. */
  makeRoom(): void;
  /** There may be room: whoever waits tries again, and says so when it still waits. */
  roomForPieces(): void;
}

/** Waiting for memory. The seeker is always called from a task, never from within a call. */
export class RoomWait {
  readonly #timers: Timers;
  readonly #interval: Millis;
  readonly #seeker: RoomSeeker;
  #since: Millis | undefined;
  /** Somebody asked in vain since the seeker was called last. */
  #asked = false;
  #task: Task | undefined;
  #soon = false;

  constructor(timers: Timers, interval: Millis, seeker: RoomSeeker) {
    this.#timers = timers;
    this.#interval = interval;
    this.#seeker = seeker;
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
    if (makeRoom) this.#seeker.makeRoom();
    this.#seeker.roomForPieces();
    this.#lookLater();
  }
}
