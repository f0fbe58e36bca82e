import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Dialler, HalfOpen } from '../../../../src/swarm/connections/half-open.js';

function dialler(log: string[], name: string): Dialler {
  return { placeFree: () => log.push(`${name} told`), giveWay: () => log.push(`${name} gives way`) };
}

describe('the places for dials', () => {
  it('are given while there are any, and a torrent that found none hears once when one is free', () => {
    const places = new HalfOpen(2);
    const log: string[] = [];
    const first = dialler(log, 'first');
    const second = dialler(log, 'second');
    assert.deepEqual([places.enter(first), places.enter(second)], [true, true]);
    assert.deepEqual([places.enter(first), places.enter(second), places.enter(first)], [false, false, false]);
    places.leave(second);
    assert.deepEqual(log, ['second told']);
    places.leave(first);
    assert.deepEqual(log, ['second told', 'first told']);
    assert.equal(places.count, 0);
  });

  it('go to the torrent with the fewest, and the one with the most is asked to give way', () => {
    const places = new HalfOpen(3);
    const log: string[] = [];
    const [most, few, none] = ['most', 'few', 'none'].map((name) => dialler(log, name)) as [Dialler, Dialler, Dialler];
    for (const each of [most, most, few]) places.enter(each);
    for (const each of [most, few, none]) places.enter(each);
    assert.deepEqual(log.splice(0), ['most gives way']);
    for (const each of [most, most, few]) places.leave(each);
    assert.deepEqual(log, ['none told', 'most told', 'few told']);
  });

  it('are offered to the next torrent when the one that was told wants none', () => {
    const places = new HalfOpen(1);
    const log: string[] = [];
    const first = dialler(log, 'first');
    const second = dialler(log, 'second');
    places.enter(first);
    places.enter(first);
    places.enter(second);
    places.leave(first);
    places.withdraw(first);
    assert.deepEqual(log, ['first told', 'second told']);
  });

  it('are not offered to a torrent that has withdrawn', () => {
    const places = new HalfOpen(1);
    const log: string[] = [];
    const waiting = dialler(log, 'waiting');
    places.enter(waiting);
    places.enter(waiting);
    places.withdraw(waiting);
    places.leave(waiting);
    assert.deepEqual(log, []);
    assert.equal(places.count, 0);
  });
});
