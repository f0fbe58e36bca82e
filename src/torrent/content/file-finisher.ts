/** Flushes whole files and gives them their final names. A file that the disk refuses waits for `retry`. */
import type { BtgetError } from '../../base/failure.js';
import type { DoneOutcome } from '../../disk/storage.js';

/** How many files are flushed and named at the same time. */
const AT_ONCE = 8;

export interface FileFinisherParts {
  /** `Storage.finishFile`. */
  readonly finishFile: (file: number, answered: (outcome: DoneOutcome) => void) => void;
  /** The file is whole and flushed and has its final name. */
  readonly finished: (file: number) => void;
  readonly failed: (failure: BtgetError) => void;
}

export class FileFinisher {
  readonly #parts: FileFinisherParts;
  /** The files of all calls of `finish`. No file leaves the list, because shifting 100,000 out of it takes minutes. */
  readonly #files: number[] = [];
  /** How many of them have begun. */
  #begun = 0;
  #underWay = 0;
  /** Files that wait for `retry`. */
  #waiting: number[] = [];
  /** Files that the disk refused to finish, and has not finished since. */
  readonly #refused = new Set<number>();

  constructor(parts: FileFinisherParts) {
    this.#parts = parts;
  }

  /** Whether no file waits and none is under way. */
  get isDone(): boolean {
    return this.#refused.size === 0 && this.#begun === this.#files.length && this.#underWay === 0;
  }

  /** Whether the disk has refused a file. */
  get isRefused(): boolean {
    return this.#refused.size > 0;
  }

  /** Whether the disk finishes no file at the moment. */
  get isIdle(): boolean {
    return this.#underWay === 0;
  }

  /** Finishes these files, in this order. */
  finish(files: Iterable<number>): void {
    for (const file of files) this.#files.push(file);
    this.#next();
  }

  /** Tries again the files that the disk refused. False when there are none. */
  retry(): boolean {
    if (this.#waiting.length === 0) return false;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.finish(waiting);
    return true;
  }

  /** Forgets all files that are not under way. */
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
