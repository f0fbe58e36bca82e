import type { Millis, Task, Timers } from '../base/clock.js';
import type { BtgetError } from '../base/failure.js';
import type { DoneOutcome } from '../disk/storage.js';
import type { LockDoubt, LockOutcome, TargetLock } from '../disk/target.js';

/** How often the lock is refreshed: a few times within the minute after which others take it for a dead process's. */
export const REFRESH_INTERVAL: Millis = 15_000;

/** How often a lock is looked at whose process cannot be seen from here. */
export const LOOK_INTERVAL: Millis = 1000;
const MAX_DOUBTS = 8;

/**
 * Keeps other processes off the target while a torrent writes to it.
 *
 * Who only reads needs no lock, so that many may seed one folder, even one that cannot be written. But it does not
 * begin while somebody writes there: which pieces it found would be out of date as soon as it had found them. The other
 * way round no harm is done: a download writes only pieces that are not verified, which the seed does not serve.
 */
export class TargetHold {
  readonly #timers: Timers;
  readonly #lock: TargetLock;
  readonly #warned: (code: string, message: string) => void;
  #state: 'free' | 'held' | 'ended' = 'free';
  #next: Task | null = null;
  /** Locks that may be dead processes', by token, and since when they are known. */
  readonly #doubts = new Map<string, Pick<LockDoubt, 'token' | 'changedAt'> & { readonly since: Millis }>();
  #waiting: LockDoubt | null = null;
  /** Why there is no lock, if one was wanted. */
  #trouble: BtgetError | null = null;

  constructor(timers: Timers, lock: TargetLock, warned: (code: string, message: string) => void) {
    this.#timers = timers;
    this.#lock = lock;
    this.#warned = warned;
  }

  /**
   * Waits while nobody can tell whether the lock's process lives. Fails with 'target-busy' only. Where no lock can be
   * made the torrent goes on without, and `started` says so: a folder that cannot be written ends a download soon
   * enough, and is no trouble where everything is there.
   */
  begin(mayWrite: boolean, answered: (outcome: DoneOutcome) => void): void {
    const told = this.#later<LockOutcome>((outcome) => {
      if (!outcome.ok && outcome.doubt !== undefined && this.#mayDoubt(outcome.doubt)) {
        this.#waitFor(outcome.doubt, ask);
        return;
      }
      if (this.#waiting !== null && outcome.ok) this.#warned('resumed', 'the lock is free; going on');
      this.#waiting = null;
      if (outcome.ok && this.#state === 'held') this.#refreshLater();
      if (!outcome.ok && outcome.failure.code !== 'target-busy') {
        if (mayWrite) this.#trouble = outcome.failure;
        answered({ ok: true });
      } else answered(outcome);
    });
    const ask = (): void => {
      const now = this.#timers.now();
      const watched = [...this.#doubts.values()].map(({ token, changedAt, since }) => ({
        token,
        changedAt,
        watched: now - since,
      }));
      if (mayWrite) this.#lock.take(watched, told);
      else this.#lock.check(watched, told);
    };
    if (mayWrite) this.#state = 'held';
    ask();
  }

  /** What it waits for before `begin` is answered, in a sentence, or null. */
  get waitsFor(): string | null {
    return this.#state === 'ended' ? null : (this.#waiting?.message ?? null);
  }

  /** Locks follow one another when their processes do; somebody lives who makes so many. */
  #mayDoubt({ token }: LockDoubt): boolean {
    return this.#state !== 'ended' && (this.#doubts.has(token) || this.#doubts.size < MAX_DOUBTS);
  }

  #waitFor(doubt: LockDoubt, ask: () => void): void {
    const { token, changedAt } = doubt;
    if (!this.#doubts.has(token)) {
      this.#doubts.set(token, { token, changedAt, since: this.#timers.now() });
      this.#waiting = doubt;
      this.#warned('waiting', doubt.message);
    }
    this.#next = this.#timers.addTask(ask, Math.min(doubt.wait, LOOK_INTERVAL));
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
