import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HashTurns } from '../../../../src/swarm/hashes/hash-turns.js';
import { Timeline } from '../../../support/simulation/timeline.js';

/** Pieces that take so long to hash, with what began when. */
function turnsWorld(cost: number) {
  const timeline = new Timeline();
  const turns = new HashTurns(timeline);
  const begun: string[] = [];
  const add = (host: string, piece: number): boolean =>
    turns.add(host, (ended) => {
      begun.push(`${timeline.now()} ${host} ${piece}`);
      timeline.addTask(ended, cost);
    });
  return { timeline, add, begun };
}

test('one piece at a time is hashed for peers, and three quarters of the time none is', () => {
  const { timeline, add, begun } = turnsWorld(10);
  for (let piece = 0; piece < 3; piece += 1) add('a', piece);
  timeline.run(1_000);
  add('a', 3);
  timeline.run(1_000);
  assert.deepEqual(begun, ['0 a 0', '40 a 1', '80 a 2', '1000 a 3']);
  assert.equal(timeline.pending, 0);
});

test('a host that asks for many pieces does not keep another one waiting', () => {
  const { timeline, add, begun } = turnsWorld(10);
  for (let piece = 0; piece < 40; piece += 1) add('a', piece);
  add('b', 0);
  add('b', 1);
  timeline.run(150);
  assert.deepEqual(begun, ['0 a 0', '40 a 1', '80 b 0', '120 a 2']);
});

test('a rest after a slow disk has a bound', () => {
  const { timeline, add, begun } = turnsWorld(60_000);
  add('a', 0);
  add('a', 1);
  timeline.run(62_000);
  assert.deepEqual(begun, ['0 a 0', '62000 a 1']);
});

test('of one host 64 pieces wait, and others are not kept from theirs', () => {
  const { timeline, add, begun } = turnsWorld(10);
  const added = Array.from({ length: 70 }, (_, piece) => add('a', piece));
  assert.deepEqual([added.filter((isAdded) => isAdded).length, add('b', 0)], [65, true]);
  timeline.run(100_000);
  assert.deepEqual([begun.length, timeline.pending], [66, 0]);
});
