import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Completions } from '../../../src/tracker/completions.js';

const PEER = Buffer.alloc(20, 'p');
const torrent = (number: number): Buffer => Buffer.alloc(20, `${number} `);

test('50,000 completions are remembered; beyond that the oldest of the host with the most is forgotten', () => {
  const completions = new Completions();
  const counts = (number: number, source: string): boolean => completions.counts(torrent(number), PEER, source);
  assert.ok(counts(0, 'modest'));
  for (let number = 0; number < 49_999; number += 1) assert.ok(counts(number, 'greedy'));
  assert.equal(counts(0, 'greedy'), false);
  assert.ok(counts(0, 'newcomer'), 'one is too much now');
  assert.equal(counts(0, 'modest'), false);
  assert.equal(counts(1, 'greedy'), false);
  assert.ok(counts(0, 'greedy'), 'its oldest was forgotten');
});
