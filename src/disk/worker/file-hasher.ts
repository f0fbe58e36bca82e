/** Computes the piece hashes of bytes that lie in files, in a hashing worker. */
import { createHash, type Hash } from 'node:crypto';
import { BtgetError } from '../../base/failure.js';
import { about, encodeFailure } from '../failure.js';
import type { HashAnswer, HashJob, HashSource } from '../protocol.js';
import { below } from '../system/guard.js';
import type { FileOperations } from '../system/operations.js';
import type { FilePool } from './file-pool.js';

// Long enough that a read costs little. Short enough that the bytes are still in the core's cache when they are hashed.
const READ_LENGTH = 256 * 1024;
const HASH_LENGTH = 20;

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
    const pieces = new PieceHashes(job);
    try {
      for (const source of job.sources) {
        if (source.kind === 'zeros') this.#hashZeros(source.length, pieces);
        else if (!this.#hashFile(source, pieces)) return { kind: 'missing', path: source.places.at(-1)?.path ?? '' };
      }
      return { kind: 'hashed', hashes: pieces.end() };
    } catch (error) {
      if (!(error instanceof BtgetError)) throw error;
      return { kind: 'failed', failure: encodeFailure(error) };
    }
  }

  #hashZeros(length: number, pieces: PieceHashes): void {
    for (let left = length; left > 0; left -= this.#zeros.length) {
      pieces.add(this.#zeros.subarray(0, Math.min(left, this.#zeros.length)));
    }
  }

  /** False when bytes are missing. */
  #hashFile(source: HashSource & { kind: 'file' }, pieces: PieceHashes): boolean {
    for (const { root, path, id } of source.places) {
      const open = this.#pool.open(root === null ? null : { root }, path);
      if (open === undefined || (id !== null && open.facts.id !== id)) continue;
      if (open.facts.length < source.begin + source.length) return false;
      const name = root === null ? path : below(root, path);
      let position = source.begin;
      for (let left = source.length; left > 0; ) {
        const length = Math.min(left, READ_LENGTH);
        const at = position;
        const count = about(name, () => this.#operations.read(open.descriptor, this.#bytes, length, at));
        if (count === 0) return false;
        pieces.add(this.#bytes.subarray(0, count));
        position += count;
        left -= count;
      }
      return true;
    }
    return false;
  }
}

/** Cuts a run of bytes into pieces, and hashes each piece. */
class PieceHashes {
  readonly #pieceLength: number;
  readonly #hashes: Buffer;
  #written = 0;
  #current: Hash = createHash('sha1');
  /** Bytes that the current piece still lacks. */
  #left: number;

  constructor(job: HashJob) {
    const length = job.sources.reduce((sum, source) => sum + source.length, 0);
    this.#pieceLength = job.pieceLength;
    this.#left = job.pieceLength;
    // The buffer needs memory of its own, because it is handed over to another thread.
    this.#hashes = Buffer.allocUnsafeSlow(Math.ceil(length / job.pieceLength) * HASH_LENGTH);
  }

  add(bytes: Buffer): void {
    let begin = 0;
    while (begin < bytes.length) {
      const end = Math.min(bytes.length, begin + this.#left);
      this.#current.update(bytes.subarray(begin, end));
      this.#left -= end - begin;
      begin = end;
      if (this.#left === 0) this.#endPiece();
    }
  }

  end(): Uint8Array {
    if (this.#left < this.#pieceLength) this.#endPiece();
    return this.#hashes;
  }

  #endPiece(): void {
    this.#current.digest().copy(this.#hashes, this.#written);
    this.#written += HASH_LENGTH;
    this.#current = createHash('sha1');
    this.#left = this.#pieceLength;
  }
}
