import { RunningSha1, sha1 } from '../../base/digest.js';
import type { MetadataVersions, PieceVersion } from './metadata-versions.js';

/**
 * One whole of the metadata as it grows: the pieces of one peer, or a mix of several. It is hashed from the front as
 * the pieces come, so that judging it never takes long, and what is hashed need not stay in memory.
 */
export class MetadataColumn {
  readonly #versions: MetadataVersions;
  readonly #pieces: (PieceVersion | undefined)[];
  readonly #hash = new RunningSha1();
  #digest: Buffer | null = null;
  /** Pieces that it has, and how many of these, from the front, are hashed. */
  #count = 0;
  #hashed = 0;
  /** Its bytes stay in memory. */
  #keepsData = true;

  constructor(versions: MetadataVersions, pieceCount: number) {
    this.#versions = versions;
    this.#pieces = new Array<PieceVersion | undefined>(pieceCount).fill(undefined);
  }

  get missing(): number {
    return this.#pieces.length - this.#count;
  }

  /** The piece that is hashed next. */
  get hashed(): number {
    return this.#hashed;
  }

  /** Whether `forget` would free something. */
  get canForget(): boolean {
    return this.#count > (this.#keepsData ? 0 : this.#hashed);
  }

  get canAdvance(): boolean {
    return this.#pieces[this.#hashed] !== undefined;
  }

  /** The SHA-1 of the whole, or null while it is not all hashed. */
  get digest(): Buffer | null {
    if (this.#hashed === this.#pieces.length) this.#digest ??= this.#hash.digest();
    return this.#digest;
  }

  has(piece: number): boolean {
    return this.#pieces[piece] !== undefined;
  }

  at(piece: number): PieceVersion | undefined {
    return this.#pieces[piece];
  }

  /** Adds a piece that it lacks. */
  put(piece: number, data: Buffer): PieceVersion {
    const version = this.#versions.hold(piece, data, this.#keepsData);
    this.#pieces[piece] = version;
    this.#count += 1;
    return version;
  }

  /** The same, as another column has it. */
  putVersion(piece: number, version: PieceVersion): void {
    this.#versions.share(version, this.#keepsData);
    this.#pieces[piece] = version;
    this.#count += 1;
  }

  /** Hashes up to `most` pieces. Returns how many it was. */
  advance(most: number): number {
    for (let count = 0; count < most; count += 1) {
      const version = this.#pieces[this.#hashed];
      if (version === undefined) return count;
      if (version.data === null) {
        // The bytes were forgotten before this column was so far. They are asked for again.
        this.#drop(this.#hashed);
        return count;
      }
      this.#hash.update(version.data);
      this.#hashed += 1;
      if (!this.#keepsData) this.#versions.forgetUnkept(version);
    }
    return most;
  }

  /** Its bytes need not stay in memory from here on. What is not hashed yet is dropped. */
  forget(): void {
    for (let piece = this.#hashed; piece < this.#pieces.length; piece += 1) this.#drop(piece);
    if (!this.#keepsData) return;
    this.#keepsData = false;
    for (const version of this.#pieces) if (version !== undefined) this.#versions.unkeep(version);
  }

  /** Its bytes stay in memory again, those that are here and those that come. */
  keep(): void {
    if (this.#keepsData) return;
    this.#keepsData = true;
    for (const version of this.#pieces) if (version !== undefined) this.#versions.keep(version);
  }

  /** The bytes of a piece come again. False when they are others than before. */
  restore(piece: number, data: Buffer): boolean {
    const version = this.#pieces[piece];
    if (version === undefined || !version.is(data, () => sha1(data))) return false;
    if (version.data === null) this.#versions.restore(version, data);
    return true;
  }

  /** Lets go of everything. */
  clear(): void {
    for (const piece of this.#pieces.keys()) this.#drop(piece);
  }

  #drop(piece: number): void {
    const version = this.#pieces[piece];
    if (version === undefined) return;
    this.#pieces[piece] = undefined;
    this.#count -= 1;
    this.#versions.release(piece, version, this.#keepsData);
  }
}
