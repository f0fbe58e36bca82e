/**
 * The forms of an info-hash. A torrent has one for each version that it speaks; on the wire each is 20 bytes long.
 */

/** 20 bytes by which peers and trackers know a torrent: a v1 hash, or the first 20 bytes of a v2 hash (BEP 52). */
export type InfoHash = Buffer & { readonly __infoHash?: 'wire' };

/** SHA-1 over the original bytes of `info`, 20 bytes (BEP 3). */
export type InfoHashV1 = Buffer & { readonly __infoHash: 'v1' };

/** SHA-256 over the original bytes of `info`, 32 bytes (BEP 52). */
export type InfoHashV2 = Buffer & { readonly __infoHash: 'v2' };

export const V1_HASH_LENGTH = 20;
export const V2_HASH_LENGTH = 32;

/** `bytes` as a v1 hash. Throws a RangeError unless they are 20. */
export function infoHashV1(bytes: Buffer): InfoHashV1 {
  return ofLength(bytes, V1_HASH_LENGTH) as InfoHashV1;
}

/** `bytes` as a v2 hash. Throws a RangeError unless they are 32. */
export function infoHashV2(bytes: Buffer): InfoHashV2 {
  return ofLength(bytes, V2_HASH_LENGTH) as InfoHashV2;
}

/** The hash as peers and trackers say it. BEP 52: "truncated to 20 bytes". */
export function wireForm(hash: InfoHashV1 | InfoHashV2): InfoHash {
  return hash.subarray(0, V1_HASH_LENGTH) as InfoHash;
}

/** The hashes of one torrent. At least one of them is there. */
export interface InfoHashes {
  readonly v1: InfoHashV1 | null;
  readonly v2: InfoHashV2 | null;
}

/** The hash by which we name the torrent to ourselves: that of v1 when there is one. */
export function mainHash({ v1, v2 }: InfoHashes): InfoHash {
  const hash = v1 ?? v2;
  if (hash === null) throw new Error('a torrent without an info-hash');
  return wireForm(hash);
}

function ofLength(bytes: Buffer, length: number): Buffer {
  if (bytes.length !== length) throw new RangeError(`an info-hash of ${bytes.length} bytes`);
  return bytes;
}
