/** One worker thread as the main thread sees it. */
import { Worker } from 'node:worker_threads';
import { BtgetError, interrupted } from '../../base/failure.js';
import { encodeFailure } from '../failure.js';
import type { Told, Work, WorkAnswer, WorkKind, WorkRequest } from '../protocol.js';

/** The module that the threads of a disk run. */
export const PIECE_WORKER: URL = new URL('../worker/piece-worker.js', import.meta.url);

type Answered<K extends WorkKind> = (told: Told<Work[K]['answer']>) => void;

/** A thread that is started early: a `WorkerThread` takes it over later. It does not keep the process alive. */
export class BegunThread {
  readonly #thread: Worker;
  #hasDied = false;
  readonly #died = (): void => {
    this.#hasDied = true;
  };

  constructor(module: URL) {
    this.#thread = new Worker(module);
    this.#thread.unref();
    // Nobody has asked it for anything yet, so nobody must hear of it.
    this.#thread.on('error', this.#died);
  }

  /** Whether it could not start. Not told of a thread that was handed over. */
  get hasDied(): boolean {
    return this.#hasDied;
  }

  /** Hands the thread over to its owner, who hears of its errors from now on. Null when it has died by itself. */
  take(): Worker | null {
    if (this.#hasDied) return null;
    this.#thread.off('error', this.#died);
    return this.#thread;
  }
}

/**
 * Starts its thread at the first request, or when told to. The process is kept alive only while an answer is due. When
 * the thread dies, everything that is due is answered with a failure, `crashed` is called, and the next request starts
 * another thread.
 */
export class WorkerThread {
  readonly #module: URL;
  readonly #crashed: (error: Error) => void;
  readonly #due = new Map<number, Answered<WorkKind>>();
  #thread: Worker | undefined;
  #asked = 0;

  /** `begun`: a thread that was started with `module`, or null. When it has died, another one is started as ever. */
  constructor(module: URL, crashed: (error: Error) => void, begun: Pick<BegunThread, 'take'> | null = null) {
    this.#module = module;
    this.#crashed = crashed;
    const thread = begun?.take() ?? null;
    if (thread !== null) this.#thread = this.#listenTo(thread);
    // A listener of messages keeps the process alive.
    this.#thread?.unref();
  }

  /** Whether a thread has been started. */
  get started(): boolean {
    return this.#thread !== undefined;
  }

  /** How many answers are due. */
  get due(): number {
    return this.#due.size;
  }

  /** Starts the thread before the first request. That takes some 40 ms, in which the caller can do something else. */
  start(): void {
    if (this.#thread !== undefined) return;
    this.#thread = this.#listenTo(new Worker(this.#module));
    this.#thread.unref();
  }

  /** The worker begins requests in the order of the calls. The memory in `moved` is the worker's from here on. */
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

  /** Ends the thread when every earlier request is answered. */
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

  /** Ends the thread in the middle of its work. Everything that is due fails with 'interrupted'. */
  kill(): void {
    const thread = this.#thread;
    if (thread === undefined) return;
    this.#thread = undefined;
    thread.removeAllListeners();
    // It may still be loading its module, and fail at that. Nobody waits for it any more.
    thread.on('error', () => undefined);
    void thread.terminate();
    this.#failDue(interrupted());
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
