import { sha1 } from '../base/digest.js';

/**
 * The indices of the pieces that a peer may request although it is choked (BEP 6). `ipv4` is the address of that peer
 * as the other side sees it, 4 bytes; `infoHash` has 20 bytes.
 *
 * Returns `count` different indices, or those of all pieces when there are fewer. They come in the order of BEP 6, so
 * that a longer set begins with the shorter one.
 */
export function allowedFastSet(ipv4: Buffer, infoHash: Buffer, pieceCount: number, count: number): number[] {
  const set = new Set<number>();
  const wanted = Math.min(count, pieceCount);
  // The last byte of the address does not count. BEP 6: "to prevent a user that obtains more than one IP address on the
  // same network from obtaining more than one allowed fast set".
  let hash: Buffer = Buffer.concat([ipv4.subarray(0, 3), Buffer.of(0), infoHash]);
  while (set.size < wanted) {
    hash = sha1(hash);
    for (let at = 0; at < hash.length && set.size < wanted; at += 4) set.add(hash.readUInt32BE(at) % pieceCount);
  }
  return [...set];
}
