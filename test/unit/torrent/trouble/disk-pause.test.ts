import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BtgetError } from '../../../../src/base/failure.js';
import { InconsistentHashes } from '../../../../src/disk/storage.js';
import { DEFAULT_DISK_PAUSE_OPTIONS, DiskPause } from '../../../../src/torrent/trouble/disk-pause.js';
import { pieceAt } from '../../../support/pieces.js';
import { Timeline } from '../../../support/simulation/timeline.js';

const FULL = new BtgetError('disk-full', 'no space');
const NOT_OPEN = new BtgetError('cannot-open', 'not allowed');

/** A pause, and in words what it does; `waits` says whether there is something to try again. */
function setUp(waits = true) {
  const timeline = new Timeline();
  const log: string[] = [];
  const say = (what: string) => log.push(`${timeline.now() / 1000}: ${what}`);
  const pause = new DiskPause(
    {
      timers: timeline,
      hold: (held) => say(held ? 'hold' : 'let go'),
      isClear: () => true,
      retry: () => {
        say('retry');
        return waits;
      },
      paused: ({ code }) => say(`paused: ${code}`),
      resumed: () => say('resumed'),
      failed: ({ code }) => say(`failed: ${code}`),
    },
    DEFAULT_DISK_PAUSE_OPTIONS,
  );
  return { timeline, log, pause };
}

test('a full disk is tried again after longer and longer pauses, with one warning', () => {
  const { timeline, log, pause } = setUp();
  pause.refused(FULL);
  pause.refused(FULL);
  assert.equal(pause.failure, FULL);
  for (let time = 0; time < 8; time += 1) {
    timeline.runUntil(() => log.filter((line) => line.endsWith('retry')).length > time, 60_000);
    pause.refused(FULL);
  }
  const retries = [1, 3, 7, 15, 31, 61, 91, 121].map((at) => `${at}: retry`);
  assert.deepEqual(log, ['0: hold', '0: paused: disk-full', ...retries]);
});

test('when the disk writes again everything goes on, and the next pause is a short one again', () => {
  const { timeline, log, pause } = setUp();
  pause.refused(FULL);
  timeline.run(1_000);
  pause.worked();
  pause.worked();
  assert.equal(pause.failure, null);
  pause.refused(FULL);
  timeline.run(1_500);
  const first = ['0: hold', '0: paused: disk-full', '1: retry', '1: let go', '1: resumed'];
  assert.deepEqual(log, [...first, '1: hold', '1: paused: disk-full', '2: retry']);
});

test('when there is nothing to try again, new pieces show whether the disk works', () => {
  const { timeline, log, pause } = setUp(false);
  pause.refused(FULL);
  timeline.run(1_000);
  pause.refused(FULL);
  timeline.run(1_000);
  assert.deepEqual(log.slice(2), ['1: retry', '1: let go', '1: hold']);
});

test('a file that may not become so long ends the torrent, however much was written before', () => {
  const { log, pause } = setUp();
  pause.worked();
  const cause = Object.assign(new Error('EFBIG: file too large, write'), { code: 'EFBIG', syscall: 'write' });
  pause.refused(new BtgetError('io', 'cannot write x: file too large', { cause }));
  assert.deepEqual(log, ['0: failed: io']);
});

test('a file system that takes no symbolic links ends the torrent, however much was written before', () => {
  for (const code of ['EPERM', 'ENOTSUP', 'ENOSYS', 'EACCES']) {
    const { log, pause } = setUp();
    pause.worked();
    const cause = Object.assign(new Error(`${code}: refused, symlink`), { code, syscall: 'symlink' });
    pause.refused(new BtgetError('cannot-open', 'cannot make x', { cause }));
    assert.deepEqual(log, code === 'EACCES' ? ['0: hold', '0: paused: cannot-open'] : ['0: failed: cannot-open']);
  }
});

test('a disk that cannot be written to at all ends the torrent at once; later the same failure only pauses it', () => {
  const { log, pause } = setUp();
  pause.refused(NOT_OPEN);
  assert.deepEqual(log, ['0: failed: cannot-open']);
  const later = setUp();
  later.pause.worked();
  later.pause.refused(NOT_OPEN);
  assert.deepEqual(later.log, ['0: hold', '0: paused: cannot-open']);
});

test('a failed flush, a foreign file in the place of ours, and a torrent that contradicts itself end it', () => {
  const cause = Object.assign(new Error('EIO'), { code: 'EIO', syscall: 'fdatasync' });
  const lost = new BtgetError('io', 'lost', { cause });
  for (const failure of [lost, new BtgetError('foreign-file', 'not ours'), new InconsistentHashes(pieceAt(3))]) {
    const { log, pause } = setUp();
    pause.worked();
    pause.refused(failure);
    pause.refused(FULL);
    assert.deepEqual(log, [`0: failed: ${failure.code}`]);
  }
});

test('nothing is tried again after the end', () => {
  const { timeline, log, pause } = setUp();
  pause.refused(FULL);
  pause.stop();
  timeline.run(60_000);
  assert.deepEqual(log, ['0: hold', '0: paused: disk-full']);
  assert.equal(timeline.pending, 0);
});
