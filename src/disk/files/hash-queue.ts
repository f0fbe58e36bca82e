/** Hashes what lies on the disk, with as many workers as there are cores. */
import type { HashAnswer, HashJob, Told, Work } from '../protocol.js';
import type { WorkerThread } from './worker-thread.js';

// A message costs as much as hashing some 20 KiB, so small jobs travel together. A batch ends at so many bytes or jobs.
const BATCH_LENGTH = 4 * 1024 * 1024;
const BATCH_COUNT = 256;
// While a worker hashes one batch, the next one is ready for it.
const BATCHES_DUE = 2;

/** Stands for the asker of a job. `drop` finds the jobs of an asker by it. */
export type HashOwner = object;

interface Waiting {
  readonly owner: HashOwner;
  readonly job: HashJob;
  readonly answered: (answer: HashAnswer) => void;
}

export class HashQueue {
  readonly #threads: readonly WorkerThread[];
  #waiting: Waiting[] = [];
  /** How many pieces the first thread has to judge. */
  #judging = 0;
  /** How many of `#waiting` have been handed to workers. */
  #taken = 0;

  constructor(threads: readonly WorkerThread[]) {
    this.#threads = threads;
  }

  /** Starts all threads before the first job. */
  start(): void {
    for (const thread of this.#threads) thread.start();
  }

  /** A thread that has been started, if there is one. */
  get running(): WorkerThread | undefined {
    return this.#threads.find((thread) => thread.started);
  }

  /** Jobs are answered in any order, each in a later turn of the event loop. */
  add(owner: HashOwner, job: HashJob, answered: (answer: HashAnswer) => void): void {
    this.#waiting.push({ owner, job, answered });
    this.#handOut();
  }

  /** Has the thread with the least work look for candidates, since that may take long. */
  findCandidates(
    request: Work['findCandidates']['request'],
    answered: (told: Told<Work['findCandidates']['answer']>) => void,
  ): void {
    const [first, ...others] = this.#threads;
    if (first === undefined) throw new Error('there is no thread that hashes');
    const idlest = others.reduce((least, thread) => (thread.due < least.due ? thread : least), first);
    idlest.ask('findCandidates', request, [], (told) => {
      answered(told);
      this.#handOut();
    });
  }

  /**
   * Has one thread judge a piece. False when it has other work, which may take long, and when jobs wait: a stream of
   * pieces would hold them up. Then nothing is answered. All pieces go to the same thread, since the start of another
   * one costs more than it saves. They are answered in order.
   */
  judge(request: Work['judge']['request'], answered: (told: Told<Work['judge']['answer']>) => void): boolean {
    const [first] = this.#threads;
    if (first === undefined || first.due > this.#judging || this.#waiting.length > this.#taken) return false;
    this.#judging += 1;
    first.ask('judge', request, [], (told) => {
      this.#judging -= 1;
      answered(told);
      this.#handOut();
    });
    return true;
  }

  /** Forgets the jobs of the owner that no worker has yet. Its other jobs are still answered. */
  drop(owner: HashOwner): void {
    this.#waiting = this.#waiting.slice(this.#taken).filter((waiting) => waiting.owner !== owner);
    this.#taken = 0;
  }

  /** Closes all files that are open for hashing, when the jobs that workers have are answered. */
  closeFiles(answered: () => void): void {
    const started = this.#threads.filter((thread) => thread.started);
    whenAll(started.length, answered, (one) => {
      for (const thread of started) thread.ask('closeFiles', {}, [], one);
    });
  }

  /** Ends the threads when the jobs that they have are answered. Jobs that wait are not answered. */
  end(answered: () => void): void {
    this.#forgetWaiting();
    whenAll(this.#threads.length, answered, (one) => {
      for (const thread of this.#threads) thread.end(one);
    });
  }

  /**
   * Ends the threads in the middle of their work. The jobs that they have fail with 'interrupted'; jobs that wait are
   * not answered.
   */
  kill(): void {
    this.#forgetWaiting();
    for (const thread of this.#threads) thread.kill();
  }

  #forgetWaiting(): void {
    this.#waiting = [];
    this.#taken = 0;
  }

  /** Gives jobs to the threads in turn. A thread gets as many as it takes before the next one is started. */
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

/** Hands a callback to `ask`, and calls `answered` when it has been called `count` times; at once when `count` is 0. */
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
