/**
 * Keeps the journal of one download: writes down, in batches, what the disk holds.
 *
 * - A batch first flushes what was written, and only then writes that it is there. One batch is under way at a time.
 * - When the disk is slower than the network, each batch takes longer than the one before. While one is under way, the
 *   pieces that are not flushed yet are named as written, so that a kill does not cost the pieces of a minute.
 * - No journal is made before there is something to say, and none is left when all is done and nothing is begun.
 * - A failure of the journal never stops the download: the journal is removed, the user is told once, and the next
 *   start hashes everything.
 */
import type { Millis, Task, Timers } from '../base/clock.js';
import type { BtgetError } from '../base/failure.js';
import type { Random } from '../base/random.js';
import { type FileIdentity, FolderGone, type Storage } from '../disk/storage.js';
import type { JournalFile } from '../disk/target.js';
import type { PieceIndex, PieceLayout } from '../metainfo/piece-layout.js';
import { DEFAULT_BELIEF_OPTIONS } from './belief.js';
import type { JournalOwner, JournalRecord, UnfinishedPieces } from './journal-format.js';
import { JournalWriter } from './journal-writer.js';
import { KeptBlocks } from './kept-blocks.js';
import { KeptState, runsOf } from './kept-state.js';

export interface JournalKeeperOptions {
  /** Written bytes wait at most this long for their flush, unless another flush is under way. */
  readonly interval: Millis;
  /** While a flush is under way, verified pieces wait at most this long until they are named as written. */
  readonly patience: Millis;
  /** While the download folder is gone, the flush is tried again after this time. */
  readonly absence: Millis;
  /** When this many bytes wait, they are flushed at once. */
  readonly length: number;
  /** A journal shorter than this many bytes is not written anew to make it shorter. */
  readonly minLength: number;
  /** The order in which the newest pieces came is kept for this many bytes, so that the next start can doubt them. */
  readonly newestLength: number;
}

export const DEFAULT_JOURNAL_KEEPER_OPTIONS: JournalKeeperOptions = {
  // A kill may cost the pieces of one second. Both times together are less than that, because writing takes time too.
  interval: 500,
  patience: 250,
  absence: 1000,
  length: 16 * 1024 * 1024,
  minLength: 256 * 1024,
  newestLength: DEFAULT_BELIEF_OPTIONS.doubtLength,
};

export interface JournalKeeperParts {
  readonly timers: Timers;
  readonly random: Random;
  readonly layout: PieceLayout;
  readonly owner: JournalOwner;
  readonly storage: Pick<Storage, 'sync'>;
  readonly file: JournalFile;
  /** True: when the journal is given up, it stays and says which files are ours. Nothing else tells that. */
  readonly claimsFiles: boolean;
  readonly warned: (code: string, message: string) => void;
}

/** What a torrent starts with. */
export interface StartingPoint {
  /** Whether a journal is written at once. False when there is nothing to say. */
  readonly rewrites: boolean;
  readonly verified: readonly PieceIndex[];
  /** Blocks of other pieces that are on the disk too. */
  readonly unfinished: UnfinishedPieces;
  /** The identities of files, by index, at the time when their pieces were believed or hashed. */
  readonly files: ReadonlyMap<number, FileIdentity>;
  /** Files with pieces that were right on the disk, but that may never have been flushed. */
  readonly unflushed: readonly number[];
}

export class JournalKeeper {
  readonly #parts: JournalKeeperParts;
  readonly #options: JournalKeeperOptions;
  #state: KeptState;
  readonly #blocks = new KeptBlocks();
  /** Null before `begin`, and when the journal is no longer kept. */
  #writer: JournalWriter | null = null;
  /** Verified pieces that were written and may not be flushed, in the order in which they came. */
  readonly #unflushed: PieceIndex[] = [];
  /** How many of them, from the first on, the journal names as written. */
  #namedCount = 0;
  /** Bytes written since the last batch began. */
  #length = 0;
  #next: Task | null = null;
  /** A batch is under way: the disk flushes it, or the writer writes it down. */
  #isBatching = false;
  #isComplete = false;
  /** The record 'end' is written, or is being written. */
  #isEnded = false;
  #isAbandoned = false;
  /** The answer to `end`, until it is given. */
  #end: (() => void) | null = null;
  /** A call of `beginAgain` that waits until the batch under way has ended. */
  #again: (() => void) | null = null;

  constructor(parts: JournalKeeperParts, options: JournalKeeperOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#state = new KeptState(parts.layout, options.newestLength);
  }

