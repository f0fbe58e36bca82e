import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NetworkWatch } from '../../../src/net/network-watch.js';
import { Timeline } from '../../support/simulation/timeline.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

function setUp(addresses: readonly string[]) {
  const timeline = new Timeline();
  const world = { addresses, slept: 0, looks: 0 };
  const told: number[] = [];
  const watch = new NetworkWatch({
    timers: timeline,
    addresses: () => {
      world.looks += 1;
      return world.addresses;
    },
    timeOfDay: () => timeline.now() + world.slept,
  });
  const begin = () => watch.begin(() => told.push(timeline.now() / SECOND));
  return { timeline, world, told, watch, begin };
}

test('an address that the machine had not is told within ten seconds, and one that it loses is not', () => {
  const { timeline, world, told, watch, begin } = setUp(['192.0.2.1']);
  begin();
  begin();
  timeline.run(5 * MINUTE);
  world.addresses = [];
  timeline.run(5 * MINUTE);
  assert.deepEqual(told, []);
  world.addresses = ['192.0.2.1'];
  timeline.run(5 * MINUTE);
  world.addresses = ['192.0.2.1', '2001:db8::1'];
  timeline.run(5 * MINUTE);
  world.addresses = ['198.51.100.7'];
  timeline.run(5 * MINUTE);
  assert.deepEqual(told, [610, 910, 1210]);
  assert.equal(world.looks, 151);
  watch.stop();
  assert.equal(timeline.pending, 0);
});

test('a machine that has slept is told of, and not one whose clock is a little off or was set back', () => {
  const { timeline, world, told, begin } = setUp(['192.0.2.1']);
  begin();
  for (const ahead of [5 * SECOND, 20 * SECOND, -8 * 60 * MINUTE]) {
    world.slept = ahead;
    timeline.run(MINUTE);
  }
  assert.deepEqual(told, []);
  world.slept += 40 * MINUTE;
  timeline.run(MINUTE);
  assert.deepEqual(told, [190]);
});

test('where addresses come and go all the time it tells of it once a minute, and of the last one too', () => {
  const { timeline, world, told, begin } = setUp([]);
  begin();
  for (let second = 0; second < 150; second += 10) {
    world.addresses = [`192.0.2.${second}`];
    timeline.run(10 * SECOND);
  }
  timeline.run(10 * MINUTE);
  assert.deepEqual(told, [10, 70, 130, 190]);
});
