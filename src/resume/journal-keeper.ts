import type { Millis, Task, Timers } from '../base/clock.js';
import type { BtgetError } from '../base/failure.js';
import type { Random } from '../base/random.js';
import type { JournalFile } from '../disk/journal-file.js';
import type { DoneOutcome, FileIdentity, Storage } from '../disk/storage.js';
import type { PieceIndex, PieceLayout } from '../metainfo/piece-layout.js';
import { DEFAULT_BELIEF_OPTIONS } from './belief.js';
import {
  encodeHead,
  encodeRecords,
  type JournalOwner,
  type JournalRecord,
  lastSeal,
  NONCE_LENGTH,
} from './journal-format.js';
import { KeptState, runsOf } from './kept-state.js';

export interface JournalKeeperOptions {
  /** Nothing that was written waits longer than this before it is flushed, but for a flush that is under way. */
  readonly interval: Millis;
  /** Nor does more than this wait. Bytes. */
  readonly length: number;
  /** A journal that is shorter than this is not made shorter. Bytes. */
  readonly minLength: number;
  /** The order in which pieces came is kept for so many bytes of them, so that the newest can be doubted. */
  readonly newestLength: number;
}

export const DEFAULT_JOURNAL_KEEPER_OPTIONS: JournalKeeperOptions = {
  interval: 1_000,
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
  readonly warned: (code: string, message: string) => void;
}

/** What a torrent starts with. */
export interface StartingPoint {
  /** Whether there is an older journal. */
  readonly exists: boolean;
  /** Whether a journal is written at once. False where there is nothing to say. */
  readonly rewrites: boolean;
  readonly verified: readonly PieceIndex[];
  /** What the files were like when their pieces were believed or hashed, by index. */
  readonly files: ReadonlyMap<number, FileIdentity>;
  /** Files with pieces that were right on the disk, but that nobody is known to have flushed. */
  readonly unflushed: readonly number[];
}

/**
 * Writes down what is on the disk, in batches: what came is flushed, and only then is it spoken of. One batch is under way
 * at a time, so that a slow disk makes them larger, not more.
 *
 * Nothing is written before there is something to say, and nothing is left when all is done. A journal that fails never
 * stops the download: it is removed, said to be gone once, and the next start hashes.
 */
export class JournalKeeper {
  readonly #parts: JournalKeeperParts;
  readonly #options: JournalKeeperOptions;
  readonly #state: KeptState;
  #stage: 'new' | 'keeping' | 'idle' = 'new';
  /** Verified pieces that came since the last batch, in order. */
  #pieces: PieceIndex[] = [];
  /** Bytes written since the last batch. */
  #length = 0;
  #next: Task | null = null;
  #underWay = false;
  /** Of the last record that was written, or of the head; null while there is no file. */
  #seal: number | null = null;
  #fileLength = 0;
  /** Beyond this the journal is written anew. Bytes. */
  #maxFileLength = 0;
  /** Whether there is a file to be removed, ours or an older one. */
  #exists = false;
  #isComplete = false;
  #end: (() => void) | null = null;

  constructor(parts: JournalKeeperParts, options: JournalKeeperOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#state = new KeptState(parts.layout, options.newestLength);
  }

