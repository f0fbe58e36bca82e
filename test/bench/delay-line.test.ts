import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DelayLine, type DelayTimers } from '../../bench/relay/delay-line.js';

/** Timers that ring up to `early` milliseconds too early. */
class HandTimers implements DelayTimers {
  #now = 0;
  #tasks: { at: number; task: () => void }[] = [];
  readonly #early: number;

  constructor(early = 0) {
    this.#early = early;
  }

  now(): number {
    return this.#now;
  }

  after(delay: number, task: () => void): void {
    this.#tasks.push({ at: this.#now + Math.max(0.25, delay - this.#early), task });
  }

  runUntil(end: number): void {
    for (;;) {
      const next = this.#tasks.sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > end) break;
      this.#tasks.shift();
      this.#now = next.at;
      next.task();
    }
    this.#now = end;
  }
}

test('items come out in order and after the delay, however many are inside', () => {
  const timers = new HandTimers();
  const out: [string, number][] = [];
  const line = new DelayLine<string>(50, timers, (item) => out.push([item, timers.now()]));
  line.push('a');
  line.push('b');
  timers.runUntil(30);
  line.push('c');
  timers.runUntil(60);
  line.push('d');
  timers.runUntil(500);
  line.push('e');
  timers.runUntil(1000);
  assert.deepEqual(out, [
    ['a', 50],
    ['b', 50],
    ['c', 80],
    ['d', 110],
    ['e', 550],
  ]);
});

test('when a timer rings early, no item comes out early', () => {
  const timers = new HandTimers(0.75);
  const out: number[] = [];
  const line = new DelayLine<string>(50, timers, () => out.push(timers.now()));
  line.push('a');
  timers.runUntil(100);
  line.push('b');
  timers.runUntil(200);
  assert.deepEqual(out, [50, 150]);
});

test('an item that stays longer holds those behind it back', () => {
  const timers = new HandTimers();
  const out: [string, number][] = [];
  const line = new DelayLine<string>(50, timers, (item) => out.push([item, timers.now()]));
  line.push('a', 30);
  line.push('b');
  line.push('c', 60);
  timers.runUntil(500);
  assert.deepEqual(out, [
    ['a', 80],
    ['b', 80],
    ['c', 110],
  ]);
});
