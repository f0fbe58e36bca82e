/** Writes records to the file of the journal, one operation at a time. Writes the file anew when it has become long. */
import type { Timers } from '../base/clock.js';
import type { BtgetError } from '../base/failure.js';
import type { Random } from '../base/random.js';
import { type DoneOutcome, FolderGone } from '../disk/storage.js';
import type { JournalFile } from '../disk/target.js';
import {
  encodeHead,
  encodeRecords,
  type JournalOwner,
  type JournalRecord,
  lastSeal,
  NONCE_LENGTH,
} from './journal-format.js';

export interface JournalWriterParts {
  readonly timers: Timers;
  readonly random: Random;
  readonly owner: JournalOwner;
  readonly file: JournalFile;
  /** Everything that is known now, in as few records as possible. */
  readonly snapshot: () => readonly JournalRecord[];
  /** The records to keep when the journal is given up, or null to remove the file. */
  readonly claims: () => readonly JournalRecord[] | null;
  /** The journal is given up: the file is removed, or says only `claims`. Called at most once. */
  readonly failed: (failure: BtgetError) => void;
  /** The disk is full, or the folder is gone. The next records are tried again, with everything that is known then. */
  readonly noRoom: (failure: BtgetError) => void;
}

export class JournalWriter {
  readonly #parts: JournalWriterParts;
  readonly #minLength: number;
  readonly #waiting: (() => void)[] = [];
  #isBusy = false;
  #isBroken = false;
  #hasBegun = false;
  /** The seal of the last record, or of the head; null while there is no file to append to. */
  #seal: number | null = null;
  #length = 0;
  /** A journal longer than this many bytes is written anew. */
  #maxLength = 0;

  /** A journal shorter than `minLength` bytes is not written anew to make it shorter. */
  constructor(parts: JournalWriterParts, minLength: number) {
    this.#parts = parts;
    this.#minLength = minLength;
  }

  /** Whether a file has been written, or is being written. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /**
   * Appends `records`. The first call makes the file, with all that is known. Answers when the records are in the file,
   * and flushed if `flushes`; or after `failed` when that is not possible.
   */
  append(records: readonly JournalRecord[], flushes: boolean, answered: () => void): void {
    this.#run(answered, (told) => {
      const bytes = this.#seal === null ? null : encodeRecords(this.#seal, records);
      if (bytes === null || this.#length + bytes.length > this.#maxLength) {
        this.#replace(
          records.filter(({ kind }) => kind === 'end'),
          told,
        );
        return;
      }
      this.#length += bytes.length;
      this.#seal = lastSeal(bytes);
      this.#parts.file.append(bytes, flushes, told);
    });
  }

  /** Writes the file anew with all that is known. Answers as `append` does. */
  rewrite(answered: () => void): void {
    this.#run(answered, (told) => this.#replace([], told));
  }

  /** Removes the file, also one that an earlier run left and this one has not written to. Answers as `append` does. */
  remove(answered: () => void): void {
    this.#run(answered, (told) => this.#parts.file.remove(told));
  }

  #replace(last: readonly JournalRecord[], told: (outcome: DoneOutcome) => void): void {
    const { snapshot, file } = this.#parts;
    const bytes = this.#encode([...snapshot(), ...last]);
    this.#hasBegun = true;
    this.#seal = lastSeal(bytes);
    this.#length = bytes.length;
    this.#maxLength = Math.max(this.#minLength, bytes.length * 2);
    file.replace(bytes, told);
  }

  #encode(records: readonly JournalRecord[]): Buffer {
    const { owner, random } = this.#parts;
    const head = encodeHead(owner, random.bytes(NONCE_LENGTH));
    return Buffer.concat([head, encodeRecords(lastSeal(head), records)]);
  }

  #run(answered: () => void, begin: (told: (outcome: DoneOutcome) => void) => void): void {
    const run = (): void => {
      if (this.#isBroken) {
        answered();
        return;
      }
      this.#isBusy = true;
      begin((outcome) =>
        this.#later(() => {
          // Still busy: operations that the answer asks for come after those that wait already.
          if (!outcome.ok && !mayPass(outcome.failure)) this.giveUp(outcome.failure, answered);
          else {
            if (!outcome.ok) this.#keepFor(outcome.failure);
            answered();
          }
          this.#isBusy = false;
          this.#waiting.shift()?.();
        }),
      );
    };
    if (this.#isBusy) this.#waiting.push(run);
    else run();
  }

  /**
   * Keeps the file as it is after a failure that may pass. While the disk is full or gone, little is written to the
   * files either, so the journal stays nearly complete. It may end in half a record now, so nothing is appended to it.
   */
  #keepFor(failure: BtgetError): void {
    this.#seal = null;
    this.#parts.noRoom(failure);
  }

  /**
   * Removes the file or reduces it to `claims`, tells `failed`, and answers. An old journal that stayed would soon miss
   * most of the pieces, and the next start would fetch them a second time.
   */
  giveUp(failure: BtgetError, answered: () => void): void {
    const run = (): void => {
      if (this.#isBroken) {
        answered();
        return;
      }
      this.#isBroken = true;
      this.#isBusy = true;
      const { file, claims, failed } = this.#parts;
      const end = (): void =>
        this.#later(() => {
          this.#isBusy = false;
          failed(failure);
          answered();
          for (const waiting of this.#waiting.splice(0)) waiting();
        });
      const kept = this.#hasBegun ? claims() : null;
      // When it cannot be removed either, the next start does not believe it: the files are then much newer than it is.
      if (kept === null) file.remove(end);
      else
        file.replace(this.#encode(kept), (outcome) => {
          if (outcome.ok) end();
          else file.remove(end);
        });
    };
    if (this.#isBusy) this.#waiting.unshift(run);
    else run();
  }

  /** Answers become tasks of the torrent, which do not run once it has ended. */
  #later(task: () => void): void {
    this.#parts.timers.addTask(task, 0);
  }
}

/** Whether a failure may end by itself: the disk is full, or its folder is gone. */
function mayPass(failure: BtgetError): boolean {
  return failure.code === 'disk-full' || failure instanceof FolderGone;
}
