import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256 } from '../../../src/base/digest.js';
import { hashPair, levelAbove, merkleRoot, paddingHash, powerOfTwoFrom } from '../../../src/metainfo/merkle.js';

const [a, b, c] = ['a', 'b', 'c'].map((text) => sha256(Buffer.from(text))) as [Buffer, Buffer, Buffer];

test('a leaf of padding is zeros, and above it two equal hashes make one', () => {
  assert.deepEqual(paddingHash(0), Buffer.alloc(32));
  assert.deepEqual(paddingHash(1), sha256(Buffer.alloc(64)));
  assert.deepEqual(paddingHash(3), hashPair(paddingHash(2), paddingHash(2)));
  assert.throws(() => paddingHash(41), RangeError);
});

test('a tree is filled up with padding of its own level', () => {
  assert.deepEqual(merkleRoot(a, 1, 0), a);
  assert.deepEqual(merkleRoot(a, 2, 0), hashPair(a, Buffer.alloc(32)));
  assert.deepEqual(merkleRoot(a, 2, 4), hashPair(a, paddingHash(4)));
  const three = Buffer.concat([a, b, c]);
  assert.deepEqual(merkleRoot(three, 4, 2), hashPair(hashPair(a, b), hashPair(c, paddingHash(2))));
  assert.deepEqual(merkleRoot(three, 8, 0), hashPair(merkleRoot(three, 4, 0), paddingHash(2)));
  assert.deepEqual(levelAbove(three, 0), Buffer.concat([hashPair(a, b), hashPair(c, paddingHash(0))]));
  assert.throws(() => merkleRoot(three, 2, 0), RangeError);
  assert.throws(() => merkleRoot(Buffer.alloc(0), 1, 0), RangeError);
});

test('a width is the next power of two', () => {
  for (const [count, width] of [
    [1, 1],
    [2, 2],
    [3, 4],
    [4, 4],
    [5, 8],
    [2 ** 30 + 1, 2 ** 31],
    [2 ** 31, 2 ** 31],
  ]) {
    assert.equal(powerOfTwoFrom(count as number), width);
  }
});
