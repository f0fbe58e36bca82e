/** One worker thread as the main thread sees it. */
import { Worker } from 'node:worker_threads';
import { BtgetError } from '../../base/failure.js';
import { encodeFailure } from '../failure.js';
import type { Told, Work, WorkAnswer, WorkKind, WorkRequest } from '../protocol.js';

/** What a disk's threads run. */
export const PIECE_WORKER: URL = new URL('../worker/piece-worker.js', import.meta.url);

type Answered<K extends WorkKind> = (told: Told<Work[K]['answer']>) => void;

/** Starts a thread that does not keep the process alive, for a `WorkerThread` that will be. */
export function beginThread(module: URL): Worker {
  const thread = new Worker(module);
  thread.unref();
  return thread;
}

/**
 * Starts its thread when something is asked of it for the first time, or when told to, and keeps the process alive only
 * while an answer is due. A thread that dies answers everything with a failure, tells `crashed`, and the next request
 * starts another.
 */
export class WorkerThread {
  readonly #module: URL;
  readonly #crashed: (error: Error) => void;
  readonly #due = new Map<number, Answered<WorkKind>>();
  #thread: Worker | undefined;
  #asked = 0;

  /** `begun`: a thread of `module` from `beginThread`, or null. */
  constructor(module: URL, crashed: (error: Error) => void, begun: Worker | null = null) {
    this.#module = module;
    this.#crashed = crashed;
    if (begun !== null) this.#thread = this.#listenTo(begun);
  }

  /** Whether there is a thread. */
  get started(): boolean {
    return this.#thread !== undefined;
  }

  /** Answers that are due. */
  get due(): number {
    return this.#due.size;
  }

  /** Starts the thread ahead of the first request: that takes some 40 ms, in which the caller can do something else. */
  start(): void {
    if (this.#thread !== undefined) return;
    this.#thread = this.#listenTo(beginThread(this.#module));
  }

  /** Requests are begun in the order of asking. What is in `moved` belongs to the worker from here on. */
  ask<K extends WorkKind>(
    kind: K,
    request: Work[K]['request'],
    moved: readonly ArrayBuffer[],
    answered: Answered<K>,
  ): void {
    this.#thread ??= this.#listenTo(new Worker(this.#module));
    if (this.#due.size === 0) this.#thread.ref();
    const id = this.#asked;
    this.#asked += 1;
    // A request's answer has the request's kind; the map cannot say so.
    this.#due.set(id, answered as Answered<WorkKind>);
    const message: WorkRequest<K> = { id, kind, request };
    this.#thread.postMessage(message, [...moved]);
  }

  /** Ends the thread when everything asked before is answered. */
  end(answered: () => void): void {
    const thread = this.#thread;
    if (thread === undefined) {
      answered();
      return;
    }
    this.ask('end', {}, [], (told) => {
      if (!told.ok) {
        this.#crashed(new Error(`a disk worker could not end: ${told.failure.message}`));
        answered();
        return;
      }
      this.#thread = undefined;
      thread.removeAllListeners();
      thread.once('exit', answered);
      thread.ref();
    });
  }

  /** Ends the thread in the middle of what it does: everything that is due fails with 'interrupted'. */
  kill(): void {
    const thread = this.#thread;
    if (thread === undefined) return;
    this.#thread = undefined;
    thread.removeAllListeners();
    void thread.terminate();
    this.#failDue(new BtgetError('interrupted', 'interrupted before it was done'));
  }

  #listenTo(thread: Worker): Worker {
    thread.on('message', (answer: WorkAnswer) => this.#gotAnswer(thread, answer));
    thread.on('error', (error) => this.#died(thread, error));
    thread.on('exit', (code) => this.#died(thread, new Error(`a disk worker ended with code ${code}`)));
    return thread;
  }

  #gotAnswer(thread: Worker, { id, told }: WorkAnswer): void {
    const answered = this.#due.get(id);
    if (answered === undefined) throw new Error(`a disk worker answered ${id}, which nobody asked`);
    this.#due.delete(id);
    if (this.#due.size === 0) thread.unref();
    answered(told);
  }

  #died(thread: Worker, error: Error): void {
    if (this.#thread !== thread) return;
    this.#thread = undefined;
    this.#crashed(error);
    this.#failDue(new BtgetError('failed', `a disk worker died: ${error.message}`));
  }

  #failDue(failure: BtgetError): void {
    const due = [...this.#due.values()];
    this.#due.clear();
    for (const answered of due) {
      answered({ ok: false, failure: encodeFailure(failure) });
    }
  }
}
