/** Hashing of what lies on the disk, by as many workers as there are cores. */
import type { HashAnswer, HashJob } from '../protocol.js';
import type { WorkerThread } from './worker-thread.js';

// A message costs as much as hashing some 20 KiB: small jobs travel together.
const BATCH_LENGTH = 4 * 1024 * 1024;
const BATCH_COUNT = 256;
// While a worker hashes one batch the next lies ready.
const BATCHES_DUE = 2;

/** Whoever asks; `drop` knows jobs by it. */
export type HashOwner = object;

interface Waiting {
  readonly owner: HashOwner;
  readonly job: HashJob;
  readonly answered: (answer: HashAnswer) => void;
}

export class HashQueue {
  readonly #threads: readonly WorkerThread[];
  #waiting: Waiting[] = [];
  /** How many of `#waiting` have been handed out. */
  #taken = 0;

  constructor(threads: readonly WorkerThread[]) {
    this.#threads = threads;
  }

  /** Starts all threads ahead of the first job. */
  start(): void {
    for (const thread of this.#threads) thread.start();
  }

  /** A thread that runs, if there is one. */
  get running(): WorkerThread | undefined {
    return this.#threads.find((thread) => thread.started);
  }

  /** Answers in any order, in a turn of the event loop of its own. */
  add(owner: HashOwner, job: HashJob, answered: (answer: HashAnswer) => void): void {
    this.#waiting.push({ owner, job, answered });
    this.#handOut();
  }

  /** Forgets the owner's jobs that no worker has. The others are answered. */
  drop(owner: HashOwner): void {
    this.#waiting = this.#waiting.slice(this.#taken).filter((waiting) => waiting.owner !== owner);
    this.#taken = 0;
  }

  /** Closes all files that are open for hashing, when what was handed out before is answered. */
  closeFiles(answered: () => void): void {
    const started = this.#threads.filter((thread) => thread.started);
    whenAll(started.length, answered, (one) => {
      for (const thread of started) thread.ask('closeFiles', {}, [], one);
    });
  }

  end(answered: () => void): void {
    this.#forgetWaiting();
    whenAll(this.#threads.length, answered, (one) => {
      for (const thread of this.#threads) thread.end(one);
    });
  }

  /** Ends the threads in the middle of what they hash, which fails with 'interrupted'; what waits is not answered. */
  kill(): void {
    this.#forgetWaiting();
    for (const thread of this.#threads) thread.kill();
  }

  #forgetWaiting(): void {
    this.#waiting = [];
    this.#taken = 0;
  }

  /** Threads that run are used before another is started. */
  #handOut(): void {
    for (const thread of this.#threads) {
      while (thread.due < BATCHES_DUE) {
        const batch = this.#nextBatch();
        if (batch.length === 0) return;
        thread.ask('hash', { jobs: batch.map(({ job }) => job) }, [], (told) => {
          batch.forEach(({ answered }, index) => {
            const answer = told.ok ? told.value[index] : { kind: 'failed' as const, failure: told.failure };
            if (answer === undefined) throw new Error('a disk worker answered fewer jobs than it was given');
            answered(answer);
          });
          this.#handOut();
        });
      }
    }
  }

  #nextBatch(): readonly Waiting[] {
    const batch: Waiting[] = [];
    for (let length = 0; length < BATCH_LENGTH && batch.length < BATCH_COUNT; ) {
      const next = this.#waiting[this.#taken];
      if (next === undefined) break;
      this.#taken += 1;
      batch.push(next);
      for (const source of next.job.sources) length += source.length;
    }
    if (this.#taken === this.#waiting.length || this.#taken > 10_000) {
      this.#waiting = this.#waiting.slice(this.#taken);
      this.#taken = 0;
    }
    return batch;
  }
}

/** Calls `answered` when the function that `ask` gets has been called `count` times, at once when that is never. */
function whenAll(count: number, answered: () => void, ask: (one: () => void) => void): void {
  if (count === 0) {
    answered();
    return;
  }
  let left = count;
  ask(() => {
    left -= 1;
    if (left === 0) answered();
  });
}
