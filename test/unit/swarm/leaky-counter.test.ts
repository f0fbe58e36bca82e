import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LeakyCounter } from '../../../src/swarm/leaky-counter.js';

describe('LeakyCounter', () => {
  it('says when the count is above the limit', () => {
    const counter = new LeakyCounter({ limit: 3, perSecond: 1 }, 0);
    assert.deepEqual([counter.add(0), counter.add(0), counter.add(0), counter.add(0)], [false, false, false, true]);
    assert.equal(counter.count, 4);
  });

  it('never fills when it counts no faster than it forgets', () => {
    const counter = new LeakyCounter({ limit: 3, perSecond: 10 }, 0);
    const over = Array.from({ length: 1_000 }, (_, index) => counter.add(index * 100)).filter(Boolean);
    assert.deepEqual(over, []);
  });

  it('counts no more than twice the limit, so that a long excess is forgiven in the same time as a short one', () => {
    const counter = new LeakyCounter({ limit: 3, perSecond: 1 }, 0);
    for (let time = 0; time < 1_000; time += 1) counter.add(0);
    assert.equal(counter.count, 6);
    assert.deepEqual([counter.add(3_000), counter.add(5_000)], [true, false]);
  });

  it('forgets nothing while the clock stands still or goes back', () => {
    const counter = new LeakyCounter({ limit: 2, perSecond: 10 }, 1_000);
    assert.deepEqual([counter.add(1_000), counter.add(500), counter.add(500)], [false, false, true]);
  });
});
