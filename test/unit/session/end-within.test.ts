import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endWithin } from '../../../src/session/end-within.js';
import { Timeline } from '../../support/simulation/timeline.js';

const LIMIT = 3_000;

/** What `ended` is called with, and when, for a session that answers after `delays`. */
function ends(...delays: readonly number[]): unknown[] {
  const timeline = new Timeline();
  const log: unknown[] = [];
  const stop = (answered: () => void): void => {
    log.push('stop');
    for (const delay of delays) timeline.addTask(answered, delay);
  };
  endWithin(LIMIT, timeline, stop, (clean) => log.push([clean, timeline.now()]));
  timeline.run(10 * LIMIT);
  assert.equal(timeline.pending, 0);
  return log;
}

test('a session that stops in time ends cleanly, once', () => {
  assert.deepEqual(ends(1_000), ['stop', [true, 1_000]]);
  assert.deepEqual(ends(1_000, 2_000), ['stop', [true, 1_000]]);
});

test('a session that does not stop, or stops too late, ends at the limit, once', () => {
  assert.deepEqual(ends(), ['stop', [false, LIMIT]]);
  assert.deepEqual(ends(LIMIT + 1), ['stop', [false, LIMIT]]);
});

test('a session that stops in time leaves no task behind', () => {
  const timeline = new Timeline();
  endWithin(
    LIMIT,
    timeline,
    (answered) => answered(),
    () => undefined,
  );
  assert.equal(timeline.pending, 0);
});
