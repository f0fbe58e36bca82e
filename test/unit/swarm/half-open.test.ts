import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HalfOpen } from '../../../src/swarm/half-open.js';

describe('the places for dials', () => {
  it('are given until there are none, and whoever found none is told once when one is free', () => {
    const places = new HalfOpen(2);
    const log: string[] = [];
    const first = (): number => log.push('first told');
    const second = (): number => log.push('second told');
    assert.deepEqual([places.enter(first), places.enter(first)], [true, true]);
    assert.deepEqual([places.enter(first), places.enter(second), places.enter(first)], [false, false, false]);
    places.leave();
    assert.deepEqual(log, ['first told']);
    places.leave();
    places.leave();
    assert.deepEqual(log, ['first told', 'second told']);
  });

  it('are offered to the next when one who was told wants none', () => {
    const places = new HalfOpen(1);
    const log: string[] = [];
    const first = (): number => log.push('first told');
    const second = (): number => log.push('second told');
    places.enter(first);
    places.enter(first);
    places.enter(second);
    places.leave();
    places.withdraw(first);
    assert.deepEqual(log, ['first told', 'second told']);
  });

  it('are not offered to one who has withdrawn', () => {
    const places = new HalfOpen(1);
    const log: string[] = [];
    const waiting = (): number => log.push('told');
    places.enter(waiting);
    places.enter(waiting);
    places.withdraw(waiting);
    places.leave();
    assert.deepEqual(log, []);
    assert.equal(places.count, 0);
  });
});
