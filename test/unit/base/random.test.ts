import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Random, shuffle } from '../../../src/base/random.js';
import { systemRandom } from '../../../src/base/system-random.js';
import { seededRandom } from '../../support/simulation/seeded-random.js';

for (const [name, random] of [
  ['systemRandom', systemRandom],
  ['seededRandom', seededRandom(1)],
] as const) {
  describe(name, () => {
    it('gives every whole number below the bound and no other number', () => {
      for (const bound of [1, 2, 3, 7]) {
        const seen = new Set(Array.from({ length: 400 }, () => random.below(bound)));
        assert.deepEqual(
          [...seen].sort(),
          Array.from({ length: bound }, (_, value) => value),
        );
      }
    });

    it('with the greatest bound, also gives numbers in its upper half', () => {
      const values = Array.from({ length: 64 }, () => random.below(2 ** 32));
      assert.ok(values.every((value) => Number.isInteger(value) && value >= 0 && value < 2 ** 32));
      assert.ok(values.some((value) => value >= 2 ** 31));
    });

    it('gives as many bytes as the caller asked for', () => {
      assert.equal(random.bytes(0).length, 0);
      assert.equal(random.bytes(20).length, 20);
      assert.notDeepEqual(random.bytes(20), random.bytes(20));
    });
  });
}

describe('seededRandom', () => {
  it('gives the same numbers for the same seed, and others for another seed', () => {
    const draw = (random: Random) => Array.from({ length: 20 }, () => random.below(1000));
    assert.deepEqual(draw(seededRandom(4)), draw(seededRandom(4)));
    assert.notDeepEqual(draw(seededRandom(4)), draw(seededRandom(5)));
  });
});

describe('shuffle', () => {
  it('keeps every element, and the array', () => {
    fc.assert(
      fc.property(fc.array(fc.nat()), fc.nat(), (items, seed) => {
        const shuffled = [...items];
        assert.equal(shuffle(seededRandom(seed), shuffled), shuffled);
        assert.deepEqual(
          shuffled.sort((a, b) => a - b),
          items.sort((a, b) => a - b),
        );
      }),
    );
  });

  it('gives each order about equally often', () => {
    const random = seededRandom(9);
    const counts = new Map<string, number>();
    for (let round = 0; round < 6000; round += 1) {
      const order = shuffle(random, ['a', 'b', 'c']).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    assert.equal(counts.size, 6);
    for (const [order, count] of counts) assert.ok(count > 850 && count < 1150, `${order} ${count}`);
  });
});
