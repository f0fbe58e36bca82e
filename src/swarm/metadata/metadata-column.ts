import { InfoProof, type NamedHashes } from '../../metainfo/named-hashes.js';
import type { MetadataVersions, PieceVersion } from './metadata-versions.js';

/**
 * One whole of the metadata as it grows: the pieces of one peer, or a mix of the pieces of several peers. It is hashed
 * from the front as the pieces come. So it never takes long to judge it, and what is hashed need not stay in memory.
 */
export class MetadataColumn {
  readonly #versions: MetadataVersions;
  readonly #pieces: (PieceVersion | undefined)[];
  readonly #proof: InfoProof;
  #isRight: boolean | null = null;
  /** How many pieces the column has, and how many are hashed, from the front. */
  #count = 0;
  #hashed = 0;
  /** Whether its bytes must stay in memory. */
  #keepsData = true;

  /** `versions` belong to all columns of one size. `hashes` say what the right metadata is. */
  constructor(versions: MetadataVersions, pieceCount: number, hashes: NamedHashes) {
    this.#versions = versions;
    this.#proof = new InfoProof(hashes);
    this.#pieces = new Array<PieceVersion | undefined>(pieceCount).fill(undefined);
  }

  /** How many pieces it lacks. */
  get missing(): number {
    return this.#pieces.length - this.#count;
  }

  /** How many pieces are hashed. It is also the index of the piece that is hashed next. */
  get hashed(): number {
    return this.#hashed;
  }

  /** Whether `unkeep` would free something, at once or when more is hashed. */
  get canUnkeep(): boolean {
    return this.#keepsData && this.#count > 0;
  }

  /** Whether `forget` would free something. */
  get canForget(): boolean {
    return this.#count > (this.#keepsData ? 0 : this.#hashed);
  }

  /** Whether its bytes leave memory as they are hashed, and some that can be hashed are still there. */
  get isDraining(): boolean {
    return !this.#keepsData && this.canAdvance;
  }

  /** Whether the piece that is hashed next is here. */
  get canAdvance(): boolean {
    return this.#pieces[this.#hashed] !== undefined;
  }

  /** Whether the whole has the hashes that the link names; null while not all of it is hashed. */
  get isRight(): boolean | null {
    if (this.#hashed === this.#pieces.length) this.#isRight ??= this.#proof.isRight();
    return this.#isRight;
  }

  has(piece: number): boolean {
    return this.#pieces[piece] !== undefined;
  }

  at(piece: number): PieceVersion | undefined {
    return this.#pieces[piece];
  }

  /**
   * Adds a piece that the column lacks. `data` is copied, unless nothing needs it longer: when the bytes need not stay
   * in memory, a piece whose turn it is is hashed at once.
   */
  put(piece: number, data: Buffer): PieceVersion {
    const version = this.#versions.hold(piece, data, this.#keepsData);
    this.#pieces[piece] = version;
    this.#count += 1;
    if (this.#keepsData || piece !== this.#hashed) this.#versions.store(version, data);
    else this.#hash(data);
    return version;
  }

  /** Adds a piece that the column lacks, in the version that another column has. */
  putVersion(piece: number, version: PieceVersion): void {
    this.#versions.share(version, this.#keepsData);
    this.#pieces[piece] = version;
    this.#count += 1;
  }

  /** Hashes up to `most` pieces, and returns how many it has hashed. */
  advance(most: number): number {
    for (let count = 0; count < most; count += 1) {
      const version = this.#pieces[this.#hashed];
      if (version === undefined) return count;
      if (version.data === null) {
        // These bytes were forgotten before they were hashed here, so we must ask for the piece again.
        this.#drop(this.#hashed);
        return count;
      }
      this.#hash(version.data);
      if (!this.#keepsData) this.#versions.forgetUnkept(version);
    }
    return most;
  }

  /** From now on its bytes need not stay in memory: each piece stays until it is hashed. */
  unkeep(): void {
    if (!this.#keepsData) return;
    this.#keepsData = false;
    for (const [piece, version] of this.#pieces.entries()) {
      if (version === undefined) continue;
      this.#versions.unkeep(version);
      if (piece < this.#hashed) this.#versions.forgetUnkept(version);
    }
  }

  /** As `unkeep`, but the pieces that are not hashed yet are dropped at once. */
  forget(): void {
    for (let piece = this.#hashed; piece < this.#pieces.length; piece += 1) this.#drop(piece);
    this.unkeep();
  }

  /** From now on its bytes must stay in memory: those that are here, and those that come. */
  keep(): void {
    if (this.#keepsData) return;
    this.#keepsData = true;
    for (const version of this.#pieces) if (version !== undefined) this.#versions.keep(version);
  }

  /** The bytes of a piece have come again. Returns false when they are not the same as before. */
  restore(piece: number, data: Buffer): boolean {
    const version = this.#pieces[piece];
    return version !== undefined && this.#versions.restore(version, data);
  }

  /** Drops all pieces. */
  clear(): void {
    for (const piece of this.#pieces.keys()) this.#drop(piece);
  }

  #hash(data: Buffer): void {
    this.#proof.update(data);
    this.#hashed += 1;
  }

  #drop(piece: number): void {
    const version = this.#pieces[piece];
    if (version === undefined) return;
    this.#pieces[piece] = undefined;
    this.#count -= 1;
    this.#versions.release(piece, version, this.#keepsData);
  }
}
