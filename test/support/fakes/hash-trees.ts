import { powerOfTwoFrom } from '../../../src/metainfo/merkle.js';
import { Subtree } from '../../../src/metainfo/merkle-proof.js';
import { type HashMessage, type HashRange, uncleCount } from '../../../src/wire/hash-message.js';
import type { V2SampleTorrent } from '../v2-torrent.js';

/** Whole hash trees, by root. They answer any range as a client that knows everything would. */
export class HashTrees {
  readonly #trees: ReadonlyMap<string, Subtree>;

  constructor(trees: readonly Subtree[]) {
    this.#trees = new Map(trees.map((tree) => [tree.root.toString('latin1'), tree]));
  }

  static ofSample({ metainfo, leavesOf }: V2SampleTorrent): HashTrees {
    const trees = metainfo.files.flatMap(({ piecesRoot }, index) => {
      if (piecesRoot === undefined) return [];
      const leaves = leavesOf(index);
      return [new Subtree(Buffer.concat(leaves), 0, powerOfTwoFrom(leaves.length))];
    });
    return new HashTrees(trees);
  }

  /** The right answer: hashes and uncles, or a reject. */
  answer(range: HashRange): Extract<HashMessage, { type: 'hashes' | 'hashReject' }> {
    const { root, base, index, length, proof } = range;
    const tree = this.#trees.get(root.toString('latin1'));
    const isHere = tree !== undefined && base + proof < tree.top && index + length <= 2 ** (tree.top - base);
    if (!isHere || length < 2) return { type: 'hashReject', range };
    const uncles = Array.from({ length: uncleCount(range) }, (_, number) => {
      const level = base + Math.log2(length) + number;
      return tree.nodes(level, Math.floor(index / length / 2 ** number) ^ 1, 1);
    });
    return { type: 'hashes', range, hashes: Buffer.concat([tree.nodes(base, index, length), ...uncles]) };
  }
}
