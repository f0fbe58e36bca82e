import type { Millis, Timers } from '../../../src/base/clock.js';
import { BtgetError } from '../../../src/base/failure.js';
import type { Random } from '../../../src/base/random.js';
import type { DoneOutcome, Storage } from '../../../src/disk/storage.js';
import type { FoundJournal, JournalFile, JournalReadOutcome } from '../../../src/disk/target.js';
import type { PieceLayout } from '../../../src/metainfo/piece-layout.js';
import type { JournalKeeper } from '../../../src/resume/journal-keeper.js';
import { JournaledStorage } from '../../../src/resume/journaled-storage.js';

export interface MemoryJournalOptions {
  /** How long each operation takes. */
  readonly latency: Millis;
  /** The journal that an earlier run has left, or null. */
  readonly found: FoundJournal | null;
  /** Gets a line for each operation as it begins; null for no log. */
  readonly log: string[] | null;
}

export const DEFAULT_MEMORY_JOURNAL_OPTIONS: MemoryJournalOptions = { latency: 0, found: null, log: null };

/** A journal in memory that knows what a power cut would leave of it. */
export class MemoryJournal implements JournalFile {
  readonly path = 'd/t.btget';
  readonly #timers: Timers;
  readonly #options: MemoryJournalOptions;
  /** What is left when the process is killed. */
  #found: FoundJournal | null;
  /** How many bytes a power cut leaves at least. */
  #flushedLength: number;
  #isBusy = false;
  #failure: BtgetError | null = null;

  constructor(timers: Timers, options: MemoryJournalOptions) {
    this.#timers = timers;
    this.#options = options;
    this.#found = options.found;
    this.#flushedLength = options.found?.bytes.length ?? 0;
  }

  /**
   * What is left when the process is killed now; or, with `powerCut`, after a power cut, which leaves a random part of
   * the bytes that are not flushed.
   */
  image(powerCut: Random | null): FoundJournal | null {
    if (powerCut === null || this.#found === null) return this.#found;
    const { bytes } = this.#found;
    const kept = this.#flushedLength + powerCut.below(bytes.length - this.#flushedLength + 1);
    return { ...this.#found, bytes: bytes.subarray(0, kept) };
  }

  /** Makes every operation fail from now on; null ends that. */
  fail(failure: BtgetError | null): void {
    this.#failure = failure;
  }

  read(answered: (outcome: JournalReadOutcome) => void): void {
    this.#options.log?.push('read');
    this.#timers.addTask(() => answered({ ok: true, found: this.#found }), this.#options.latency);
  }

  append(bytes: Buffer, flushes: boolean, answered: (outcome: DoneOutcome) => void): void {
    const found = this.#found;
    if (found === null) throw new Error('there is no journal to append to');
    this.#run(flushes ? 'append' : 'append unflushed', answered, () => {
      if (flushes) this.#flushedLength = this.#found?.bytes.length ?? 0;
    });
    if (this.#failure === null) this.#put(Buffer.concat([found.bytes, bytes]));
  }

  replace(bytes: Buffer, answered: (outcome: DoneOutcome) => void): void {
    this.#run('replace', answered, () => {
      this.#put(bytes);
      this.#flushedLength = bytes.length;
    });
  }

  remove(answered: (outcome: DoneOutcome) => void): void {
    this.#run('remove', answered, () => {
      this.#found = null;
    });
  }

  #run(operation: string, answered: (outcome: DoneOutcome) => void, done: () => void): void {
    if (this.#isBusy) throw new Error('one thing at a time');
    this.#isBusy = true;
    this.#options.log?.push(operation);
    const failure = this.#failure;
    this.#timers.addTask(() => {
      this.#isBusy = false;
      if (failure === null) done();
      answered(failure === null ? { ok: true } : { ok: false, failure });
    }, this.#options.latency);
  }

  #put(bytes: Buffer): void {
    this.#found = { bytes, changedAt: BigInt(Math.round(this.#timers.now() * 1e6)), doubt: null };
  }
}

/** A storage that tells `keeper` of its writes. */
export function journaled(storage: Storage, layout: PieceLayout, keeper: JournalKeeper): JournaledStorage {
  return new JournaledStorage(storage, layout, {
    bytesWritten: (length) => keeper.bytesWritten(length),
    pieceWritten: (piece) => keeper.pieceWritten(piece),
    keepsBlocks: true,
    blockWritten: (piece, block, sum) => keeper.blockWritten(piece, block, sum),
    pieceWrong: (piece) => keeper.pieceWrong(piece),
    end: (answered) => keeper.end(answered),
    closed: (answered) => answered(),
  });
}

export const DISK_FULL = new BtgetError('disk-full', 'no space left');
export const BAD_SECTOR = new BtgetError('io', 'a bad sector');
