import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Measure } from '../../../src/measure/measure.js';

const OPTIONS = { period: 20_000, headStart: 5_000 };

/** Moves `bytes` each second, from `begin` to before `end`, in seconds. */
function steady(measure: Measure, bytes: number, begin: number, end: number): void {
  for (let second = begin; second < end; second += 1) measure.add(bytes, second * 1000);
}

describe('a measure of the current rate', () => {
  it('is zero before the first byte', () => {
    const measure = new Measure(OPTIONS, 1000);
    assert.deepEqual([measure.rate(1000), measure.rate(9000), measure.total], [0, 0, 0]);
  });

  it('does not jump up with the first bytes', () => {
    const measure = new Measure(OPTIONS, 0);
    measure.add(10_000, 0);
    assert.equal(measure.rate(0), 2000);
    assert.equal(measure.rate(5000), 1000);
  });

  it('reaches the rate of a steady stream, and follows its changes', () => {
    const measure = new Measure(OPTIONS, 0);
    steady(measure, 1000, 0, 60);
    assert.ok(Math.abs(measure.rate(60_000) - 1000) < 100, `${measure.rate(60_000)}`);
    steady(measure, 5000, 60, 160);
    assert.ok(Math.abs(measure.rate(160_000) - 5000) < 500, `${measure.rate(160_000)}`);
    assert.equal(measure.total, 60 * 1000 + 100 * 5000);
  });

  it('sinks when nothing comes', () => {
    const measure = new Measure(OPTIONS, 0);
    steady(measure, 1000, 0, 60);
    const rates = [60, 70, 80, 120, 600].map((second) => Math.round(measure.rate(second * 1000)));
    assert.deepEqual(
      rates,
      [...rates].sort((a, b) => b - a),
    );
    assert.ok((rates[4] as number) < 50, `${rates}`);
  });

  it('stands still while the clock steps back', () => {
    const measure = new Measure(OPTIONS, 0);
    steady(measure, 1000, 0, 60);
    const before = measure.rate(60_000);
    assert.ok(Math.abs(measure.rate(-1e9) - before) < 1e-6);
    measure.add(1000, -1e9);
    const after = measure.rate(60_000);
    assert.ok(after > before && after < before + 100, `${before} ${after}`);
    assert.ok(Math.abs(measure.rate(60_000) - after) < 1e-6);
  });

  it('works without a head start', () => {
    const measure = new Measure({ period: 20_000, headStart: 0 }, 0);
    measure.add(5, 0);
    assert.ok(Number.isFinite(measure.rate(0)));
  });
});
