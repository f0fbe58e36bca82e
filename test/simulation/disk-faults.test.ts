/** Every system call of a whole download fails in turn: nothing is ever called done that is not, and nothing hangs. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { assertRepaired, download, FaultyFolder, MINUTE } from '../support/disk/faulty-download.js';
import { DISK_ERRORS, type Fault, NO_FAULT } from '../support/disk/faulty-operations.js';

const folder = new FaultyFolder();
after(() => folder.end());

const { calls: CALLS } = download(folder.fresh(), NO_FAULT, MINUTE);

for (const code of DISK_ERRORS) {
  test(`each system call says ${code} once: the download completes, or says why not and the next one does`, () => {
    for (let index = 0; index < CALLS.length; index += 1) {
      const dir = folder.fresh();
      const { done, failure, log } = download(dir, (_call, at) => (at === index ? code : null), 10 * MINUTE);
      const what = `${code} of call ${index}, ${CALLS[index]}:\n${log.join('\n')}`;
      assert.ok(done || failure !== null, `neither done nor failed after ${what}`);
      if (!done) assertRepaired(dir);
      folder.forget(dir);
    }
  });

  test(`from some call on every one of its kind says ${code}: never done unless it is, and it heals`, () => {
    const kinds = [...new Set(CALLS)];
    for (const kind of kinds) {
      const places = CALLS.flatMap((call, index) => (call === kind ? [index] : []));
      for (const from of new Set([places[0], places[places.length >> 1], places.at(-1)])) {
        const dir = folder.fresh();
        const fault: Fault = (call, at) => (call === kind && at >= (from ?? 0) ? code : null);
        const { done, failure, log } = download(dir, fault, 2 * MINUTE);
        const says = done || failure !== null || log.some((line) => line.includes('waiting for the disk'));
        assert.ok(says, `${code} of every ${kind} from call ${from}:\n${log.join('\n')}`);
        assertRepaired(dir);
        folder.forget(dir);
      }
    }
  });
}

test('a file system that takes no modes holds no executable file up, but any other refusal of a mode does', () => {
  for (const [code, ends] of [
    ['EPERM', true],
    ['ENOSYS', true],
    ['EIO', false],
  ] as const) {
    const { done, calls, log } = download(folder.fresh(), (call) => (call === 'setMode' ? code : null), MINUTE);
    assert.equal(done, ends, `${code}:\n${log.join('\n')}`);
    assert.ok(calls.includes('setMode'));
  }
});
