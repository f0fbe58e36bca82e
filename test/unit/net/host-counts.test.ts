import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostCounts } from '../../../src/net/host-counts.js';

test('a host stays counted for the whole window, however many other sources an attacker forges', () => {
  const counts = new HostCounts(5_000);
  for (let number = 1; number <= 200; number += 1) {
    assert.equal(counts.count('busy', 1_000), number);
    // From the third packet on the host is not rare.
    for (let other = 0; number >= 3 && other < 300; other += 1) counts.count(`forged ${number} ${other}`, 2_000);
  }
  assert.equal(counts.count('busy', 6_000), 1);
});