  /**
   * Nothing may be written to the files before this has answered: what an older journal says holds only for files that
   * nobody has touched.
   */
  begin({ exists, rewrites, verified, files, unflushed }: StartingPoint, answered: () => void): void {
    this.#exists = exists;
    this.#stage = 'keeping';
    this.#state.begin(verified, files);
    const begun = (): void => {
      answered();
      if (this.#end !== null) this.#finish();
    };
    const write = (): void => {
      if (rewrites) this.#rewrite([], begun);
      else begun();
    };
    if (unflushed.length === 0) write();
    else this.#flush(unflushed, begun, write);
  }

  /** Bytes have been written to the files. */
  bytesWritten(length: number): void {
    this.#length += length;
    this.#schedule();
  }

  /** The piece is verified and written. */
  pieceWritten(piece: PieceIndex): void {
    if (this.#stage !== 'keeping') return;
    this.#pieces.push(piece);
    this.#schedule();
  }

  /** All is done, and nothing is left to seed: the journal goes when the torrent ends. */
  complete(): void {
    this.#isComplete = true;
  }

  /** Writes down the rest and that this was all, or removes the journal. Nothing may be written to the files after this. */
  end(answered: () => void): void {
    this.#next?.cancel();
    this.#end = answered;
    if (!this.#underWay) this.#finish();
  }

  /** Asks nothing more. `end` is answered if it was asked for. What the journal says so far stays true. */
  abandon(): void {
    this.#stage = 'idle';
    this.#next?.cancel();
    this.#answerEnd();
  }

  #schedule(): void {
    if (this.#stage !== 'keeping' || this.#underWay || this.#end !== null) return;
    if (this.#length >= this.#options.length) this.#writeBatch();
    else this.#next ??= this.#parts.timers.addTask(() => this.#writeBatch(), this.#options.interval);
  }

  #writeBatch(): void {
    this.#writeDown([], () => {
      if (this.#end !== null) this.#finish();
      else if (this.#hasMore) this.#schedule();
    });
  }

  #finish(): void {
    if (this.#stage !== 'keeping') this.#answerEnd();
    else if (this.#isComplete) this.#remove();
    // Pieces that the disk was still at work on may be written meanwhile.
    else if (this.#hasMore) this.#writeDown([], () => this.#finish());
    else if (this.#seal === null) this.#answerEnd();
    else this.#writeDown([{ kind: 'end' }], () => this.#answerEnd());
  }

  get #hasMore(): boolean {
    return this.#length > 0 || this.#pieces.length > 0;
  }

  /** Flushes what came, and then writes of it. */
  #writeDown(last: readonly JournalRecord[], answered: () => void): void {
    this.#next?.cancel();
    this.#next = null;
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#length = 0;
    this.#flush([], answered, (flushed) => {
      this.#state.add(pieces, flushed);
      const records: JournalRecord[] = [];
      if (flushed.size > 0) records.push({ kind: 'files', files: flushed });
      if (pieces.length > 0) records.push({ kind: 'pieces', runs: runsOf(pieces) });
      this.#append([...records, ...last], answered);
    });
  }

  #flush(
    also: readonly number[],
    failed: () => void,
    done: (flushed: ReadonlyMap<number, FileIdentity>) => void,
  ): void {
    this.#underWay = true;
    this.#parts.storage.sync(also, (outcome) => {
      this.#underWay = false;
      if (this.#stage !== 'keeping') return;
      if (outcome.ok) done(outcome.flushed);
      else this.#giveUp(outcome.failure, failed);
    });
  }

  #append(records: readonly JournalRecord[], answered: () => void): void {
    if (records.length === 0) {
      answered();
      return;
    }
    const bytes = encodeRecords(this.#seal ?? 0, records);
    if (this.#seal === null || this.#fileLength + bytes.length > this.#maxFileLength) {
      const end = records.filter(({ kind }) => kind === 'end');
      this.#rewrite(end, answered);
      return;
    }
    this.#fileLength += bytes.length;
    this.#seal = lastSeal(bytes);
    this.#ask((told) => this.#parts.file.append(bytes, told), answered);
  }

  /** Everything that is known, as short as can be, and `last`. */
  #rewrite(last: readonly JournalRecord[], answered: () => void): void {
    const head = encodeHead(this.#parts.owner, this.#parts.random.bytes(NONCE_LENGTH));
    const bytes = Buffer.concat([head, encodeRecords(lastSeal(head), [...this.#state.records(), ...last])]);
    this.#exists = true;
    this.#seal = lastSeal(bytes);
    this.#fileLength = bytes.length;
    this.#maxFileLength = Math.max(this.#options.minLength, bytes.length * 2);
    this.#ask((told) => this.#parts.file.replace(bytes, told), answered);
  }

  #remove(): void {
    if (!this.#exists) {
      this.#answerEnd();
      return;
    }
    this.#ask(
      (told) => this.#parts.file.remove(told),
      () => this.#answerEnd(),
    );
  }

  #ask(asking: (told: (outcome: DoneOutcome) => void) => void, answered: () => void): void {
    this.#underWay = true;
    asking((outcome) => {
      // Answers become tasks of the torrent, which do not run once it has ended.
      this.#parts.timers.addTask(() => {
        this.#underWay = false;
        if (this.#stage !== 'keeping') return;
        if (outcome.ok) answered();
        else this.#giveUp(outcome.failure, answered);
      }, 0);
    });
  }

  /** What a journal says that is no longer kept would soon be so little that most of the download came a second time. */
  #giveUp(failure: BtgetError, answered: () => void): void {
    this.#stage = 'idle';
    this.#next?.cancel();
    const message = `no resume journal is kept, so that the next start hashes everything: ${failure.message}`;
    this.#parts.warned('no-journal', message);
    // Where it cannot be removed either, it gives itself away: the files grow much younger than it is.
    this.#parts.file.remove(() => {
      this.#parts.timers.addTask(answered, 0);
    });
  }

  #answerEnd(): void {
    const end = this.#end;
    this.#end = null;
    end?.();
  }
}
