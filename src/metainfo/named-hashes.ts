/** The hashes by which a link names a torrent, and the proof that an info dictionary is the one that it names. */
import { RunningSha1, RunningSha256 } from '../base/digest.js';
import { V1_HASH_LENGTH } from './info-hash.js';

/** At least one of the hashes is there. */
export interface NamedHashes {
  /** 20 bytes: a v1 hash, or the first 20 bytes of a v2 hash, since nothing tells them apart. */
  readonly infoHashV1: Buffer | null;
  /** 32 bytes. */
  readonly infoHashV2: Buffer | null;
}

/** Hashes an info dictionary whose bytes arrive in parts, as far as the named hashes need it. */
export class InfoProof {
  readonly #hashes: NamedHashes;
  readonly #sha1: RunningSha1 | null;
  readonly #sha256 = new RunningSha256();

  constructor(hashes: NamedHashes) {
    this.#hashes = hashes;
    this.#sha1 = hashes.infoHashV1 === null ? null : new RunningSha1();
  }

  update(bytes: Uint8Array): void {
    this.#sha1?.update(bytes);
    this.#sha256.update(bytes);
  }

  /** Whether each named hash is one of these bytes. Call it once, at the end. */
  isRight(): boolean {
    const { infoHashV1, infoHashV2 } = this.#hashes;
    const sha256 = this.#sha256.digest();
    if (infoHashV2 !== null && !sha256.equals(infoHashV2)) return false;
    if (infoHashV1 === null || this.#sha1?.digest().equals(infoHashV1) === true) return true;
    return sha256.subarray(0, V1_HASH_LENGTH).equals(infoHashV1);
  }
}

/** Whether each named hash is one of `info`. */
export function isInfoOf(info: Uint8Array, hashes: NamedHashes): boolean {
  const proof = new InfoProof(hashes);
  proof.update(info);
  return proof.isRight();
}

/** Each named hash as peers and trackers say it: 20 bytes in hexadecimal. One or two, the main one first. */
export function wireNames({ infoHashV1, infoHashV2 }: NamedHashes): readonly string[] {
  const names = [infoHashV1, infoHashV2].flatMap((hash) =>
    hash === null ? [] : [hash.toString('hex', 0, V1_HASH_LENGTH)],
  );
  return [...new Set(names)];
}
