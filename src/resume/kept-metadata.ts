import { toHex } from '../base/bytes.js';
import type { Timers } from '../base/clock.js';
import { sha1 } from '../base/digest.js';
import type { JournalFile, OpenTarget } from '../disk/target.js';
import type { InfoHash } from '../metainfo/metainfo.js';

/**
 * The name of the target under which the metadata lies in the download folder. The torrent's own name is not known
 * before the metadata is, so it is the hash alone that says whose it is.
 */
export function metadataTarget(infoHash: InfoHash): string {
  return `.${toHex(infoHash)}`;
}

/**
 * The metadata of a download that began with a magnet link, until it is done: a restart need not fetch it again, and
 * knows its files when there is no peer at all. Its hash is its proof, so it does not matter which user wrote it, and a
 * torn or strange file is no metadata.
 */
export class KeptMetadata {
  readonly #timers: Timers;
  readonly #infoHash: InfoHash;
  readonly #file: JournalFile;
  /** What is asked of the file, one thing at a time. */
  #waiting: (() => void)[] = [];
  #busy = false;

  /** `dir` is the download folder. */
  constructor(timers: Timers, openTarget: OpenTarget, infoHash: InfoHash, dir: string) {
    this.#timers = timers;
    this.#infoHash = infoHash;
    this.#file = openTarget({ dir, name: metadataTarget(infoHash) }).journal;
  }

  /** Answers null when nothing usable is there. What is wrong with the file its writing will say. */
  read(answered: (info: Buffer | null) => void): void {
    this.#ask((done) =>
      this.#file.read((outcome) => {
        const bytes = outcome.ok ? (outcome.found?.bytes ?? null) : null;
        this.#timers.addTask(() => {
          answered(bytes !== null && sha1(bytes).equals(this.#infoHash) ? bytes : null);
          done();
        }, 0);
      }),
    );
  }

  /** `failed` hears of it when it cannot be written: then the next start fetches again. */
  write(info: Buffer, failed: (message: string) => void): void {
    this.#ask((done) =>
      this.#file.replace(info, (outcome) => {
        this.#timers.addTask(() => {
          if (!outcome.ok) failed(outcome.failure.message);
          done();
        }, 0);
      }),
    );
  }

  /**
   * Harmless when there is none. One that cannot be removed does no harm where it is: `removed` is called all the same.
   */
  remove(removed: () => void): void {
    this.#ask((done) =>
      this.#file.remove(() => {
        this.#timers.addTask(() => {
          removed();
          done();
        }, 0);
      }),
    );
  }

  /** Calls `idle` when all that was asked is done and answered: at once, when nothing is under way. */
  whenIdle(idle: () => void): void {
    this.#ask((done) => {
      idle();
      done();
    });
  }

  #ask(operation: (done: () => void) => void): void {
    this.#waiting.push(() => operation(() => this.#next()));
    if (!this.#busy) this.#next();
  }

  #next(): void {
    const operation = this.#waiting.shift();
    this.#busy = operation !== undefined;
    operation?.();
  }
}
