import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { beginThread, WorkerThread } from '../../../src/disk/file-worker-thread.js';

const PLACE = { id: 1, root: '/nowhere', partNames: true, overwrite: false };

const MODULE = new URL('../../support/message-sizes-worker.js', import.meta.url);

/** For each of some writes asked at once, in the order of the answers: its number and how many came with it. */
async function askAtOnce(lengths: readonly number[]): Promise<readonly (readonly [number, unknown])[]> {
  const thread = new WorkerThread(MODULE, (error) => assert.fail(error));
  const told: [number, unknown][] = [];
  await Promise.all(
    lengths.map((length, index) => {
      const data = new Uint8Array(length);
      return new Promise<void>((resolve) => {
        thread.ask('write', { place: PLACE, writes: [], data }, [data.buffer], (answer) => {
          told.push([index, answer.ok && answer.value]);
          resolve();
        });
      });
    }),
  );
  assert.equal(thread.due, 0);
  await new Promise<void>((resolve) => thread.end(resolve));
  return told;
}

describe('a worker thread', () => {
  it('gets what is asked while it is busy in one message, in order, and no more than a MiB of data', async () => {
    const sizes = [1, 1, 3, 3, 3, 3, 3, 3, 2, 2];
    assert.deepEqual(
      await askAtOnce(sizes.map(() => 400 * 1024)),
      sizes.map((size, index) => [index, size]),
    );
  });

  it('gets what is longer than that alone', async () => {
    const sizes = [1, 1, 1, 1];
    assert.deepEqual(
      await askAtOnce(sizes.map(() => 1024 * 1024)),
      sizes.map((size, index) => [index, size]),
    );
  });

  it('may be begun before there is anybody to ask it', async () => {
    // A module that is not there: only the thread that was begun can answer.
    const thread = new WorkerThread(new URL('./nowhere.js', import.meta.url), assert.fail, beginThread(MODULE));
    assert.equal(thread.started, true);
    const told = await new Promise((resolve) => thread.ask('closeFiles', {}, [], resolve));
    assert.deepEqual(told, { ok: true, value: 1 });
    await new Promise<void>((resolve) => thread.end(resolve));
  });
});
