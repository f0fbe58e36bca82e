import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { merkleRoot, powerOfTwoFrom } from '../../../src/metainfo/merkle.js';
import { climb, isPadding, rangesBelow, Subtree, treeHeight } from '../../../src/metainfo/merkle-proof.js';
import { decodeHashMessage, type HashRange, uncleCount } from '../../../src/wire/hash-message.js';
import { hasCorpus, readCorpus } from '../../support/corpus.js';
import { seededRandom } from '../../support/simulation/seeded-random.js';

const HASH = 32;

function noise(count: number, seed = 1): Buffer {
  return seededRandom(seed).bytes(count * HASH);
}

/** The uncles of a range, from the tree itself. */
function unclesOf(tree: Subtree, { base, index, length, proof }: Omit<HashRange, 'root'>): Buffer {
  const count = uncleCount({ length, proof });
  return Buffer.concat(
    Array.from({ length: count }, (_, number) => {
      const level = base + Math.log2(length) + number;
      return tree.nodes(level, Math.floor(index / length / 2 ** number) ^ 1, 1);
    }),
  );
}

describe('the hashes below a known node', () => {
  it('are covered by ranges that each prove themselves up to it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 300 }),
        fc.constantFrom(2, 4, 16, 64),
        fc.integer({ min: 0, max: 5 }),
        fc.integer({ min: 0, max: 3 }),
        (count, most, base, before) => {
          const width = powerOfTwoFrom(count);
          const hashes = noise(count, count);
          const tree = new Subtree(hashes, base, width);
          assert.deepEqual(tree.root, merkleRoot(hashes, width, base));
          const first = before * width;
          const ranges = rangesBelow({ root: tree.root, base, first, width, count }, most);
          let end = first;
          for (const range of ranges) {
            assert.equal(range.index, end);
            assert.equal(range.index % range.length, 0);
            assert.ok(range.length <= most && range.length >= 2);
            end += range.length;
            const own = tree.nodes(base, range.index - first, range.length);
            const uncles = unclesOf(tree, { ...range, index: range.index - first });
            assert.deepEqual(climb(own, range.index, uncles), tree.root);
            const wrong = Buffer.concat([own, uncles]);
            const at = (count * 7919) % wrong.length;
            wrong[at] = (wrong[at] as number) ^ 1;
            const [left, right] = [wrong.subarray(0, own.length), wrong.subarray(own.length)];
            assert.notDeepEqual(climb(left, range.index, right), tree.root);
          }
          assert.ok(end >= first + count);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('need no uncles when one range has them all', () => {
    const root = Buffer.alloc(HASH);
    assert.deepEqual(rangesBelow({ root, base: 4, first: 0, width: 512, count: 400 }, 512), [
      { root, base: 4, index: 0, length: 512, proof: 0 },
    ]);
  });

  it('are asked for in as few as hold them at the end', () => {
    const root = Buffer.alloc(HASH);
    const ranges = rangesBelow({ root, base: 1, first: 0, width: 2048, count: 1100 }, 512);
    assert.deepEqual(
      ranges.map(({ index, length, proof }) => [index, length, proof]),
      [
        [0, 512, 10],
        [512, 512, 10],
        [1024, 128, 10],
      ],
    );
    assert.deepEqual(ranges.map(uncleCount), [2, 2, 4]);
  });
});

describe('a part of a hash tree', () => {
  it('has padding on its right', () => {
    const tree = new Subtree(noise(5), 3, 8);
    assert.ok(isPadding(tree.nodes(3, 5, 3), 3));
    assert.ok(isPadding(tree.nodes(4, 3, 1), 4));
    assert.ok(!isPadding(tree.nodes(3, 4, 4), 3));
    assert.equal(tree.top, 6);
  });

  it('is as high as its file is long', () => {
    assert.deepEqual([1, 16_384, 16_385, 3 * 16_384, 4 * 16_384, 2200 * 16_384].map(treeHeight), [0, 0, 1, 2, 2, 12]);
  });
});

interface Recorded {
  readonly name: string;
  readonly request: string;
  readonly answer?: string;
}

if (hasCorpus('answers of libtorrent to hash requests')) {
  const recorded = JSON.parse(readCorpus('reach/hash-requests.json').toString()) as readonly Recorded[];
  describe('answers of libtorrent', () => {
    for (const { name, request, answer } of recorded) {
      if (answer?.startsWith('16') !== true) continue;
      it(`are read, and prove what they can prove: ${name}`, () => {
        const message = decodeHashMessage(Buffer.from(answer, 'hex'));
        assert.ok(message?.type === 'hashes');
        const { range, hashes } = message;
        assert.equal(answer.slice(2, 2 + request.length), request);
        const { index, length } = range;
        // The proof reaches the root: the uncles are as many as there are levels.
        const isAligned = length >= 2 && powerOfTwoFrom(length) === length && index % length === 0;
        const height = { abca9ced: 4, e5a1b2d9: 1, eb4c5b1f: 3 }[request.slice(0, 8)] ?? 0;
        if (!isAligned || range.base + Math.log2(length) + uncleCount(range) !== height) return;
        const end = length * HASH;
        assert.deepEqual(climb(hashes.subarray(0, end), index, hashes.subarray(end)), range.root);
      });
    }
  });
}
