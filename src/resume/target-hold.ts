import type { Millis, Task, Timers } from '../base/clock.js';
import type { BtgetError } from '../base/failure.js';
import type { DoneOutcome } from '../disk/storage.js';
import type { LockDoubt, LockOutcome, TargetLock } from '../disk/target.js';

/** How often the lock is refreshed. Other processes think that its process is dead after a minute without a refresh. */
const REFRESH_INTERVAL: Millis = 15_000;

/** How often we look at a lock whose process we cannot see from here. */
export const LOOK_INTERVAL: Millis = 1000;
/** How many locks in a row may belong to dead processes. More of them come from processes that live. */
const MAX_DOUBTS = 8;

/**
 * Keeps other processes off the target while a torrent writes to it.
 *
 * A torrent that only reads takes no lock. So many processes may seed one folder, even one that they cannot write to.
 * But a seed does not begin while another process writes there, since its list of pieces would be out of date at once.
 * A download may begin while a seed reads: it writes only pieces that are not verified, and a seed does not serve
 * these.
 */
export class TargetHold {
  readonly #timers: Timers;
  readonly #lock: TargetLock;
  readonly #warned: (code: string, message: string) => void;
  #state: 'free' | 'held' | 'ended' = 'free';
  #next: Task | null = null;
  /** Locks that may belong to dead processes, by token, and since when we know each of them. */
  readonly #doubts = new Map<string, Pick<LockDoubt, 'token' | 'changedAt'> & { readonly since: Millis }>();
  #waiting: LockDoubt | null = null;
  /** Why there is no lock, when one was wanted. */
  #trouble: BtgetError | null = null;

  constructor(timers: Timers, lock: TargetLock, warned: (code: string, message: string) => void) {
    this.#timers = timers;
    this.#lock = lock;
    this.#warned = warned;
  }

  /**
   * Takes the lock, or with `mayWrite` false only looks whether another process has it. Waits while we cannot tell
   * whether the lock's process lives. Fails with 'target-busy' only. When no lock can be made, the torrent goes on
   * without one, and `started` warns of it: a folder that cannot be written to ends a download soon anyway, and does
   * not matter to a torrent that has everything.
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

  /** What `begin` waits for, as a sentence, or null. */
  get waitsFor(): string | null {
    return this.#state === 'ended' ? null : (this.#waiting?.message ?? null);
  }

  /** One dead process's lock may follow another. When there are many of them, some living process makes them. */
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

  /** The torrent begins to exchange pieces. Warns when it does so without a lock. */
  started(): void {
    if (this.#trouble !== null) this.#warn(this.#trouble);
  }

  /** Releases the lock, if it was held, then answers. The caller may call this before `begin` has answered. */
  end(answered: () => void): void {
    const held = this.#state === 'held';
    this.#stop();
    if (!held) {
      answered();
      return;
    }
    this.#lock.release(
      this.#later((outcome) => {
        // Other processes will find that it belongs to a dead process.
        if (!outcome.ok) this.#warned('no-lock', outcome.failure.message);
        answered();
      }),
    );
  }

  /** Releases the lock without waiting for the answer, which would never come: the torrent's tasks no longer run. */
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
