import type { Millis, Timers } from '../../src/base/clock.js';
import { BtgetError } from '../../src/base/failure.js';
import type { Random } from '../../src/base/random.js';
import type { FoundJournal, JournalFile, JournalReadOutcome } from '../../src/disk/journal-file.js';
import type { DoneOutcome, Storage } from '../../src/disk/storage.js';
import type { PieceLayout } from '../../src/metainfo/piece-layout.js';
import type { JournalKeeper } from '../../src/resume/journal-keeper.js';
import { JournaledStorage } from '../../src/resume/journaled-storage.js';

export interface MemoryJournalOptions {
  /** How long each operation takes. */
  readonly latency: Millis;
  /** What lies there at the start, or null. */
  readonly found: FoundJournal | null;
  /** One line for each operation as it begins; null keeps no log. */
  readonly log: string[] | null;
}

export const DEFAULT_MEMORY_JOURNAL_OPTIONS: MemoryJournalOptions = { latency: 0, found: null, log: null };

type Operation = 'append' | 'replace' | 'remove';

/** A journal in memory, which knows what of it a power cut would leave. */
export class MemoryJournal implements JournalFile {
  readonly path = 'd/t.btget';
  readonly #timers: Timers;
  readonly #options: MemoryJournalOptions;
  #found: FoundJournal | null;
  /** What is under way: what lies there until it has been answered, and after that. */
  #change: { readonly operation: Operation; readonly after: FoundJournal | null } | null = null;
  #failure: BtgetError | null = null;

  constructor(timers: Timers, options: MemoryJournalOptions) {
    this.#timers = timers;
    this.#options = options;
    this.#found = options.found;
  }

  /** What lies there, as a kill leaves it, or as a power cut would: of what is under way, chance keeps some. */
  image(powerCut: Random | null): FoundJournal | null {
    if (this.#change === null) return this.#found;
    const { operation, after } = this.#change;
    if (powerCut === null || powerCut.below(2) === 0) return after;
    if (operation !== 'append' || after === null || this.#found === null) return this.#found;
    const torn = this.#found.bytes.length + powerCut.below(after.bytes.length - this.#found.bytes.length);
    return { ...after, bytes: after.bytes.subarray(0, torn) };
  }

  /** From here on every operation fails, until it is given null. */
  fail(failure: BtgetError | null): void {
    this.#failure = failure;
  }

  read(answered: (outcome: JournalReadOutcome) => void): void {
    this.#options.log?.push('read');
    this.#timers.addTask(() => answered({ ok: true, found: this.#found }), this.#options.latency);
  }

  append(bytes: Buffer, answered: (outcome: DoneOutcome) => void): void {
    const found = this.#found;
    if (found === null) throw new Error('there is no journal to append to');
    this.#run('append', { bytes: Buffer.concat([found.bytes, bytes]), changedAt: this.#now() }, answered);
  }

  replace(bytes: Buffer, answered: (outcome: DoneOutcome) => void): void {
    this.#run('replace', { bytes, changedAt: this.#now() }, answered);
  }

  remove(answered: (outcome: DoneOutcome) => void): void {
    this.#run('remove', null, answered);
  }

  #run(operation: Operation, after: FoundJournal | null, answered: (outcome: DoneOutcome) => void): void {
    if (this.#change !== null) throw new Error('one thing at a time');
    this.#options.log?.push(operation);
    const failure = this.#failure;
    if (failure === null) this.#change = { operation, after };
    this.#timers.addTask(() => {
      this.#change = null;
      if (failure === null) this.#found = after;
      answered(failure === null ? { ok: true } : { ok: false, failure });
    }, this.#options.latency);
  }

  #now(): bigint {
    return BigInt(Math.round(this.#timers.now() * 1e6));
  }
}

/** A storage whose writes `keeper` writes down. */
export function journaled(storage: Storage, layout: PieceLayout, keeper: JournalKeeper): JournaledStorage {
  return new JournaledStorage(storage, layout, {
    bytesWritten: (length) => keeper.bytesWritten(length),
    pieceWritten: (piece) => keeper.pieceWritten(piece),
    end: (answered) => keeper.end(answered),
    closed: (answered) => answered(),
  });
}

export const DISK_FULL = new BtgetError('disk-full', 'no space left');
