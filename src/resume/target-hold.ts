import type { Millis, Task, Timers } from '../base/clock.js';
import type { BtgetError } from '../base/failure.js';
import type { DoneOutcome } from '../disk/storage.js';
import type { TargetLock } from '../disk/target-lock.js';

/** How often the lock is refreshed: a few times within the minute after which others take it for a dead process's. */
export const REFRESH_INTERVAL: Millis = 15_000;

/**
 * Keeps other processes off the target while a torrent writes to it.
 *
 * Who only reads needs no lock, so that many may seed one folder, even one that cannot be written. But it does not begin
 * while somebody writes there: which pieces it found would be out of date as soon as it had found them. The other way
 * round no harm is done: a download writes only pieces that are not verified, which the seed does not serve.
 */
export class TargetHold {
  readonly #timers: Timers;
  readonly #lock: TargetLock;
  readonly #warned: (code: string, message: string) => void;
  #state: 'free' | 'held' | 'ended' = 'free';
  #next: Task | null = null;
  /** Why there is no lock, if one was wanted. */
  #trouble: BtgetError | null = null;

  constructor(timers: Timers, lock: TargetLock, warned: (code: string, message: string) => void) {
    this.#timers = timers;
    this.#lock = lock;
    this.#warned = warned;
  }

  /**
   * Fails with 'target-busy' only. Where no lock can be made the torrent goes on without, and `started` says so: a folder
   * that cannot be written ends a download soon enough, and is no trouble where everything is there.
   */
  begin(mayWrite: boolean, answered: (outcome: DoneOutcome) => void): void {
    const told = this.#later<DoneOutcome>((outcome) => {
      if (outcome.ok && this.#state === 'held') this.#refreshLater();
      if (!outcome.ok && outcome.failure.code !== 'target-busy') {
        if (mayWrite) this.#trouble = outcome.failure;
        answered({ ok: true });
      } else answered(outcome);
    });
    if (!mayWrite) {
      this.#lock.check(told);
      return;
    }
    this.#state = 'held';
    this.#lock.take(told);
  }

  /** The torrent begins to exchange pieces. */
  started(): void {
    if (this.#trouble !== null) this.#warn(this.#trouble);
  }

  /** The lock is free when this is answered, if it was held. May come before `begin` has answered. */
  end(answered: () => void): void {
    const held = this.#state === 'held';
    this.#stop();
    if (!held) {
      answered();
      return;
    }
    this.#lock.release(
      this.#later((outcome) => {
        // It will be found to be a dead process's.
        if (!outcome.ok) this.#warned('no-lock', outcome.failure.message);
        answered();
      }),
    );
  }

  /** Gives the lock back without waiting for an answer, which would never come: the torrent's tasks run no more. */
  abandon(): void {
    if (this.#state === 'held') this.#lock.release(() => undefined);
    this.#stop();
  }

  #stop(): void {
    this.#state = 'ended';
    this.#next?.cancel();
  }

  #refreshLater(): void {
    this.#next = this.#timers.addTask(() => {
      this.#lock.refresh(
        this.#later((outcome) => {
          if (!outcome.ok) this.#warn(outcome.failure);
        }),
      );
      this.#refreshLater();
    }, REFRESH_INTERVAL);
  }

  #warn({ message }: BtgetError): void {
    this.#warned('no-lock', `another btget is not kept out: ${message}`);
  }

  /** Answers become tasks of the torrent, which do not run once it has ended. */
  #later<T>(answered: (outcome: T) => void): (outcome: T) => void {
    return (outcome) => {
      this.#timers.addTask(() => answered(outcome), 0);
    };
  }
}
