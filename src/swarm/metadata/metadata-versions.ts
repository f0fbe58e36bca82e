import { sha1 } from '../../base/digest.js';
import { METADATA_PIECE_LENGTH } from '../../wire/metadata-message.js';

/** One piece of metadata as one or more peers have sent it. When memory is short, we keep only its digest. */
export class PieceVersion {
  readonly digest: string;
  /** Null when we keep only the digest. */
  data: Buffer | null = null;
  /** How many columns hold this version, and how many of these need its bytes in memory. */
  holders = 0;
  keepers = 0;

  constructor(digest: string) {
    this.digest = digest;
  }
}

/** We use the memory of so many forgotten pieces again: peers that pour would make us take and give back gigabytes. */
const MAX_SPARE = 64;

/**
 * All that peers have sent of the metadata of one size. Equal bytes are kept once, even when many peers sent them. The
 * digest alone tells whether bytes are equal: to compare them with the bytes of fifty liars would cost more.
 */
export class MetadataVersions {
  readonly #versions = new Map<number, Map<string, PieceVersion>>();
  readonly #spare: Buffer[] = [];
  #heldLength = 0;

  /** Bytes in memory, without at most a megabyte that is free to be used again. */
  get heldLength(): number {
    return this.#heldLength;
  }

  /** The version of `piece` with these bytes, for one more column. `keeps`: it needs the bytes in memory. */
  hold(piece: number, data: Buffer, keeps: boolean): PieceVersion {
    let versions = this.#versions.get(piece);
    if (versions === undefined) {
      versions = new Map();
      this.#versions.set(piece, versions);
    }
    const digest = digestOf(data);
    let version = versions.get(digest);
    if (version === undefined) {
      version = new PieceVersion(digest);
      versions.set(digest, version);
    }
    this.share(version, keeps);
    return version;
  }

  /** One more column holds `version`. `keeps`: it needs the bytes in memory. */
  share(version: PieceVersion, keeps: boolean): void {
    version.holders += 1;
    if (keeps) this.keep(version);
  }

  /** One more of the columns that hold `version` needs its bytes in memory. */
  keep(version: PieceVersion): void {
    version.keepers += 1;
  }

  /** One column does not hold `version` any more. `kept`: it needed the bytes in memory. */
  release(piece: number, version: PieceVersion, kept: boolean): void {
    if (kept) this.unkeep(version);
    version.holders -= 1;
    if (version.holders > 0) return;
    this.#forget(version);
    const versions = this.#versions.get(piece);
    versions?.delete(version.digest);
    if (versions?.size === 0) this.#versions.delete(piece);
  }

  /**
   * One of the columns that hold `version` does not need its bytes in memory any more. They stay until `forgetUnkept`.
   */
  unkeep(version: PieceVersion): void {
    version.keepers -= 1;
  }

  /** Keeps only the digest, if no column needs the bytes. */
  forgetUnkept(version: PieceVersion): void {
    if (version.keepers === 0) this.#forget(version);
  }

  /** Puts the bytes of `version` into memory, if they are not there. `data` is copied. */
  store(version: PieceVersion, data: Buffer): void {
    if (version.data !== null) return;
    version.data = this.#copy(data);
    this.#heldLength += data.length;
  }

  /** Puts the bytes of `version` into memory. Returns false when `data` are other bytes. */
  restore(version: PieceVersion, data: Buffer): boolean {
    if (digestOf(data) !== version.digest) return false;
    this.store(version, data);
    return true;
  }

  #copy(data: Buffer): Buffer {
    const spare = data.length === METADATA_PIECE_LENGTH ? this.#spare.pop() : undefined;
    if (spare === undefined) return Buffer.from(data);
    spare.set(data);
    return spare;
  }

  #forget(version: PieceVersion): void {
    const { data } = version;
    if (data === null) return;
    version.data = null;
    this.#heldLength -= data.length;
    if (data.length === METADATA_PIECE_LENGTH && this.#spare.length < MAX_SPARE) this.#spare.push(data);
  }
}

/** SHA-1 as a string of 20 characters, which is a key of a map. */
function digestOf(data: Buffer): string {
  return sha1(data).toString('latin1');
}
