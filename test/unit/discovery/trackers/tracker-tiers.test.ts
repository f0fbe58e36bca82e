import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TrackerTiers } from '../../../../src/discovery/trackers/tracker-tiers.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';
import { byUser } from '../../../support/sourced-url.js';

const urls = (tiers: TrackerTiers) => tiers.inOrder().map(({ url }) => url.whole);

const named = (tiers: readonly (readonly string[])[]) => tiers.map((tier) => tier.map(byUser));

test('trackers are shuffled within their tier, never across tiers', () => {
  const orders = new Set<string>();
  for (let seed = 0; seed < 50; seed += 1) {
    const order = urls(new TrackerTiers(named([['a', 'b', 'c'], ['d']]), seededRandom(seed)));
    assert.equal(order[3], 'd');
    orders.add(order.join(''));
  }
  assert.deepEqual([...orders].sort(), ['abcd', 'acbd', 'bacd', 'bcad', 'cabd', 'cbad']);
});

test('a tracker that answered moves to the front of its tier', () => {
  const tiers = new TrackerTiers(named([['a'], ['b', 'c', 'd']]), seededRandom(1));
  const last = tiers.inOrder()[3];
  assert.ok(last !== undefined);
  tiers.moveToFront(last);
  assert.equal(urls(tiers)[0], 'a');
  assert.equal(urls(tiers)[1], last.url.whole);
  assert.equal(urls(tiers).length, 4);
});

test('a tracker that stands in the list twice keeps its first place, and empty tiers are left out', () => {
  assert.deepEqual(urls(new TrackerTiers(named([['a', 'a'], [], ['a'], ['b']]), seededRandom(1))), ['a', 'b']);
});

test('of ten thousand trackers two hundred are kept', () => {
  const many = Array.from({ length: 10_000 }, (_, index) => [`t${index}`]);
  assert.equal(urls(new TrackerTiers(named(many), seededRandom(1))).length, 200);
});
