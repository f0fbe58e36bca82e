import { RunningSha1, RunningSha256, writeSha256 } from '../../base/digest.js';
import { V1_HASH_LENGTH } from '../../metainfo/info-hash.js';
import { merkleRoot, NODE_LENGTH } from '../../metainfo/merkle.js';
import { BLOCK_LENGTH } from '../../metainfo/piece-layout.js';
import type { HashAnswer, HashJob, TreeJob } from '../protocol.js';

/** Cuts the bytes of a job into pieces, and computes the digests that the job wants of each piece. */
export class PieceDigests {
  readonly #pieceLength: number;
  readonly #sha1: PieceHashes | null;
  readonly #tree: PieceTrees | null;
  /** Bytes that the current piece still lacks. */
  #left: number;

  constructor(job: HashJob) {
    const lengthOf = (sources: HashJob['sources']): number => sources.reduce((sum, { length }) => sum + length, 0);
    const length = lengthOf(job.sources);
    const content = lengthOf(job.sources.filter(({ kind }) => kind === 'file'));
    this.#pieceLength = job.pieceLength;
    this.#left = job.pieceLength;
    this.#sha1 = job.sha1 ? new PieceHashes(Math.ceil(length / job.pieceLength)) : null;
    this.#tree = job.tree === null ? null : new PieceTrees(job.tree, content, job.pieceLength);
  }

  /** `isContent` false: padding, which hash trees do not cover. */
  add(bytes: Buffer, isContent: boolean): void {
    let begin = 0;
    while (begin < bytes.length) {
      const end = Math.min(bytes.length, begin + this.#left);
      const some = bytes.subarray(begin, end);
      this.#sha1?.add(some);
      if (isContent) this.#tree?.add(some);
      this.#left -= end - begin;
      begin = end;
      if (this.#left === 0) this.#endPiece();
    }
  }

  end(): HashAnswer & { kind: 'hashed' } {
    if (this.#left < this.#pieceLength) this.#endPiece();
    return {
      kind: 'hashed',
      hashes: this.#sha1?.hashes ?? new Uint8Array(0),
      roots: this.#tree?.roots ?? new Uint8Array(0),
      leaves: this.#tree?.leaves ?? new Uint8Array(0),
    };
  }

  #endPiece(): void {
    this.#sha1?.endPiece();
    this.#tree?.endPiece();
    this.#left = this.#pieceLength;
  }
}

class PieceHashes {
  readonly hashes: Buffer;
  #written = 0;
  #current = new RunningSha1();

  constructor(pieceCount: number) {
    // The buffer needs memory of its own, because it is handed over to another thread.
    this.hashes = Buffer.allocUnsafeSlow(pieceCount * V1_HASH_LENGTH);
  }

  add(bytes: Buffer): void {
    this.#current.update(bytes);
  }

  endPiece(): void {
    this.#current.digest().copy(this.hashes, this.#written);
    this.#written += V1_HASH_LENGTH;
    this.#current = new RunningSha1();
  }
}

class PieceTrees {
  readonly roots: Buffer;
  readonly #job: TreeJob;
  /** Leaves of all pieces when the job wants them, else of the current piece alone. */
  readonly #leaves: Buffer;
  /** How many pieces have ended. */
  #pieces = 0;
  /** Where the leaves of the current piece begin and end. */
  #begin = 0;
  #end = 0;
  /** The current block, when its bytes come in several parts. */
  #block: RunningSha256 | null = null;
  /** Bytes that have come of that block. */
  #taken = 0;

  constructor(job: TreeJob, length: number, pieceLength: number) {
    const blocks = Math.ceil((job.leaves ? length : Math.min(length, pieceLength)) / BLOCK_LENGTH);
    this.#job = job;
    this.roots = Buffer.allocUnsafeSlow(Math.ceil(length / pieceLength) * NODE_LENGTH);
    this.#leaves = Buffer.allocUnsafeSlow(blocks * NODE_LENGTH);
  }

  /** The leaves of all pieces, when the job wants them. */
  get leaves(): Buffer {
    return this.#job.leaves ? this.#leaves : this.#leaves.subarray(0, 0);
  }

  add(bytes: Buffer): void {
    let begin = 0;
    while (begin < bytes.length) {
      const end = Math.min(bytes.length, begin + BLOCK_LENGTH - this.#taken);
      const some = bytes.subarray(begin, end);
      begin = end;
      // To hash a block in one step costs less than to hash it in parts.
      if (some.length === BLOCK_LENGTH) this.#addBlock(some);
      else this.#addPart(some);
    }
  }

  endPiece(): void {
    if (this.#block !== null) this.#endBlock(this.#block);
    const leaves = this.#leaves.subarray(this.#begin, this.#end);
    merkleRoot(leaves, this.#job.width, 0).copy(this.roots, this.#pieces * NODE_LENGTH);
    this.#pieces += 1;
    if (this.#job.leaves) this.#begin = this.#end;
    else this.#end = 0;
  }

  #addPart(bytes: Buffer): void {
    this.#block ??= new RunningSha256();
    this.#block.update(bytes);
    this.#taken += bytes.length;
    if (this.#taken === BLOCK_LENGTH) this.#endBlock(this.#block);
  }

  #endBlock(block: RunningSha256): void {
    this.#addLeaf(block.digest());
    this.#block = null;
    this.#taken = 0;
  }

  #addBlock(block: Buffer): void {
    writeSha256(block, this.#leaves, this.#end);
    this.#end += NODE_LENGTH;
  }

  #addLeaf(leaf: Buffer): void {
    leaf.copy(this.#leaves, this.#end);
    this.#end += NODE_LENGTH;
  }
}
