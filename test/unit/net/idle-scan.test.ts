import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Millis, Task, Timers } from '../../../src/base/clock.js';
import { IdleScan, type Scannable } from '../../../src/net/idle-scan.js';
import { Timeline } from '../../support/simulation/timeline.js';

/** A clock that a test can hold up: while it is held up, tasks wait. */
class StallingClock implements Timers {
  readonly timeline = new Timeline();
  #ahead: Millis = 0;

  now(): Millis {
    return this.timeline.now() + this.#ahead;
  }

  addTask(task: () => void, delay: Millis): Task {
    return this.timeline.addTask(task, delay);
  }

  /** Lets `span` pass while nothing runs. After it every task that has become due is late. */
  stall(span: Millis): void {
    this.#ahead += span;
  }
}

function scanned(): { clock: StallingClock; log: number[]; socket: { silentSince: Millis | null } } {
  const clock = new StallingClock();
  const log: number[] = [];
  const scan = new IdleScan<Scannable>(clock, { timeout: 300, checkInterval: 60 });
  const socket = { silentSince: 0, loseIdle: () => log.push(clock.now()) };
  scan.add(socket);
  return { clock, log, socket };
}

test('a socket is lost by the first scan after its time', () => {
  const { clock, log } = scanned();
  clock.timeline.run(360);
  assert.deepEqual(log, [360]);
});

test('a scan that is late by an interval ends nothing, but the next one does', () => {
  const { clock, log, socket } = scanned();
  clock.stall(400);
  clock.timeline.run(60);
  assert.deepEqual(log, []);
  socket.silentSince = clock.now();
  clock.timeline.run(240);
  assert.deepEqual(log, []);
  clock.timeline.run(120);
  assert.equal(log.length, 1);
});
