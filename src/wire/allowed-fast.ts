import { sha1 } from '../base/digest.js';

/**
 * The indices that whoever is seen at `ipv4` (4 bytes) may have of a torrent in spite of a choke, `count` of them, in
 * the order of BEP 6: whoever offers more offers the same ones first. Never more than there are pieces.
 */
export function allowedFastSet(ipv4: Buffer, infoHash: Buffer, pieceCount: number, count: number): number[] {
  const set = new Set<number>();
  const wanted = Math.min(count, pieceCount);
  // BEP 6: "to prevent a user that obtains more than one IP address on the same network from obtaining more than one
  // allowed fast set".
  let hash: Buffer = Buffer.concat([ipv4.subarray(0, 3), Buffer.of(0), infoHash]);
  while (set.size < wanted) {
    hash = sha1(hash);
    for (let at = 0; at < hash.length && set.size < wanted; at += 4) set.add(hash.readUInt32BE(at) % pieceCount);
  }
  return [...set];
}
