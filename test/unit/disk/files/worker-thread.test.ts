import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { BegunThread, PIECE_WORKER, WorkerThread } from '../../../../src/disk/files/worker-thread.js';

test('a thread may be started before the `WorkerThread` that will use it is made', async () => {
  // The module of the `WorkerThread` does not exist, so only the thread that was started before can answer.
  const thread = new WorkerThread(
    new URL('../nowhere.js', import.meta.url),
    assert.fail,
    new BegunThread(PIECE_WORKER),
  );
  assert.equal(thread.started, true);
  const told = await new Promise((resolve) => thread.ask('closeFiles', {}, [], resolve));
  assert.deepEqual(told, { ok: true, value: null });
  await new Promise<void>((resolve) => thread.end(resolve));
});

test('a thread that is taken over, and asked for nothing, lets the process end', async (t) => {
  const held = () => process.getActiveResourcesInfo().filter((resource) => resource === 'MessagePort').length;
  const before = held();
  const thread = new WorkerThread(PIECE_WORKER, assert.fail, new BegunThread(PIECE_WORKER));
  t.after(() => thread.kill());
  assert.equal(held(), before);
  await new Promise((resolve) => thread.ask('closeFiles', {}, [], resolve));
  assert.equal(held(), before, 'and so does one that has answered');
});

const NOWHERE = new URL('../nowhere.js', import.meta.url);

test('a thread that dies before anyone takes it over is nobody’s failure, and another one is started', async () => {
  const begun = new BegunThread(NOWHERE);
  while (!begun.hasDied) await new Promise((resolve) => setImmediate(resolve));
  const thread = new WorkerThread(PIECE_WORKER, assert.fail, begun);
  assert.equal(thread.started, false);
  const told = await new Promise((resolve) => thread.ask('closeFiles', {}, [], resolve));
  assert.deepEqual(told, { ok: true, value: null });
  await new Promise<void>((resolve) => thread.end(resolve));
});

test('a thread that is killed while it starts, and fails at that, is nobody’s failure', async () => {
  const worker = Object.assign(new EventEmitter(), {
    ref: () => undefined,
    unref: () => undefined,
    postMessage: () => undefined,
    terminate: async () => 0,
  });
  const thread = new WorkerThread(NOWHERE, assert.fail, { take: () => worker as unknown as Worker });
  const told = new Promise<{ readonly ok: boolean }>((resolve) => thread.ask('closeFiles', {}, [], resolve));
  thread.kill();
  worker.emit('error', new Error('the module cannot be read'));
  assert.equal((await told).ok, false);
});