  /**
   * Begins the journal of a torrent. The caller must write nothing to the files before this has answered: an older
   * journal is true only for files that have not been touched since.
   */
  begin({ rewrites, verified, unfinished, files, unflushed }: StartingPoint, answered: () => void): void {
    const { timers, random, owner, file, claimsFiles, warned } = this.#parts;
    const snapshot = (): JournalRecord[] => [
      ...this.#state.records(),
      ...this.#blocks.records(),
      ...this.#nameWritten(),
    ];
    const claims = (): readonly JournalRecord[] | null => (claimsFiles ? this.#state.claims() : null);
    const failed = (failure: BtgetError): void => this.#giveUp(failure);
    const noRoom = (failure: BtgetError): void => {
      const what = failure instanceof FolderGone ? 'its disk' : 'room on the disk';
      warned('no-journal', `the resume journal waits for ${what}: ${failure.message}`);
    };
    this.#writer = new JournalWriter(
      { timers, random, owner, file, snapshot, claims, failed, noRoom },
      this.#options.minLength,
    );
    this.#state.begin(verified, files);
    this.#blocks.begin(unfinished);
    this.#isBatching = true;
    const begun = (): void => {
      answered();
      this.#batchEnded();
    };
    const write = (): void => {
      if (rewrites && this.#writer !== null) this.#writer.rewrite(begun);
      else begun();
    };
    if (unflushed.length === 0) write();
    else this.#flush(unflushed, write);
  }

  /**
   * Begins anew when verified pieces are gone. The caller must write nothing to the files before this has answered,
   * because the journal must not name bytes that are no longer there. Not answered once `end` is called.
   */
  beginAgain(verified: readonly PieceIndex[], files: ReadonlyMap<number, FileIdentity>, answered: () => void): void {
    if (this.#writer === null) {
      answered();
      return;
    }
    if (this.#isBatching) {
      this.#again = () => this.beginAgain(verified, files, answered);
      return;
    }
    this.#state = new KeptState(this.#parts.layout, this.#options.newestLength);
    this.#state.begin(verified, files);
    this.#unflushed.length = 0;
    this.#namedCount = 0;
    this.#length = 0;
    this.#isBatching = true;
    const begun = (): void => {
      answered();
      this.#batchEnded();
    };
    this.#flush([], () => {
      if (this.#writer?.hasBegun === true) this.#writer.rewrite(begun);
      else begun();
    });
  }

