/** A file that loses its name as soon as it is open: when the process ends, in whatever way, nothing is left of it. */
import fs from 'node:fs';
import { join } from 'node:path';
import { about, fileFailure } from '../failure.js';

type Answered = (failure: Error | null) => void;

export interface NamelessFile {
  /** Fills `into` from `position`; what was never written is zeros. The caller must not touch it before the answer. */
  read(into: Uint8Array, position: number, answered: Answered): void;
  /** Writes all of `from` at `position`. The caller must not touch it before the answer. */
  write(from: Uint8Array, position: number, answered: Answered): void;
  close(): void;
}

/** Makes such a file in the folder `dir`; only we can read it. Blocks for a moment. Throws a failure of the disk. */
export type OpenNamelessFile = (dir: string) => NamelessFile;

export const openNamelessFile: OpenNamelessFile = (dir) => {
  const folder = about(dir, () => fs.mkdtempSync(join(dir, 'btget-')));
  const path = join(folder, 'pieces');
  const descriptor = about(path, () => fs.openSync(path, 'wx+', 0o600));
  about(path, () => {
    fs.unlinkSync(path);
    fs.rmdirSync(folder);
  });
  return new OpenNameless(descriptor, `a temporary file in ${dir}`);
};

class OpenNameless implements NamelessFile {
  readonly #descriptor: number;
  /** What messages call it. */
  readonly #words: string;

  constructor(descriptor: number, words: string) {
    this.#descriptor = descriptor;
    this.#words = words;
  }

  read(into: Uint8Array, position: number, answered: Answered): void {
    fs.read(this.#descriptor, into, 0, into.length, position, (error, count) => {
      if (error !== null) answered(fileFailure(error, this.#words));
      else if (count === into.length) answered(null);
      else if (count === 0) {
        into.fill(0);
        answered(null);
      } else this.read(into.subarray(count), position + count, answered);
    });
  }

  write(from: Uint8Array, position: number, answered: Answered): void {
    fs.write(this.#descriptor, from, 0, from.length, position, (error, count) => {
      if (error !== null) answered(fileFailure(error, this.#words));
      else if (count === from.length) answered(null);
      else this.write(from.subarray(count), position + count, answered);
    });
  }

  close(): void {
    fs.closeSync(this.#descriptor);
  }
}
