import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onInterrupt } from '../../../src/cli/io.js';
import { FakeIo } from './support/fake-io.js';

/** A command that counts how often it is asked to stop. */
function start() {
  const io = new FakeIo();
  const counted = { interrupts: 0 };
  const forget = onInterrupt(
    io,
    () => {
      counted.interrupts += 1;
    },
    () => 7,
  );
  return { io, counted, forget };
}

test('a signal that comes twice within 200 ms counts as one, and a later one ends the process at once', () => {
  const { io, counted } = start();
  io.pressCtrlC();
  io.pressCtrlC();
  io.timers.run(199);
  io.pressCtrlC();
  assert.deepEqual([counted.interrupts, io.exits], [1, []]);
  io.timers.run(1);
  io.pressCtrlC();
  assert.deepEqual([counted.interrupts, io.exits], [1, [7]]);
});

test('a signal that comes twice does not kill a command that ends at the first', () => {
  const io = new FakeIo();
  const forget = onInterrupt(
    io,
    () => forget(),
    () => 7,
  );
  io.pressCtrlC();
  assert.ok(io.isListeningForCtrlC);
  io.pressCtrlC();
  assert.deepEqual(io.exits, []);
});

test('a command that no signal has reached lets signals end the process again', () => {
  const { io, forget } = start();
  forget();
  assert.ok(!io.isListeningForCtrlC);
});

test('a command that has been asked to stop is ended within 3 s, whatever keeps its process alive', () => {
  const { io } = start();
  io.pressCtrlC();
  io.timers.run(2800);
  assert.deepEqual(io.exits, []);
  io.timers.run(200);
  assert.deepEqual(io.exits, [7]);
});
