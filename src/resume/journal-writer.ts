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
  /** Everything that is known by now, in as few records as can be. */
  readonly snapshot: () => readonly JournalRecord[];
  /** What stays true when the journal is given up, or null when nothing of it is worth keeping. */
  readonly claims: () => readonly JournalRecord[] | null;
  /** The journal is given up: it has been removed, or says no more than `claims`. Called once. */
  readonly failed: (failure: BtgetError) => void;
  /**
   * There was no room for it, or its folder is gone. It is tried again when there is more to say, and says everything
   * then.
   */
  readonly noRoom: (failure: BtgetError) => void;
}

/** Puts records into the journal's file, one operation after another, and writes it anew when it has become long. */
export class JournalWriter {
  readonly #parts: JournalWriterParts;
  readonly #minLength: number;
  readonly #waiting: (() => void)[] = [];
  #isBusy = false;
  #isBroken = false;
  #hasBegun = false;
  /** Of the last record that was written, or of the head; null while there is no file that records can be added to. */
  #seal: number | null = null;
  #length = 0;
  /** Beyond this the journal is written anew. Bytes. */
  #maxLength = 0;

  /** A journal shorter than `minLength` is not made shorter. */
  constructor(parts: JournalWriterParts, minLength: number) {
    this.#parts = parts;
    this.#minLength = minLength;
  }

  /** Whether anything has been, or is being, written down. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /**
   * The first records make the file, with all that is known. Answers when they are there, flushed if `flushes`, or when
   * they cannot be, after `failed`.
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

  /** Writes down all that is known. Answers as `append` does. */
  rewrite(answered: () => void): void {
    this.#run(answered, (told) => this.#replace([], told));
  }

  /** Removes the file, or what a crash left of one that we never came to write again. Answers as `append` does. */
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
          // Busy still: what is asked for now comes after what waits already.
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
   * On a disk that is full or gone little is written to the files either, so what the journal says stays nearly all
   * that there is to say. Half a record may stand behind it now.
   */
  #keepFor(failure: BtgetError): void {
    this.#seal = null;
    this.#parts.noRoom(failure);
  }

  /**
   * Removes the file or reduces it to `claims`, tells `failed`, and answers. What a journal says that is no longer kept
   * would soon be so little that most of the download came a second time.
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
      // Where it cannot be removed either, it gives itself away: the files grow much younger than it is.
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

function mayPass(failure: BtgetError): boolean {
  return failure.code === 'disk-full' || failure instanceof FolderGone;
}
