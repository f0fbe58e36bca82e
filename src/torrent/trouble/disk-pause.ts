import type { Millis, Task, Timers } from '../../base/clock.js';
import type { BtgetError } from '../../base/failure.js';
import { FileLost } from '../../disk/storage.js';

export interface DiskPauseOptions {
  /** How long after a refusal the disk is tried again; twice as long each time … */
  readonly firstRetry: Millis;
  /** … up to this. */
  readonly lastRetry: Millis;
}

export const DEFAULT_DISK_PAUSE_OPTIONS: DiskPauseOptions = { firstRetry: 1_000, lastRetry: 30_000 };

export interface DiskPauseParts {
  readonly timers: Timers;
  /** Nothing new is begun while `held`. */
  readonly hold: (held: boolean) => void;
  /** Nothing that the disk refused is left: whatever else it does, what it refuses goes on being refused. */
  readonly isClear: () => boolean;
  /** Has the disk do again what it refused. False when that was nothing which can be done again. */
  readonly retry: () => boolean;
  /** It begins; `failure` says why. */
  readonly paused: (failure: BtgetError) => void;
  readonly resumed: () => void;
  /** The disk will not heal, or nobody can tell what it holds: the torrent ends. */
  readonly failed: (failure: BtgetError) => void;
}

/**
 * Pauses a torrent whose disk refuses to write, and lets it go on by itself when the disk takes something again. What
 * was refused stays in memory and is tried again after a while, each time after a longer one.
 */
export class DiskPause {
  readonly #parts: DiskPauseParts;
  readonly #options: DiskPauseOptions;
  #failure: BtgetError | null = null;
  #delay: Millis = 0;
  #task: Task | null = null;
  /** The disk has taken something of this torrent. */
  #hasWorked = false;
  #held = false;
  #stopped = false;

  constructor(parts: DiskPauseParts, options: DiskPauseOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /** What the disk said last, or null while it works. */
  get failure(): BtgetError | null {
    return this.#failure;
  }

  /** The disk did not do what it was asked. */
  refused(failure: BtgetError): void {
    if (this.#stopped) return;
    // What is lost was there before.
    if (failure instanceof FileLost) this.#hasWorked = true;
    if (this.#isFinal(failure)) {
      this.stop();
      this.#parts.failed(failure);
      return;
    }
    // Much may be under way when a disk fills up: one answer is enough.
    if (this.#task !== null) return;
    const begins = this.#failure === null;
    this.#failure = failure;
    this.#delay = begins ? this.#options.firstRetry : Math.min(2 * this.#delay, this.#options.lastRetry);
    this.#task = this.#parts.timers.addTask(() => this.#retry(), this.#delay);
    this.#hold(true);
    if (begins) this.#parts.paused(failure);
  }

  /** The disk has done something that it was asked. */
  worked(): void {
    this.#hasWorked = true;
    if (this.#failure === null || this.#stopped || !this.#parts.isClear()) return;
    this.#task?.cancel();
    this.#task = null;
    this.#failure = null;
    this.#hold(false);
    this.#parts.resumed();
  }

  /** Tries nothing more. */
  stop(): void {
    this.#stopped = true;
    this.#task?.cancel();
    this.#task = null;
  }

  #retry(): void {
    this.#task = null;
    // With nothing to try again, new pieces have to show whether the disk takes them.
    if (!this.#parts.retry()) this.#hold(false);
  }

  #hold(held: boolean): void {
    if (held === this.#held) return;
    this.#held = held;
    this.#parts.hold(held);
  }

  #isFinal(failure: BtgetError): boolean {
    if (failure.code === 'foreign-file') return true;
    // After a failed flush the system may count the bytes as written, though the disk never got them.
    if (isFlush(failure)) return true;
    // Whoever cannot write at all wants to know that at once.
    return failure.code === 'cannot-open' && !this.#hasWorked;
  }
}

function isFlush({ cause }: BtgetError): boolean {
  return cause instanceof Error && 'syscall' in cause && (cause.syscall === 'fdatasync' || cause.syscall === 'fsync');
}
