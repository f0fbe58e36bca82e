import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { pause } from '../../../../src/cli/doctor/pause.js';
import { Timeline } from '../../../support/simulation/timeline.js';

test('a pause ends with its time or with its signal, and leaves neither a task nor a listener', async () => {
  const timeline = new Timeline();
  const over = new AbortController();
  const slept = pause(timeline, 200, over.signal);
  timeline.run(200);
  await slept;
  assert.deepEqual([timeline.pending, getEventListeners(over.signal, 'abort').length], [0, 0]);
  const woken = pause(timeline, 200, over.signal);
  over.abort();
  await woken;
  assert.deepEqual([timeline.pending, getEventListeners(over.signal, 'abort').length], [0, 0]);
  await pause(timeline, 200, over.signal);
  assert.equal(timeline.pending, 0);
});
