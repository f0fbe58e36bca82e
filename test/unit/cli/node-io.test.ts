import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeIo } from '../../../src/cli/node-io.js';

test('on a terminal a hang-up interrupts the command, unless the command reloads at a hang-up', (t) => {
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

test('Node never gets a delay that is too long for it, because it would make one millisecond of it', (t) => {
  const { mock } = t.mock.method(globalThis, 'setTimeout');
  nodeIo()
    .timers.addTask(() => undefined, 30 * 86_400_000)
    .cancel();
  assert.deepEqual(
    mock.calls.map(({ arguments: [, delay] }) => delay),
    [2 ** 31 - 1],
  );
});
