import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RecentRate } from '../../../src/measure/recent-rate.js';

test('a rate shows at once, follows a change within five seconds, and is zero five seconds after the last byte', () => {
  const rate = new RecentRate(0);
  const seen = [];
  let total = 0;
  for (let second = 1; second <= 16; second += 1) {
    total += second <= 5 ? 1000 : second <= 10 ? 3000 : 0;
    seen.push(Math.round(rate.rate(total, second * 1000)));
  }
  assert.deepEqual(seen, [1000, 1000, 1000, 1000, 1000, 1400, 1800, 2200, 2600, 3000, 2400, 1800, 1200, 600, 0, 0]);
  assert.equal(rate.changedAt, 10_000);
});

test('after a long time without a call, the rate is the mean of that time', () => {
  const rate = new RecentRate(0);
  rate.rate(1000, 1000);
  assert.equal(rate.rate(61_000, 61_000), 1000);
  assert.equal(rate.rate(61_000, 61_000), 1000);
});

test('for any calls, the rate is never negative nor more than if all bytes had come in the last five seconds', () => {
  const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 0, max: 1e6 })));
  fc.assert(
    fc.property(steps, (moves) => {
      const rate = new RecentRate(0);
      let [now, total] = [0, 0];
      for (const [time, amount] of moves) {
        now += time;
        total += amount;
        const value = rate.rate(total, now);
        assert.ok(value >= 0 && value <= (total / Math.max(1, Math.min(now, 5000))) * 1000);
      }
    }),
  );
});
