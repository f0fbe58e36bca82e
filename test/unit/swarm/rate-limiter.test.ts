import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEFAULT_RATE_LIMITER_OPTIONS, RateLimiter, type RateWaiter } from '../../../src/swarm/rate-limiter.js';
import { Timeline } from '../../support/simulation/timeline.js';

const BLOCK = 16 * 1024;

/** A user of the limiter that always has more to move, in whole blocks of `block` bytes. */
class Taker implements RateWaiter {
  moved = 0;
  readonly log: string[];
  readonly #limiter: RateLimiter;
  readonly #name: string;
  readonly #block: number;

  constructor(limiter: RateLimiter, name = 'taker', log: string[] = [], block = BLOCK) {
    this.#limiter = limiter;
    this.#name = name;
    this.log = log;
    this.#block = block;
  }

  rateAllows(): void {
    for (let allowance = this.#limiter.allowance(); allowance > 0; allowance = this.#limiter.allowance()) {
      let taken = 0;
      do {
        taken += this.#block;
      } while (Number.isFinite(allowance) && taken + this.#block <= allowance);
      this.moved += taken;
      this.log.push(this.#name);
      this.#limiter.spend(taken);
      if (this.#limiter.rate === null) return;
    }
    this.#limiter.wait(this);
  }
}

function limiterAt(rate: number | null): { timeline: Timeline; limiter: RateLimiter } {
  const timeline = new Timeline();
  return { timeline, limiter: new RateLimiter(timeline, rate, DEFAULT_RATE_LIMITER_OPTIONS) };
}

describe('RateLimiter', () => {
  for (const rate of [1e3, 2e4, 1e6, 1e8, 1e9]) {
    it(`holds ${rate} bytes a second in the long run, and uses all of the rate`, () => {
      const { timeline, limiter } = limiterAt(rate);
      const taker = new Taker(limiter);
      taker.rateAllows();
      const seconds = rate < 1e6 ? 1_000 : 20;
      timeline.run(seconds * 1_000);
      const slack = 2 * BLOCK + rate * 0.2;
      assert.ok(taker.moved <= rate * seconds + slack, `moved ${taker.moved}`);
      assert.ok(taker.moved >= rate * seconds * 0.99 - slack, `moved ${taker.moved}`);
    });
  }

  it('gives turns in the order of waiting, whether a waiter takes much or little', () => {
    const { timeline, limiter } = limiterAt(20_000);
    const log: string[] = [];
    for (const name of ['a', 'b', 'c']) new Taker(limiter, name, log).rateAllows();
    timeline.run(10_000);
    assert.equal(log.join('').slice(1, 13), 'abcabcabcabc');
  });

  it('shares a fast rate evenly among many', () => {
    const { timeline, limiter } = limiterAt(10_000_000);
    const takers = Array.from({ length: 50 }, () => new Taker(limiter));
    for (const taker of takers) taker.rateAllows();
    timeline.run(100_000);
    const moved = takers.map((taker) => taker.moved);
    assert.ok(Math.max(...moved) < 1.2 * Math.min(...moved), `from ${Math.min(...moved)} to ${Math.max(...moved)}`);
  });

  it('serves patient waiters after all others, but no later than they asked', () => {
    const { timeline, limiter } = limiterAt(BLOCK);
    limiter.spend(BLOCK);
    const log: string[] = [];
    const waiter = (name: string, patientUntil?: number): RateWaiter => {
      const self: RateWaiter = {
        rateAllows: () => {
          log.push(`${name} ${Math.round(timeline.now() / 1_000)}`);
          limiter.spend(BLOCK);
          limiter.wait(self, patientUntil);
        },
      };
      limiter.wait(self, patientUntil);
      return self;
    };
    waiter('patient', 4_500);
    const busy = waiter('busy');
    const other = waiter('other');
    timeline.run(6_500);
    assert.deepEqual(log, ['busy 1', 'other 2', 'busy 3', 'other 4', 'patient 5', 'busy 6']);
    limiter.leave(busy);
    limiter.leave(other);
    waiter('more patient', Number.POSITIVE_INFINITY);
    timeline.run(1_000);
    assert.deepEqual(log.slice(6), ['patient 7']);
  });

  it('serves patient waiters when no other waits', () => {
    const { timeline, limiter } = limiterAt(BLOCK);
    limiter.spend(BLOCK);
    let served = 0;
    limiter.wait({ rateAllows: () => (served += 1) }, Number.POSITIVE_INFINITY);
    timeline.run(2_000);
    assert.equal(served, 1);
  });

  it('gives what a round earns to one waiter, not a little to each', () => {
    const { timeline, limiter } = limiterAt(10_000_000);
    const log: string[] = [];
    const allowances: number[] = [];
    for (const name of ['a', 'b', 'c', 'd']) {
      const self: RateWaiter = {
        rateAllows: () => {
          log.push(name);
          allowances.push(limiter.allowance());
          limiter.spend(limiter.allowance());
          limiter.wait(self);
        },
      };
      limiter.wait(self);
    }
    limiter.spend(1_000_000);
    timeline.run(55);
    assert.equal(log.join(''), 'abcda');
    assert.ok(
      allowances.every((allowance) => allowance === 100_000),
      allowances.join(),
    );
  });

  it('gives nothing to a new user while others wait', () => {
    const { timeline, limiter } = limiterAt(10_000_000);
    const first = new Taker(limiter);
    first.rateAllows();
    timeline.run(5);
    assert.equal(limiter.allowance(), 0);
    limiter.leave(first);
    assert.ok(limiter.allowance() > 0);
  });

  it('has no timer without a limit, or when no user waits', () => {
    const unlimited = limiterAt(null);
    assert.equal(unlimited.limiter.allowance(), Number.POSITIVE_INFINITY);
    unlimited.limiter.spend(1e12);
    assert.equal(unlimited.timeline.pending, 0);

    const limited = limiterAt(1_000);
    limited.limiter.spend(BLOCK);
    assert.equal(limited.timeline.pending, 0);
    const taker = new Taker(limited.limiter);
    taker.rateAllows();
    assert.equal(limited.timeline.pending, 1);
    limited.limiter.leave(taker);
    assert.equal(limited.timeline.pending, 0);
  });

  it('takes back bytes that were not moved after all', () => {
    const { limiter } = limiterAt(100_000);
    limiter.spend(BLOCK);
    assert.equal(limiter.allowance(), 0);
    limiter.spend(-BLOCK);
    assert.ok(limiter.allowance() > 0);
  });

  it('goes on with the other waiters when one throws', () => {
    const { timeline, limiter } = limiterAt(20_000);
    limiter.spend(BLOCK);
    limiter.wait({
      rateAllows: () => {
        throw new Error('a bug');
      },
    });
    const taker = new Taker(limiter);
    limiter.wait(taker);
    assert.throws(() => timeline.run(2_000), /a bug/);
    timeline.run(2_000);
    assert.ok(taker.moved > 0);
  });
});
