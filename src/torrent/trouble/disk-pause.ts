/**
 * Pauses a torrent whose disk refuses to write, and lets it go on by itself when the disk writes again. Refused data
 * stays in memory and is tried again, each time after a longer wait.
 */
import type { Millis, Task, Timers } from '../../base/clock.js';
import type { BtgetError } from '../../base/failure.js';
import { takesNoSymlinks } from '../../disk/failure.js';
import { FileLost } from '../../disk/storage.js';

export interface DiskPauseOptions {
  /** How long after the first refusal the disk is tried again. The time doubles with each further refusal. */
  readonly firstRetry: Millis;
  /** The time does not grow beyond this. */
  readonly lastRetry: Millis;
}

export const DEFAULT_DISK_PAUSE_OPTIONS: DiskPauseOptions = { firstRetry: 1_000, lastRetry: 30_000 };

export interface DiskPauseParts {
  readonly timers: Timers;
  /** While `held` is true, no new piece is begun. */
  readonly hold: (held: boolean) => void;
  /** Whether no refused operation is left. A pause does not end before, even when the disk does other things. */
  readonly isClear: () => boolean;
  /** Has the disk try again what it refused. False when there is nothing to try again. */
  readonly retry: () => boolean;
  /** The pause begins, because of `failure`. */
  readonly paused: (failure: BtgetError) => void;
  /** The pause has ended. */
  readonly resumed: () => void;
  /** The disk will not recover, or we cannot know what it holds: the torrent ends. */
  readonly failed: (failure: BtgetError) => void;
}

export class DiskPause {
  readonly #parts: DiskPauseParts;
  readonly #options: DiskPauseOptions;
  #failure: BtgetError | null = null;
  #delay: Millis = 0;
  #task: Task | null = null;
  /** The disk has done something for this torrent, so it is usable at all. */
  #hasWorked = false;
  #held = false;
  #stopped = false;

  constructor(parts: DiskPauseParts, options: DiskPauseOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /** The last failure of the disk; null while the disk works. */
  get failure(): BtgetError | null {
    return this.#failure;
  }

  /** The disk has refused something. */
  refused(failure: BtgetError): void {
    if (this.#stopped) return;
    // A file that is lost was there before.
    if (failure instanceof FileLost) this.#hasWorked = true;
    if (this.#isFinal(failure)) {
      this.stop();
      this.#parts.failed(failure);
      return;
    }
    // When a disk fills up, many operations fail at the same time. The first failure is enough.
    if (this.#task !== null) return;
    const begins = this.#failure === null;
    this.#failure = failure;
    this.#delay = begins ? this.#options.firstRetry : Math.min(2 * this.#delay, this.#options.lastRetry);
    this.#task = this.#parts.timers.addTask(() => this.#retry(), this.#delay);
    this.#hold(true);
    if (begins) this.#parts.paused(failure);
  }

  /** The disk has done something that the torrent asked for. */
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
    // With nothing to try again, only new pieces can show whether the disk writes again.
    if (!this.#parts.retry()) this.#hold(false);
  }

  #hold(held: boolean): void {
    if (held === this.#held) return;
    this.#held = held;
    this.#parts.hold(held);
  }

  /** Whether the torrent ends with this failure. */
  #isFinal(failure: BtgetError): boolean {
    if (failure.code === 'foreign-file') return true;
    // The bytes show that the torrent contradicts itself, and they will again.
    if (failure.code === 'torrent-invalid') return true;
    // After a failed flush the system may count the bytes as written, though the disk never got them.
    if (isFlush(failure)) return true;
    // A file system, or a limit of the user, that allows no file of this length does not change its mind.
    if (isTooLong(failure)) return true;
    // Nor does one that takes no symbolic links, which the torrent holds.
    if (takesNoSymlinks(failure.cause)) return true;
    // A user who cannot write to the disk at all must know that at once.
    return failure.code === 'cannot-open' && !this.#hasWorked;
  }
}

function isTooLong({ cause }: BtgetError): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'EFBIG';
}

/** Whether a flush has failed. */
function isFlush({ cause }: BtgetError): boolean {
  return cause instanceof Error && 'syscall' in cause && (cause.syscall === 'fdatasync' || cause.syscall === 'fsync');
}
