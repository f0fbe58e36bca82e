import type { Millis, Timers } from '../../base/clock.js';
import type { Candidate, SearchedFolder, Storage } from '../../disk/storage.js';

/** How far a search goes. */
export interface SearchLimits {
  /** Folders that lie deeper below the named ones are left out. */
  readonly maxDepth: number;
  /** Names of files and folders that are seen in all. */
  readonly maxNames: number;
  readonly maxTime: Millis;
}

export interface SearchEnd {
  readonly found: readonly Candidate[];
  /** Named folders that cannot be read, in a sentence each. */
  readonly unreadable: readonly string[];
  /** Whether a limit has left something out. */
  readonly isCut: boolean;
}

/** After so many names another request may have the worker. */
const PAUSE_AFTER = 4000;
/** The names of one folder come in one request, so they must not be endless. */
const MAX_NAMES_OF_FOLDER = 100_000;

/** Looks below folders for files of certain lengths, request by request. Runs once, then answers once. */
export class FileSearch {
  readonly #timers: Pick<Timers, 'now'>;
  readonly #storage: Pick<Storage, 'findCandidates'>;
  readonly #lengths: Float64Array;
  readonly #limits: SearchLimits;
  readonly #answered: (end: SearchEnd) => void;
  readonly #found: Candidate[] = [];
  readonly #unreadable: string[] = [];
  #seen = 0;
  /** Something was left out. */
  #isCut = false;
  #stopped = false;

  constructor(
    { timers, storage }: { readonly timers: Pick<Timers, 'now'>; readonly storage: Pick<Storage, 'findCandidates'> },
    lengths: Iterable<number>,
    limits: SearchLimits,
    answered: (end: SearchEnd) => void,
  ) {
    this.#timers = timers;
    this.#storage = storage;
    this.#lengths = Float64Array.from(lengths);
    this.#limits = limits;
    this.#answered = answered;
  }

  begin(folders: readonly string[]): void {
    // The folder that is last in a list is searched first.
    const inTurn = folders.map((path) => ({ path, depth: 0 })).reverse();
    this.#search(inTurn, this.#timers.now() + this.#limits.maxTime);
  }

  /** It does not answer after this. */
  stop(): void {
    this.#stopped = true;
  }

  #search(folders: readonly SearchedFolder[], until: Millis): void {
    const { maxDepth, maxNames } = this.#limits;
    const left = maxNames - this.#seen;
    const isOver = left <= 0 || this.#timers.now() >= until;
    if (isOver && folders.length > 0) this.#isCut = true;
    if (isOver || folders.length === 0) {
      this.#answered({ found: this.#found, unreadable: this.#unreadable, isCut: this.#isCut });
      return;
    }
    const search = {
      folders,
      lengths: this.#lengths,
      maxDepth,
      pauseAfter: Math.min(PAUSE_AFTER, left),
      maxNames: Math.min(MAX_NAMES_OF_FOLDER, left),
    };
    this.#storage.findCandidates(search, (outcome) => {
      if (this.#stopped) return;
      if (!outcome.ok) {
        this.#unreadable.push(outcome.failure.message);
        this.#search([], until);
        return;
      }
      for (const candidate of outcome.found) this.#found.push(candidate);
      this.#unreadable.push(...outcome.unreadable);
      this.#seen += outcome.seen;
      this.#isCut ||= outcome.isCut;
      this.#search(outcome.rest, until);
    });
  }
}
