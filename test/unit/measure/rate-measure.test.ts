import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RateMeasure } from '../../../src/measure/rate-measure.js';

function steady(measure: RateMeasure, bytes: number, begin: number, end: number): void {
  for (let second = begin; second < end; second += 1) measure.dataCameIn(bytes, second * 1000);
}

/** In seconds, rounded. */
function timeLeft(measure: RateMeasure, second: number): number | undefined {
  const left = measure.timeLeft(second * 1000);
  return left === undefined ? undefined : Math.round(left / 1000);
}

describe('the time left', () => {
  it('is unknown before the first byte, and zero when no byte is left', () => {
    assert.equal(new RateMeasure(1000).timeLeft(5000), undefined);
    assert.equal(new RateMeasure(0).timeLeft(5000), 0);
  });

  it('is the time for the bytes left at the rate so far', () => {
    const measure = new RateMeasure(100_000);
    steady(measure, 1000, 1, 51);
    assert.equal(measure.left, 50_000);
    const left = timeLeft(measure, 50);
    assert.ok(left !== undefined && left >= 48 && left <= 53, `${left}`);
    steady(measure, 1000, 51, 101);
    assert.equal(timeLeft(measure, 100), 0);
  });

  it('forgets an old rate sooner when fewer bytes are left', () => {
    const measure = new RateMeasure(1_000_000);
    steady(measure, 10_000, 0, 90);
    steady(measure, 100, 90, 190);
    const left = timeLeft(measure, 190);
    // At the mean rate since the beginning it would be 19 seconds.
    assert.ok(left !== undefined && left > 80, `${left}`);
  });

  it('grows while nothing comes, until it is unknown', () => {
    const measure = new RateMeasure(100_000);
    steady(measure, 1000, 0, 50);
    const lefts = [50, 60, 80, 200, 2000].map((second) => timeLeft(measure, second) ?? Number.NaN);
    assert.equal(lefts[0], lefts[1]);
    assert.ok((lefts[2] as number) > (lefts[1] as number), `${lefts}`);
    assert.ok((lefts[3] as number) > (lefts[2] as number), `${lefts}`);
    assert.ok((lefts[4] as number) > (lefts[3] as number), `${lefts}`);
  });

  it('stands still while the clock steps back', () => {
    const measure = new RateMeasure(100_000);
    steady(measure, 1000, 0, 50);
    const before = measure.timeLeft(50_000);
    assert.equal(measure.timeLeft(-1e9), before);
    measure.dataCameIn(1000, -1e9);
    const after = measure.timeLeft(50_000);
    assert.ok(before !== undefined && after !== undefined && after < before && after > before * 0.9, `${after}`);
  });
});
