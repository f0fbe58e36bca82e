/** Computes the hashes of pieces whose bytes lie in files, in a hashing worker. */
import { BtgetError } from '../../base/failure.js';
import { about, encodeFailure } from '../failure.js';
import type { HashAnswer, HashJob, HashSource, ReadPlace } from '../protocol.js';
import { isSameFile } from '../same-file.js';
import { below } from '../system/guard.js';
import type { FileOperations } from '../system/operations.js';
import type { FilePool, OpenFile } from './file-pool.js';
import { PieceDigests } from './piece-digests.js';

// Long enough that a read costs little. Short enough that the bytes are still in the core's cache when they are hashed.
const READ_LENGTH = 256 * 1024;

export class FileHasher {
  readonly #operations: FileOperations;
  readonly #pool: FilePool;
  readonly #bytes = Buffer.allocUnsafeSlow(READ_LENGTH);
  readonly #zeros = Buffer.alloc(16 * 1024);

  constructor(operations: FileOperations, pool: FilePool) {
    this.#operations = operations;
    this.#pool = pool;
  }

  hash(job: HashJob): HashAnswer {
    const pieces = new PieceDigests(job);
    try {
      for (const source of job.sources) {
        if (source.kind === 'zeros') this.#hashZeros(source.length, pieces);
        else {
          const missing = this.#hashFile(source, pieces);
          if (missing !== null) return missing;
        }
      }
      return pieces.end();
    } catch (error) {
      if (!(error instanceof BtgetError)) throw error;
      return { kind: 'failed', failure: encodeFailure(error) };
    }
  }

  #hashZeros(length: number, pieces: PieceDigests): void {
    for (let left = length; left > 0; left -= this.#zeros.length) {
      pieces.add(this.#zeros.subarray(0, Math.min(left, this.#zeros.length)), false);
    }
  }

  /** Null when it has read all bytes. */
  #hashFile(source: HashSource & { kind: 'file' }, pieces: PieceDigests): (HashAnswer & { kind: 'missing' }) | null {
    const path = source.places.at(-1)?.path ?? '';
    try {
      return this.#readFile(source, pieces) ? null : { kind: 'missing', path };
    } catch (error) {
      if (source.isUnselected !== true || !(error instanceof BtgetError)) throw error;
      return { kind: 'missing', path, isUnreadable: true };
    }
  }

  #isIt({ root, path, id, identity = null }: ReadPlace, { descriptor, facts }: OpenFile): boolean {
    if (id === null || facts.id === id) return true;
    const name = root === null ? path : below(root, path);
    return about(name, () => {
      if (identity === null || !this.#operations.numbersAnew(name)) return false;
      return isSameFile({ id, identity }, { ...this.#operations.identityOf(descriptor), id: facts.id });
    });
  }

  /** False when bytes are missing. */
  #readFile(source: HashSource & { kind: 'file' }, pieces: PieceDigests): boolean {
    for (const place of source.places) {
      const { root, path } = place;
      const open = this.#pool.open(root === null ? null : { root }, path);
      if (open === undefined || !this.#isIt(place, open)) continue;
      if (open.facts.length < source.begin + source.length) return false;
      const name = root === null ? path : below(root, path);
      let position = source.begin;
      for (let left = source.length; left > 0; ) {
        const length = Math.min(left, READ_LENGTH);
        const at = position;
        const count = about(name, () => this.#operations.read(open.descriptor, this.#bytes, length, at));
        if (count === 0) return false;
        pieces.add(this.#bytes.subarray(0, count), true);
        position += count;
        left -= count;
      }
      return true;
    }
    return false;
  }
}
