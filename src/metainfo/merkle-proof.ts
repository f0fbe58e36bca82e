/** Proofs within the hash trees of version 2 (BEP 52): from some hashes and their uncles up to a hash that is known. */
import { hashPair, levelAbove, merkleRoot, NODE_LENGTH, paddingHash, powerOfTwoFrom } from './merkle.js';
import { BLOCK_LENGTH } from './piece-layout.js';

/** How many levels the tree of a file has above its leaves. `length` is in bytes, at least 1. */
export function treeHeight(length: number): number {
  return Math.log2(powerOfTwoFrom(Math.ceil(length / BLOCK_LENGTH)));
}

/**
 * The node that follows from a range of hashes and its uncles. `hashes`: a power of two of them, all on one level;
 * `index`: the place of the first on its level, a multiple of their number; `uncles`: from the bottom to the top.
 */
export function climb(hashes: Buffer, index: number, uncles: Buffer): Buffer {
  const length = hashes.length / NODE_LENGTH;
  // The hashes fill their tree, so that no padding is needed, whatever their level is.
  let node = merkleRoot(hashes, length, 0);
  let place = index / length;
  for (let at = 0; at < uncles.length; at += NODE_LENGTH) {
    const uncle = uncles.subarray(at, at + NODE_LENGTH);
    node = place % 2 === 0 ? hashPair(node, uncle) : hashPair(uncle, node);
    place = Math.floor(place / 2);
  }
  return node;
}

/** A node of a file's tree that is known to be right, and what we want to know below it. */
export interface Below {
  /** The root of the file's tree, 32 bytes. */
  readonly root: Buffer;
  /** The level of the hashes that we want. */
  readonly base: number;
  /** The place of the first of them on its level: a multiple of `width`. */
  readonly first: number;
  /** How many hashes of that level are below the known node: a power of two, at least two. */
  readonly width: number;
  /** How many of them are not padding, from the left. */
  readonly count: number;
}

/** One question for hashes, in the words of BEP 52 (`HashRange` in wire/hash-message.ts). */
export interface RangeBelow {
  readonly root: Buffer;
  readonly base: number;
  readonly index: number;
  readonly length: number;
  readonly proof: number;
}

/** The fewest hashes that BEP 52 lets anyone ask for. */
const LEAST_LENGTH = 2;

/**
 * Ranges of at most `most` hashes, a power of two, that cover all that are wanted. Each is proven up to the known node.
 * A single range needs no uncles, and asks for none: some clients answer nothing else.
 */
export function rangesBelow({ root, base, first, width, count }: Below, most: number): RangeBelow[] {
  if (width <= most) return [{ root, base, index: first, length: width, proof: 0 }];
  const proof = Math.log2(width) - 1;
  const ranges: RangeBelow[] = [];
  for (let at = 0; at < count; at += most) {
    const length = Math.min(most, Math.max(LEAST_LENGTH, powerOfTwoFrom(count - at)));
    ranges.push({ root, base, index: first + at, length, proof });
  }
  return ranges;
}

/** Whether all of `hashes`, which are on level `level`, are padding. */
export function isPadding(hashes: Buffer, level: number): boolean {
  const padding = paddingHash(level);
  for (let at = 0; at < hashes.length; at += NODE_LENGTH) {
    if (!hashes.subarray(at, at + NODE_LENGTH).equals(padding)) return false;
  }
  return true;
}

/** A whole part of a hash tree, from one level up to the one node above it all. Padding is on its right side. */
export class Subtree {
  /** The level of its lowest nodes. */
  readonly base: number;
  /** The level of its one highest node. */
  readonly top: number;
  /** From `base` on; without padding. */
  readonly #levels: readonly Buffer[];

  /** `nodes`: those of level `base` that are not padding, at least one; `width`: with padding, a power of two. */
  constructor(nodes: Buffer, base: number, width: number) {
    const levels = [nodes];
    for (let [wide, level] = [width, base]; wide > 1; wide /= 2, level += 1) {
      levels.push(levelAbove(levels.at(-1) as Buffer, level));
    }
    this.#levels = levels;
    this.base = base;
    this.top = base + levels.length - 1;
  }

  /** The highest node. */
  get root(): Buffer {
    return this.#levels.at(-1) as Buffer;
  }

  /**
   * `length` nodes of a level from `base` to `top`, padding included. `index` is the place of the first, counted from
   * the left end of this part of the tree.
   */
  nodes(level: number, index: number, length: number): Buffer {
    const known = this.#levels[level - this.base] as Buffer;
    const found = known.subarray(index * NODE_LENGTH, (index + length) * NODE_LENGTH);
    if (found.length === length * NODE_LENGTH) return found;
    const filled = Buffer.alloc(length * NODE_LENGTH);
    found.copy(filled);
    for (let at = found.length; at < filled.length; at += NODE_LENGTH) paddingHash(level).copy(filled, at);
    return filled;
  }
}
