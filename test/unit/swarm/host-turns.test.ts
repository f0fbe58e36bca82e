import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostTurns } from '../../../src/swarm/host-turns.js';

test('the 4,096 hosts whose last turns ended latest are remembered', () => {
  const turns = new HostTurns();
  for (let host = 0; host < 4_096; host += 1) turns.ended(`${host}`, host);
  turns.ended('0', 5_000);
  turns.ended('new', 5_001);
  assert.deepEqual(
    ['0', '1', '2', 'new'].map((host) => turns.lastOf(host)),
    [5_000, Number.NEGATIVE_INFINITY, 2, 5_001],
  );
});
