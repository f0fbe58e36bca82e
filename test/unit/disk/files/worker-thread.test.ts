import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beginThread, PIECE_WORKER, WorkerThread } from '../../../../src/disk/files/worker-thread.js';

test('a worker thread may be begun before there is anybody to ask it', async () => {
  // A module that is not there: only the thread that was begun can answer.
  const thread = new WorkerThread(new URL('../nowhere.js', import.meta.url), assert.fail, beginThread(PIECE_WORKER));
  assert.equal(thread.started, true);
  const told = await new Promise((resolve) => thread.ask('closeFiles', {}, [], resolve));
  assert.deepEqual(told, { ok: true, value: null });
  await new Promise<void>((resolve) => thread.end(resolve));
});
