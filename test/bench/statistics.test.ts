import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, medianRatio } from '../../bench/harness/statistics.js';

test('the median is the middle one by size, or the mean of the two in the middle', () => {
  assert.equal(median([10, 9, 1]), 9);
  assert.equal(median([4, 1, 10, 2]), 3);
  assert.equal(median([7]), 7);
  assert.ok(Number.isNaN(median([])));
});

test('ratios are taken run by run, so a machine that slows down for both changes nothing', () => {
  assert.equal(medianRatio([1, 10, 3], [2, 20, 6]), 0.5);
  // The ratio of the medians would be 1.
  assert.equal(medianRatio([1, 2, 3], [1, 8, 2]), 1);
  assert.equal(medianRatio([1, 2, 30], [3, 2, 10]), 1);
  assert.equal(medianRatio([2, 2, 8], [8, 4, 2]), 0.5);
});

test('a run without its counterpart gives no ratio', () => {
  assert.equal(medianRatio([1, 1, 1], [2]), 0.5);
  assert.ok(Number.isNaN(medianRatio([1], [])));
});
