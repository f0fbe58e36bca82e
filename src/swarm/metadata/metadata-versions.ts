import { sha1 } from '../../base/digest.js';

/** One piece of metadata as one or more peers have sent it. When memory is short, we keep only its digest. */
export class PieceVersion {
  #data: Buffer | null;
  #digest: Buffer | null = null;
  /** How many columns hold this version, and how many of these need its bytes in memory. */
  holders = 0;
  keepers = 0;

  constructor(data: Buffer) {
    this.#data = data;
  }

  /** Null when we keep only the digest. */
  get data(): Buffer | null {
    return this.#data;
  }

  /** Whether these are its bytes. `digestOf` returns the SHA-1 of `data`. */
  is(data: Buffer, digestOf: () => Buffer): boolean {
    return this.#data?.equals(data) ?? this.#digest?.equals(digestOf()) ?? false;
  }

  /** Keeps only the digest. Returns how many bytes that frees. */
  forget(): number {
    const data = this.#data;
    if (data === null) return 0;
    this.#digest ??= sha1(data);
    this.#data = null;
    return data.length;
  }

  /** The bytes are here again. The caller has asked `is` whether they are the same. */
  restore(data: Buffer): void {
    this.#data = data;
  }
}

/** All that peers have sent of the metadata of one size. Equal bytes are kept once, even when many peers sent them. */
export class MetadataVersions {
  readonly #versions = new Map<number, Set<PieceVersion>>();
  #heldLength = 0;

  /** Bytes in memory. */
  get heldLength(): number {
    return this.#heldLength;
  }

  /** The version of `piece` with these bytes, for one more column. The bytes are copied if they are not here yet. */
  hold(piece: number, data: Buffer, keeps: boolean): PieceVersion {
    let versions = this.#versions.get(piece);
    if (versions === undefined) {
      versions = new Set();
      this.#versions.set(piece, versions);
    }
    let version = find(versions, data);
    if (version === undefined) {
      version = new PieceVersion(Buffer.from(data));
      versions.add(version);
      this.#heldLength += data.length;
    } else if (version.data === null) {
      this.restore(version, data);
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
    this.#heldLength -= version.data?.length ?? 0;
    const versions = this.#versions.get(piece);
    versions?.delete(version);
    if (versions?.size === 0) this.#versions.delete(piece);
  }

  /** One of the columns that hold `version` does not need its bytes in memory any more. */
  unkeep(version: PieceVersion): void {
    version.keepers -= 1;
    this.forgetUnkept(version);
  }

  /** Keeps only the digest, if no column needs the bytes. */
  forgetUnkept(version: PieceVersion): void {
    if (version.keepers === 0) this.#heldLength -= version.forget();
  }

  /** The forgotten bytes of `version` are here again. `data` is copied. */
  restore(version: PieceVersion, data: Buffer): void {
    version.restore(Buffer.from(data));
    this.#heldLength += data.length;
  }
}

function find(versions: Iterable<PieceVersion>, data: Buffer): PieceVersion | undefined {
  let digest: Buffer | undefined;
  const digestOf = (): Buffer => {
    digest ??= sha1(data);
    return digest;
  };
  for (const version of versions) if (version.is(data, digestOf)) return version;
  return undefined;
}
