import { toHex } from '../base/bytes.js';
import type { Timers } from '../base/clock.js';
import { sha1 } from '../base/digest.js';
import type { JournalFile, OpenTarget } from '../disk/target.js';
import type { InfoHash } from '../metainfo/metainfo.js';

/**
 * The name of the target whose journal file holds the metadata, in the download folder. We know the torrent's own name
 * only from the metadata, so this name is made of the info-hash.
 */
export function metadataTarget(infoHash: InfoHash): string {
  return `.${toHex(infoHash)}`;
}

/**
 * Keeps the metadata of a download that began with a magnet link, until the download is done. With it a restart does
 * not fetch the metadata again, and knows the files when there is no peer. The info-hash proves it, so it does not
 * matter which user wrote the file, and a torn or strange file is ignored.
 */
export class KeptMetadata {
  readonly #timers: Timers;
  readonly #infoHash: InfoHash;
  readonly #file: JournalFile;
  /** Operations on the file that wait: only one is under way at a time. */
  #waiting: (() => void)[] = [];
  #busy = false;

  /** `dir` is the download folder. */
  constructor(timers: Timers, openTarget: OpenTarget, infoHash: InfoHash, dir: string) {
    this.#timers = timers;
    this.#infoHash = infoHash;
    this.#file = openTarget({ dir, name: metadataTarget(infoHash) }).journal;
  }

  /** Answers null when there is no usable file. Reading reports no failure; a later `write` does. */
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

  /** Writes the metadata. When that fails, `failed` is called and the next start fetches the metadata again. */
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
   * Removes the file, if there is one, then calls `removed`. `removed` is also called when the file cannot be removed,
   * because the file does no harm.
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

  /** Calls `idle` when all earlier calls are done and answered: within this call, when nothing is under way. */
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
