/**
 * The hash trees of version 2 (BEP 52). A leaf is the SHA-256 of a block of 16 KiB of one file; the file's last block
 * may be shorter. Level 0 is that of the leaves. A tree is filled up to a power of two with leaves of 32 zero bytes.
 * Hashes of one level stand one after another in a buffer, 32 bytes each.
 */
import { sha256, writeSha256 } from '../base/digest.js';

/** Bytes of a hash. */
export const NODE_LENGTH = 32;

/** The most levels that any file has: 2^53 bytes in blocks of 16 KiB make 2^39 leaves. */
const MAX_LEVELS = 40;

const paddings: Buffer[] = [Buffer.alloc(NODE_LENGTH)];

/** The hash of a whole subtree of padding, `level` levels above its leaves. */
export function paddingHash(level: number): Buffer {
  if (level > MAX_LEVELS) throw new RangeError(`a tree of ${level} levels`);
  for (let known = paddings.length; known <= level; known += 1) {
    const below = paddings[known - 1] as Buffer;
    paddings.push(hashPair(below, below));
  }
  return paddings[level] as Buffer;
}

/** The hash of a node, from the hashes of the two nodes below it. */
export function hashPair(left: Buffer, right: Buffer): Buffer {
  return sha256(Buffer.concat([left, right]));
}

/**
 * The root over `hashes` of level `level`, after padding has filled them up to `width`, a power of two. With a width of
 * one it is the hash itself. Throws a RangeError when there are more hashes than `width`, or none.
 */
export function merkleRoot(hashes: Buffer, width: number, level: number): Buffer {
  const count = hashes.length / NODE_LENGTH;
  if (count < 1 || count > width) throw new RangeError(`${count} hashes in a tree of ${width}`);
  let nodes = hashes;
  for (let [wide, at] = [width, level]; wide > 1; wide /= 2, at += 1) nodes = levelAbove(nodes, at);
  return nodes;
}

/** The nodes above `nodes`, all of them on level `level`. When their number is odd, padding stands beside the last. */
export function levelAbove(nodes: Buffer, level: number): Buffer {
  const count = nodes.length / NODE_LENGTH;
  const above = Buffer.allocUnsafe(Math.ceil(count / 2) * NODE_LENGTH);
  for (let node = 0; node < count; node += 2) {
    const begin = node * NODE_LENGTH;
    const pair =
      node + 1 < count
        ? nodes.subarray(begin, begin + 2 * NODE_LENGTH)
        : Buffer.concat([nodes.subarray(begin), paddingHash(level)]);
    writeSha256(pair, above, begin / 2);
  }
  return above;
}

/** The least power of two that is not below `count`, which is at least one. */
export function powerOfTwoFrom(count: number): number {
  return 2 ** Math.ceil(Math.log2(count));
}
