import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beginThread, PIECE_WORKER, WorkerThread } from '../../../../src/disk/files/worker-thread.js';

test('a thread may be started before the `WorkerThread` that will use it is made', async () => {
  // The module of the `WorkerThread` does not exist, so only the thread that was started before can answer.
  const thread = new WorkerThread(new URL('../nowhere.js', import.meta.url), assert.fail, beginThread(PIECE_WORKER));
  assert.equal(thread.started, true);
  const told = await new Promise((resolve) => thread.ask('closeFiles', {}, [], resolve));
  assert.deepEqual(told, { ok: true, value: null });
  await new Promise<void>((resolve) => thread.end(resolve));
});
