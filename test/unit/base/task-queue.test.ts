import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Task } from '../../../src/base/clock.js';
import { TaskQueue } from '../../../src/base/task-queue.js';

/** Takes everything that is due at `now` and runs it. */
function runDue(queue: TaskQueue, now: number): void {
  for (let task = queue.takeDue(now); task !== undefined; task = queue.takeDue(now)) task();
}

describe('TaskQueue', () => {
  it('runs tasks in the order in which they are due, ties in the order of asking', () => {
    const queue = new TaskQueue();
    const log: string[] = [];
    for (const [name, due] of [
      ['c', 3],
      ['a1', 1],
      ['b', 2],
      ['a2', 1],
      ['a3', 1],
    ] as const) {
      queue.add(() => log.push(name), due);
    }
    runDue(queue, 2);
    assert.deepEqual(log, ['a1', 'a2', 'a3', 'b']);
    assert.equal(queue.nextDue(), 3);
    runDue(queue, 3);
    assert.deepEqual(log, ['a1', 'a2', 'a3', 'b', 'c']);
    assert.equal(queue.nextDue(), undefined);
  });

  it('gives no task before its time', () => {
    const queue = new TaskQueue();
    queue.add(() => undefined, 10);
    assert.equal(queue.takeDue(9.999), undefined);
    assert.equal(queue.size, 1);
  });

  it('forgets a task that is cancelled, once, and counts those that are left', () => {
    const queue = new TaskQueue();
    const log: string[] = [];
    const first = queue.add(() => log.push('first'), 1);
    queue.add(() => log.push('second'), 2);
    first.cancel();
    first.cancel();
    assert.equal(queue.size, 1);
    assert.equal(queue.nextDue(), 2);
    runDue(queue, 5);
    assert.deepEqual(log, ['second']);
    assert.equal(queue.size, 0);
  });

  it('ignores the cancelling of a task that has run', () => {
    const queue = new TaskQueue();
    const task = queue.add(() => undefined, 1);
    runDue(queue, 1);
    task.cancel();
    assert.equal(queue.size, 0);
    queue.add(() => undefined, 2);
    assert.equal(queue.size, 1);
    assert.equal(queue.nextDue(), 2);
  });

  it('is empty after clear, and can be used again', () => {
    const queue = new TaskQueue();
    const log: string[] = [];
    const old = queue.add(() => log.push('old'), 1);
    queue.add(() => log.push('older'), 0);
    queue.clear();
    old.cancel();
    assert.equal(queue.size, 0);
    assert.equal(queue.nextDue(), undefined);
    queue.add(() => log.push('new'), 1);
    runDue(queue, 1);
    assert.deepEqual(log, ['new']);
  });

  it('refuses a task without a time, because that is a bug', () => {
    assert.throws(() => new TaskQueue().add(() => undefined, Number.NaN), RangeError);
  });

  it('removes 200,000 withdrawn tasks without overflowing the stack', () => {
    const queue = new TaskQueue();
    const log: number[] = [];
    for (let due = 0; due < 200_000; due += 1) queue.add(() => log.push(due), due);
    const withdrawn = Array.from({ length: 200_001 }, (_, due) => queue.add(() => log.push(-1), due));
    for (const task of withdrawn) task.cancel();
    assert.equal(queue.size, 200_000);
    runDue(queue, 200_000);
    assert.equal(log.length, 200_000);
    assert.ok(log.every((due, index) => due === index));
  });

  it('does what a sorted list does', () => {
    const action = fc.oneof(
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('add' as const), due: fc.integer({ min: 0, max: 20 }) }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('cancel' as const), which: fc.nat(400) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('run' as const), now: fc.integer({ min: 0, max: 20 }) }) },
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 400, size: 'max' }), (actions) => {
        const queue = new TaskQueue();
        const handles: Task[] = [];
        const log: number[] = [];
        const expectedLog: number[] = [];
        let list: { id: number; due: number }[] = [];
        for (const step of actions) {
          if (step.kind === 'add') {
            const id = handles.length;
            handles.push(queue.add(() => log.push(id), step.due));
            list.push({ id, due: step.due });
          } else if (step.kind === 'cancel') {
            handles[step.which]?.cancel();
            list = list.filter(({ id }) => id !== step.which);
          } else {
            runDue(queue, step.now);
            const due = list.filter((entry) => entry.due <= step.now).sort((a, b) => a.due - b.due || a.id - b.id);
            expectedLog.push(...due.map(({ id }) => id));
            list = list.filter((entry) => entry.due > step.now);
          }
          assert.equal(queue.size, list.length);
          const nextDue = list.length === 0 ? undefined : Math.min(...list.map(({ due }) => due));
          assert.equal(queue.nextDue(), nextDue);
        }
        assert.deepEqual(log, expectedLog);
      }),
    );
  });
});