  /** Writes a first journal of what is known so far, unless there is one already. */
  claim(answered: () => void): void {
    if (this.#writer === null || this.#writer.hasBegun) answered();
    else this.#writer.rewrite(answered);
  }

  /** Whether `identity` is that of the file which the journal has under this index, whatever the file holds. */
  knows(file: number, identity: FileIdentity): boolean {
    return this.#state.knows(file, identity);
  }

  /** What the journal has of the file when `identity` is that of the file which it has under this index; else null. */
  recordOf(file: number, identity: FileIdentity): FileIdentity | null {
    return this.#state.recordOf(file, identity);
  }

  /** `length` bytes have been written to the files. */
  bytesWritten(length: number): void {
    this.#length += length;
    this.#schedule();
  }

  /** The piece is verified and written. */
  pieceWritten(piece: PieceIndex): void {
    if (this.#writer === null) return;
    this.#blocks.pieceVerified(piece);
    this.#unflushed.push(piece);
    this.#schedule();
  }

  /** A block of a piece that is not whole has been written; `sum` as in `sumOf`. */
  blockWritten(piece: PieceIndex, block: number, sum: number): void {
    if (this.#writer !== null) this.#blocks.blockWritten(piece, block, sum);
  }

  /** The hash of the piece is wrong, so at least one of the blocks that were written is wrong. */
  pieceWrong(piece: PieceIndex): void {
    if (this.#writer === null) return;
    this.#blocks.pieceWrong(piece);
    if (this.#blocks.hasNews) this.#schedule();
  }

  /** The download is complete and nothing is left to seed. The journal is removed when the torrent ends. */
  complete(): void {
    this.#isComplete = true;
  }

  /**
   * The torrent is about to end, and the process may die before the last flush is done. So the pieces that are not
   * flushed are named as written now.
   */
  closing(): void {
    if (!this.#isComplete) this.#nameUnflushed();
  }

  /**
   * Writes down the rest and then the record 'end', or removes the journal when the download is complete. Nothing may
   * be written to the files after the answer.
   */
  end(answered: () => void): void {
    this.#next?.cancel();
    this.#end = answered;
    this.closing();
    // Of a keeper that was abandoned, nobody tells when a batch that was under way is over.
    if (!this.#isBatching || this.#isAbandoned) this.#finish();
  }

  /**
   * Does nothing more, and answers `end` at once, now or when it is called. The journal stays as it is, and stays true.
   */
  abandon(): void {
    this.#isAbandoned = true;
    this.#writer = null;
    this.#next?.cancel();
    this.#answerEnd();
  }

  #schedule(): void {
    if (this.#writer === null || this.#end !== null) return;
    if (this.#length >= this.#options.length && !this.#isBatching) this.#writeBatch([]);
    else {
      const { interval, patience } = this.#options;
      this.#next ??= this.#parts.timers.addTask(() => this.#tick(), this.#isBatching ? patience : interval);
    }
  }

  #tick(): void {
    this.#next = null;
    if (this.#isBatching) {
      this.#nameUnflushed();
      if (this.#hasMore) this.#schedule();
    } else if (this.#hasMore) {
      this.#writeBatch([]);
    }
  }

  get #hasMore(): boolean {
    return this.#length > 0 || this.#unflushed.length > 0 || this.#blocks.hasNews;
  }

  /** Flushes what was written so far, then writes down that it is there, and then the records `last`. */
  #writeBatch(last: readonly JournalRecord[]): void {
    const count = this.#unflushed.length;
    this.#length = 0;
    this.#blocks.flushing();
    this.#isBatching = true;
    if (count > 0) this.#schedule();
    this.#flush([], (flushed) => {
      const pieces = this.#unflushed.splice(0, count);
      this.#namedCount = Math.max(0, this.#namedCount - count);
      this.#state.add(pieces, flushed);
      const records: JournalRecord[] = [];
      if (flushed.size > 0) records.push({ kind: 'files', files: flushed });
      if (pieces.length > 0) records.push({ kind: 'pieces', runs: runsOf(pieces) });
      records.push(...this.#blocks.flushed(), ...last);
      if (records.length === 0 || this.#writer === null) this.#batchEnded();
      else this.#writer.append(records, true, () => this.#batchEnded());
    });
  }

  #batchEnded(): void {
    this.#isBatching = false;
    const again = this.#again;
    this.#again = null;
    if (this.#end !== null) this.#finish();
    else if (again !== null) again();
    else if (this.#hasMore) this.#schedule();
  }

  #finish(): void {
    if (this.#writer === null) this.#answerEnd();
    else if (this.#isComplete) this.#writer.remove(() => this.#answerEnd());
    // The disk may have written pieces since the last batch began.
    else if (this.#hasMore) this.#writeBatch([]);
    else if (!this.#writer.hasBegun || this.#isEnded) this.#answerEnd();
    else {
      this.#isEnded = true;
      this.#writeBatch([{ kind: 'end' }]);
    }
  }

  /** Appends a record that names the pieces that are not flushed as written. */
  #nameUnflushed(): void {
    if (this.#writer === null || this.#namedCount === this.#unflushed.length) return;
    const unnamed = this.#unflushed.slice(this.#namedCount);
    this.#namedCount = this.#unflushed.length;
    this.#writer.append([{ kind: 'written', runs: runsOf(unnamed) }], false, () => undefined);
  }

  /** The record of all pieces that are written and not flushed, for a journal that is written anew. */
  #nameWritten(): JournalRecord[] {
    this.#namedCount = this.#unflushed.length;
    return [{ kind: 'written', runs: runsOf(this.#unflushed) }];
  }

  /** Flushes the files that were written to, and those in `also`. */
  #flush(also: readonly number[], done: (flushed: ReadonlyMap<number, FileIdentity>) => void): void {
    this.#parts.storage.sync(also, (outcome) => {
      if (this.#isAbandoned) return;
      // The journal was given up meanwhile. Whoever waits for the flush goes on without it.
      if (this.#writer === null) done(new Map());
      else if (outcome.ok) done(outcome.flushed);
      // Until the folder is back, nothing is written to the files either.
      else if (outcome.failure instanceof FolderGone && this.#end === null)
        this.#parts.timers.addTask(() => {
          if (!this.#isAbandoned) this.#flush(also, done);
        }, this.#options.absence);
      else this.#writer.giveUp(outcome.failure, () => done(new Map()));
    });
  }

  #giveUp({ message }: BtgetError): void {
    this.#writer = null;
    this.#next?.cancel();
    this.#parts.warned('no-journal', `no resume journal is kept, so that the next start hashes everything: ${message}`);
  }

  #answerEnd(): void {
    const end = this.#end;
    this.#end = null;
    end?.();
  }
}
