import type { BtgetError } from '../../base/failure.js';
import type { DoneOutcome } from '../../disk/storage.js';

/** How many files are flushed and named at once; the others wait their turn. */
const AT_ONCE = 8;

export interface FileFinisherParts {
  /** `Storage.finishFile`. */
  readonly finishFile: (file: number, answered: (outcome: DoneOutcome) => void) => void;
  /** The file is whole, flushed and has its name. */
  readonly finished: (file: number) => void;
  readonly failed: (failure: BtgetError) => void;
}

/** Gives files their names when their last piece is verified. What the disk refuses waits for `retry`. */
export class FileFinisher {
  readonly #parts: FileFinisherParts;
  /** All files that were ever to be finished, in order: shifting a hundred thousand out of a list takes minutes. */
  readonly #files: number[] = [];
  /** How many of them have been begun. */
  #begun = 0;
  #underWay = 0;
  /** Those that wait for `retry`. */
  #waiting: number[] = [];
  /** Files that the disk refused to finish, and has not finished since. */
  readonly #refused = new Set<number>();

  constructor(parts: FileFinisherParts) {
    this.#parts = parts;
  }

  /** Nothing waits and nothing is under way. */
  get isDone(): boolean {
    return this.#refused.size === 0 && this.#begun === this.#files.length && this.#underWay === 0;
  }

  /** The disk refuses some file. */
  get isRefused(): boolean {
    return this.#refused.size > 0;
  }

  /** The disk is at work on none. */
  get isIdle(): boolean {
    return this.#underWay === 0;
  }

  /** Finishes these files, in this order. */
  finish(files: Iterable<number>): void {
    for (const file of files) this.#files.push(file);
    this.#next();
  }

  /** Tries again what the disk refused. False when it refused nothing. */
  retry(): boolean {
    if (this.#waiting.length === 0) return false;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.finish(waiting);
    return true;
  }

  /** Forgets all that is not under way. */
  forget(): void {
    this.#begun = this.#files.length;
    this.#waiting = [];
    this.#refused.clear();
  }

  #next(): void {
    while (this.#underWay < AT_ONCE) {
      const file = this.#files[this.#begun];
      if (file === undefined) return;
      this.#begun += 1;
      this.#underWay += 1;
      this.#parts.finishFile(file, (outcome) => this.#answered(file, outcome));
    }
  }

  #answered(file: number, outcome: DoneOutcome): void {
    this.#underWay -= 1;
    if (outcome.ok) {
      this.#refused.delete(file);
      this.#next();
      this.#parts.finished(file);
      return;
    }
    this.#refused.add(file);
    this.#waiting.push(file);
    this.#parts.failed(outcome.failure);
  }
}
