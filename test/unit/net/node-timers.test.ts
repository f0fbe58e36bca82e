import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NodeTimers } from '../../../src/net/node-timers.js';

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
