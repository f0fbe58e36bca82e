import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Task } from '../../../src/base/clock.js';
import { NodeTimers, restingTimers } from '../../../src/net/node-timers.js';

test('between tasks that take long the rest of the loop has its turn, and the tasks keep their order', async () => {
  const timers = new NodeTimers();
  const log: string[] = [];
  await new Promise<void>((resolve) => {
    timers.addTask(() => {
      log.push('long');
      setImmediate(() => log.push('the loop'));
      const end = performance.now() + 20;
      while (performance.now() < end);
    }, 0);
    timers.addTask(() => log.push('second'), 0);
    timers.addTask(() => resolve(void log.push('third')), 0);
  });
  assert.deepEqual(log, ['long', 'the loop', 'second', 'third']);
});

test('a task that rests does not keep the process alive until it is due, runs in the loop, and can be cancelled', async () => {
  const timers = new NodeTimers();
  const held = () => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
  const before = held();
  const resting = restingTimers(timers);
  const far = resting.addTask(() => assert.fail('it was cancelled'), 3_600_000);
  assert.equal(held(), before);
  far.cancel();
  const log: string[] = [];
  await new Promise<void>((resolve) => {
    timers.hold(true);
    resting.addTask(() => resolve(void log.push('due')), 1);
  });
  timers.hold(false);
  assert.deepEqual(log, ['due']);
  assert.equal(held(), before);
});

test('a task that has rested is cancelled also when it is due already', async () => {
  let cancelled = 0;
  let task: Task | null = null;
  // Until the task is due, this alone keeps the process alive.
  const alive = setInterval(() => undefined, 1000);
  await new Promise<void>((resolve) => {
    const addTask = (): Task => {
      resolve();
      return { cancel: () => (cancelled += 1) };
    };
    task = restingTimers({ now: () => 0, addTask }).addTask(() => assert.fail('it was cancelled'), 0);
  });
  clearInterval(alive);
  (task as Task | null)?.cancel();
  assert.equal(cancelled, 1);
});
