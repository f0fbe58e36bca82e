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
  /** Nothing that was written waits longer than this before it is flushed, but for a flush that is under way. */
  readonly interval: Millis;
  /** Nothing that was verified waits longer than this for a flush that is under way before it is named as written. */
  readonly patience: Millis;
  /** While the download folder is gone, the flush is tried again after this. */
  readonly absence: Millis;
  /** Nor does more than this wait. Bytes. */
  readonly length: number;
  /** A journal that is shorter than this is not made shorter. Bytes. */
  readonly minLength: number;
  /** The order in which pieces came is kept for so many bytes of them, so that the newest can be doubted. */
  readonly newestLength: number;
}

export const DEFAULT_JOURNAL_KEEPER_OPTIONS: JournalKeeperOptions = {
  // Together they are less than the second of which a kill may cost the pieces: writing it down takes a moment too.
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
  /** Files grow under their final names: nothing but the journal tells that they are ours, even when it is given up. */
  readonly claimsFiles: boolean;
  readonly warned: (code: string, message: string) => void;
}

/**
 * Writes down what is on the disk, in batches: what came is flushed, and only then is it spoken of as being there. One
 * batch is under way at a time. On a disk that is slower than the network each becomes longer than the one before, so
 * while one is under way the pieces that are not flushed are named too, as written: a kill must not cost a minute's
 * pieces.
 *
 * Nothing is written before there is something to say, and nothing is left when all is done. A journal that fails never
 * stops the download: it is removed, said to be gone once, and the next start hashes.
 */
export class JournalKeeper {
  readonly #parts: JournalKeeperParts;
  readonly #options: JournalKeeperOptions;
  #state: KeptState;
  readonly #blocks = new KeptBlocks();
  /** Null until it begins, and when the journal is no longer kept. */
  #writer: JournalWriter | null = null;
  /** Verified pieces that were written and are not known to be flushed, in the order of their coming. */
  readonly #unflushed: PieceIndex[] = [];
  /** The first so many of them are named as written. */
  #namedCount = 0;
  /** Bytes written since the last batch began. */
  #length = 0;
  #next: Task | null = null;
  /** A batch is under way: being flushed, or being written down. */
  #isBatching = false;
  #isComplete = false;
  /** The end is written down. */
  #isEnded = false;
  #end: (() => void) | null = null;
  /** Waits for the batch that is under way. */
  #again: (() => void) | null = null;

  constructor(parts: JournalKeeperParts, options: JournalKeeperOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#state = new KeptState(parts.layout, options.newestLength);
  }

  /**
   * Nothing may be written to the files before this has answered: what an older journal says holds only for files that
   * nobody has touched.
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
   * Verified pieces are gone. Nothing may be written to the files before this has answered: what is written down of a
   * file must not outlive its bytes. Not answered once the end is asked for.
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

  /** Writes down what is known so far, if nothing is written down yet. */
  claim(answered: () => void): void {
    if (this.#writer === null || this.#writer.hasBegun) answered();
    else this.#writer.rewrite(answered);
  }

  /** Whether it is the file of that index as it was when it was last flushed, whatever is in it. */
  knows(file: number, identity: FileIdentity): boolean {
    return this.#state.knows(file, identity);
  }

  /** Bytes have been written to the files. */
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

  /** The blocks of the piece that have been written do not make the piece. */
  pieceWrong(piece: PieceIndex): void {
    if (this.#writer === null) return;
    this.#blocks.pieceWrong(piece);
    if (this.#blocks.hasNews) this.#schedule();
  }

  /** All is done, and nothing is left to seed: the journal goes when the torrent ends. */
  complete(): void {
    this.#isComplete = true;
  }

  /** The end is near, and the process may not live to see what is flushed until then: that is named as written now. */
  closing(): void {
    if (!this.#isComplete) this.#speak();
  }

  /**
   * Writes down the rest and that this was all, or removes the journal. Nothing may be written to the files after this.
   */
  end(answered: () => void): void {
    this.#next?.cancel();
    this.#end = answered;
    this.closing();
    if (!this.#isBatching) this.#finish();
  }

  /** Asks nothing more. `end` is answered if it was asked for. What the journal says so far stays true. */
  abandon(): void {
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
      this.#speak();
      if (this.#hasMore) this.#schedule();
    } else if (this.#hasMore) {
      this.#writeBatch([]);
    }
  }

  get #hasMore(): boolean {
    return this.#length > 0 || this.#unflushed.length > 0 || this.#blocks.hasNews;
  }

  /** Flushes what came, and then writes of it. */
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
    // Pieces that the disk was still at work on may be written meanwhile.
    else if (this.#hasMore) this.#writeBatch([]);
    else if (!this.#writer.hasBegun || this.#isEnded) this.#answerEnd();
    else {
      this.#isEnded = true;
      this.#writeBatch([{ kind: 'end' }]);
    }
  }

  /** Names the pieces as written that are not flushed. */
  #speak(): void {
    if (this.#writer === null || this.#namedCount === this.#unflushed.length) return;
    const unnamed = this.#unflushed.slice(this.#namedCount);
    this.#namedCount = this.#unflushed.length;
    this.#writer.append([{ kind: 'written', runs: runsOf(unnamed) }], false, () => undefined);
  }

  /** For a journal that begins anew. */
  #nameWritten(): JournalRecord[] {
    this.#namedCount = this.#unflushed.length;
    return [{ kind: 'written', runs: runsOf(this.#unflushed) }];
  }

  #flush(also: readonly number[], done: (flushed: ReadonlyMap<number, FileIdentity>) => void): void {
    this.#parts.storage.sync(also, (outcome) => {
      if (this.#writer === null) return;
      if (outcome.ok) done(outcome.flushed);
      // Until it is back, nothing is written either.
      else if (outcome.failure instanceof FolderGone && this.#end === null)
        this.#parts.timers.addTask(() => {
          if (this.#writer !== null) this.#flush(also, done);
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

/** What a torrent starts with. */
export interface StartingPoint {
  /** Whether a journal is written at once. False where there is nothing to say. */
  readonly rewrites: boolean;
  readonly verified: readonly PieceIndex[];
  /** Blocks of other pieces that are there too. */
  readonly unfinished: UnfinishedPieces;
  /** What the files were like when their pieces were believed or hashed, by index. */
  readonly files: ReadonlyMap<number, FileIdentity>;
  /** Files with pieces that were right on the disk, but that nobody is known to have flushed. */
  readonly unflushed: readonly number[];
}
