import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WarnOnce } from '../../../../src/torrent/trouble/warn-once.js';

test('each warning is passed on once, and twenty in all', () => {
  const told: string[] = [];
  const warnings = new WarnOnce((code, message) => told.push(`${code} ${message}`));
  for (let round = 0; round < 2; round += 1)
    for (let at = 1; at <= 25; at += 1) warnings.warn('io', `block ${at} is gone`);
  assert.deepEqual(
    told,
    Array.from({ length: 20 }, (_, at) => `io block ${at + 1} is gone`),
  );
});
