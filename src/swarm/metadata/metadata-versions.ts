import { sha1 } from '../../base/digest.js';

/** One piece of metadata as one or more peers sent it. When memory is short, only its digest is kept. */
export class PieceVersion {
  #data: Buffer | null;
  #digest: Buffer | null = null;
  /** How many columns it stands in, and how many of these want its bytes kept. */
  holders = 0;
  keepers = 0;

  constructor(data: Buffer) {
    this.#data = data;
  }

  /** Null when only the digest is kept. */
  get data(): Buffer | null {
    return this.#data;
  }

  /** `digestOf` gives the SHA-1 of `data`. */
  is(data: Buffer, digestOf: () => Buffer): boolean {
    return this.#data?.equals(data) ?? this.#digest?.equals(digestOf()) ?? false;
  }

  /** Returns how many bytes that frees. */
  forget(): number {
    const data = this.#data;
    if (data === null) return 0;
    this.#digest ??= sha1(data);
    this.#data = null;
    return data.length;
  }

  /** The bytes are here again: `is` says that they are the same. */
  restore(data: Buffer): void {
    this.#data = data;
  }
}

/** Everything that peers have sent of the metadata of one size. The same bytes are kept once, whoever sent them. */
export class MetadataVersions {
  readonly #versions = new Map<number, Set<PieceVersion>>();
  #heldLength = 0;

  /** Bytes in memory. */
  get heldLength(): number {
    return this.#heldLength;
  }

  /**
   * The version of `piece` that has these bytes, which are copied if they are not here. A column holds it from then on.
   */
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

  /** One more column holds it. */
  share(version: PieceVersion, keeps: boolean): void {
    version.holders += 1;
    if (keeps) this.keep(version);
  }

  /** One column that holds it needs its bytes. */
  keep(version: PieceVersion): void {
    version.keepers += 1;
  }

  /** One column holds it no longer. */
  release(piece: number, version: PieceVersion, kept: boolean): void {
    if (kept) this.unkeep(version);
    version.holders -= 1;
    if (version.holders > 0) return;
    this.#heldLength -= version.data?.length ?? 0;
    const versions = this.#versions.get(piece);
    versions?.delete(version);
    if (versions?.size === 0) this.#versions.delete(piece);
  }

  /** One column that holds it needs its bytes no longer. */
  unkeep(version: PieceVersion): void {
    version.keepers -= 1;
    this.forgetUnkept(version);
  }

  /** When no column wants the bytes kept, only the digest is. */
  forgetUnkept(version: PieceVersion): void {
    if (version.keepers === 0) this.#heldLength -= version.forget();
  }

  /** `data` is what was forgotten. */
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
