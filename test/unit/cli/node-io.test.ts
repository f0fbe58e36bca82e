import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeIo } from '../../../src/cli/node-io.js';

test('on a terminal a hang-up interrupts, unless it is the wish to read again', (t) => {
  const { isTTY } = process.stdout;
  t.after(() => Object.assign(process.stdout, { isTTY }));
  for (const onTerminal of [true, false]) {
    Object.assign(process.stdout, { isTTY: onTerminal });
    if (!onTerminal && process.stderr.isTTY) continue;
    const io = nodeIo();
    const log: string[] = [];
    const hangUp = (): string[] => {
      process.emit('SIGHUP', 'SIGHUP');
      return log.splice(0);
    };
    const forget = io.onInterrupt(() => log.push('interrupted'));
    const interrupts = onTerminal ? ['interrupted'] : [];
    assert.deepEqual(hangUp(), interrupts);
    const forgetReload = io.onReload(() => log.push('read again'));
    assert.deepEqual(hangUp(), ['read again']);
    forgetReload();
    assert.deepEqual(hangUp(), interrupts);
    forget();
    assert.deepEqual(hangUp(), []);
  }
});

test('a task that is due in a month is not due at once', async () => {
  const { timers } = nodeIo();
  const log: string[] = [];
  const month = timers.addTask(() => log.push('month'), 30 * 86_400_000);
  // Node makes one millisecond of a delay that it cannot count.
  await new Promise<void>((resolve) => {
    timers.addTask(resolve, 5);
  });
  month.cancel();
  assert.deepEqual(log, []);
});
