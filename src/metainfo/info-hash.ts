/**
 * The forms of an info-hash. A torrent has one for each version that it speaks; on the wire each is 20 bytes long.
 */

/** 20 bytes by which peers and trackers know a torrent: a v1 hash, or the first 20 bytes of a v2 hash (BEP 52). */
export type InfoHash = Buffer & { readonly __infoHash?: 'wire' };

/** SHA-1 over the original bytes of `info`, 20 bytes (BEP 3). */
export type InfoHashV1 = Buffer & { readonly __infoHash: 'v1' };

/** SHA-256 over the original bytes of `info`, 32 bytes (BEP 52). */
export type InfoHashV2 = Buffer & { readonly __infoHash: 'v2' };

/** Bytes of a SHA-1: of a v1 hash, and of the hash of a piece of version 1. */
export const V1_HASH_LENGTH = 20;
const V2_HASH_LENGTH = 32;

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

/** The peers that know a torrent by one of its hashes. A hybrid has two such swarms: they are one torrent to us. */
export type Swarm = 'v1' | 'v2';

/** The hashes of one torrent as peers and trackers say them, 20 bytes each. */
export interface WireHashes {
  /** The main one: that of v1 when there is one. */
  readonly infoHash: InfoHash;
  /** That of v2: equal to `infoHash` in a torrent of version 2 alone; null when only version 1 is used. */
  readonly infoHashV2: InfoHash | null;
}

/** The hashes of a `Metainfo` or of a link. */
interface HasHashes {
  readonly infoHash: InfoHash;
  readonly infoHashV2: InfoHashV2 | null;
}

/** The hashes that a torrent or a link names, whatever is used of them. */
export function bothHashes({ infoHash, infoHashV2 }: HasHashes): WireHashes {
  return { infoHash, infoHashV2: infoHashV2 === null ? null : wireForm(infoHashV2) };
}

/** What of a torrent tells the hashes that are used: a part of `Metainfo`. */
interface KnownByHashes extends HasHashes {
  readonly pieceRoots: Buffer | null;
}

/** A hybrid without `pieceRoots` is used as version 1 alone, so its peers must not come for version 2. */
export function wireHashes({ infoHash, infoHashV2, pieceRoots }: KnownByHashes): WireHashes {
  return bothHashes({ infoHash, infoHashV2: pieceRoots === null ? null : infoHashV2 });
}

/** Each swarm of a torrent with its hash, the main one first: one or two. */
export function swarmsOf({ infoHash, infoHashV2 }: WireHashes): ReadonlyMap<Swarm, InfoHash> {
  if (infoHashV2 === null) return new Map([['v1', infoHash]]);
  if (infoHashV2.equals(infoHash)) return new Map([['v2', infoHash]]);
  return new Map([
    ['v1', infoHash],
    ['v2', infoHashV2],
  ]);
}
