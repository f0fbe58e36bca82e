import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Deadline } from '../../../src/cli/run/deadline.js';
import { Timeline } from '../../support/simulation/timeline.js';

const never = (): Promise<never> => new Promise(() => undefined);

test('what is not done in time is given up, by name', async () => {
  const time = new Timeline();
  const deadline = new Deadline(2000, time);
  time.run(500);
  assert.deepEqual([deadline.limit, deadline.left], [2000, 1500]);
  const waiting = deadline.within(never(), 'stdin');
  assert.equal(deadline.hasGivenUp, false);
  time.run(1500);
  await assert.rejects(waiting, { code: 'gave-up', message: 'gave up: still waiting for stdin after 2s' });
  assert.deepEqual([deadline.hasGivenUp, deadline.left], [true, 0]);
});

test('after an interrupt nothing is waited for, neither what is nor what comes', async () => {
  const deadline = new Deadline(null, new Timeline());
  const waits = [deadline.within(never(), 'x'), deadline.within(never(), null)];
  assert.equal(await deadline.within(Promise.resolve(1), null), 1);
  assert.deepEqual([deadline.isInterrupted, deadline.hasGivenUp], [false, false]);
  deadline.interrupt();
  for (const wait of [...waits, deadline.within(never(), 'y')]) await assert.rejects(wait, { code: 'interrupted' });
  assert.deepEqual([deadline.isInterrupted, deadline.hasGivenUp], [true, true]);
});

test('what is done or fails in time is no matter of the deadline, nor without a limit', async () => {
  const time = new Timeline();
  const deadline = new Deadline(2000, time);
  assert.equal(await deadline.within(Promise.resolve(1), 'x'), 1);
  await assert.rejects(deadline.within(Promise.reject(new Error('no')), 'x'), { message: 'no' });
  assert.equal(await deadline.within(Promise.resolve(3), null), 3);
  const unlimited = new Deadline(null, time);
  assert.equal(await unlimited.within(Promise.resolve(2), 'x'), 2);
  assert.deepEqual([unlimited.left, deadline.hasGivenUp, unlimited.hasGivenUp], [null, false, false]);
  assert.equal(time.pending, 0, 'no task is left');
});
