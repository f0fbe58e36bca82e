import assert from 'node:assert/strict';
import { it } from 'node:test';
import { uploadSlotsForRate } from '../../../src/swarm/choker.js';

it('upload slots grow with the upload limit', () => {
  const rates = [null, 1_000, 8_999, 9_000, 15_000, 41_999, 42_000, 1_000_000, 10_000_000];
  assert.deepEqual(rates.map(uploadSlotsForRate), [7, 2, 2, 3, 4, 4, 5, 24, 77]);
});
