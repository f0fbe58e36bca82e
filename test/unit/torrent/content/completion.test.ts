import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BtgetError } from '../../../../src/base/failure.js';
import { type ConfirmOutcome, FileLost } from '../../../../src/disk/storage.js';
import { Completion } from '../../../../src/torrent/content/completion.js';
import { DEFAULT_TORRENT_OPTIONS } from '../../../../src/torrent/torrent-options.js';
import { sampleTorrent } from '../../../support/sample-torrent.js';
import { Timeline } from '../../../support/simulation/timeline.js';

const FILES = 1000;
const NOTHING_LOST: ConfirmOutcome = { ok: true, files: [] };

/** A torrent of `FILES` files of one piece each, all found whole on the disk. `looks` are the answers to looks at it. */
function foundWhole(looks: ConfirmOutcome[] = [NOTHING_LOST]) {
  const { metainfo, layout } = sampleTorrent(
    Array.from({ length: FILES }, (_, index) => ({ path: `t/${index}`, length: 1 })),
    1,
  );
  const timers = new Timeline();
  const log: string[] = [];
  let isLost = false;
  const completion = new Completion({
    timers,
    metainfo,
    layout,
    storage: {
      finishFile: () => assert.fail(),
      finalName: (file) => metainfo.files[file]?.path.join('/') ?? '',
      confirmFiles: (files, isWhole, answered) => {
        log.push(`look at ${files.filter(isWhole).length}`);
        timers.addTask(() => answered(looks.shift() ?? NOTHING_LOST), 0);
      },
    },
    content: { files: new Set(metainfo.files.keys()) },
    options: DEFAULT_TORRENT_OPTIONS,
    events: {
      fileDone: (_, path) => log.push(path),
      done: () => log.push('done'),
      goalReached: () => log.push('goal'),
    },
    amountLeft: () => 0,
    ratio: () => 0,
    isLost: () => isLost,
    diskFailed: ({ message }) => {
      isLost ||= message === 'lost';
      log.push(message);
    },
    diskWorked: () => log.push('the disk works'),
  });
  const begin = (): void => {
    isLost = false;
    completion.beginAgain([...layout.pieceIndices()], new Set(metainfo.files.keys()));
  };
  begin();
  return { timers, log, completion, begin };
}

test('found files are reported one by one over several turns of the loop, and only then the download is done', () => {
  const { timers, log } = foundWhole();
  assert.ok(log.length < FILES / 2, `${log.length} files in the first turn`);
  timers.run(0);
  const files = Array.from({ length: FILES }, (_, index) => `t/${index}`);
  assert.deepEqual(log, [...files, 'look at 1000', 'the disk works', 'done', 'goal']);
});

test('when the last look finds that files are lost, the download is done only after they are there again', () => {
  const failure = (file: number): FileLost => new FileLost(file, 'io', 'lost');
  const lost = [3, 4].map((file) => ({ file, lost: failure(file), identity: null, isWritten: false }));
  const { timers, log, completion, begin } = foundWhole([{ ok: true, files: lost }]);
  timers.run(0);
  const told = log.splice(0);
  assert.deepEqual(told.slice(FILES), ['look at 1000', 'lost', 'lost']);
  assert.equal(completion.isIdle, true);
  begin();
  assert.equal(completion.isIdle, false, 'while it begins');
  timers.run(0);
  assert.deepEqual(log, ['look at 1000', 'the disk works', 'done', 'goal']);
});

test('a last look that the disk refuses is tried again', () => {
  const refusal: ConfirmOutcome = { ok: false, failure: new BtgetError('io', 'refused') };
  const { timers, log, completion } = foundWhole([refusal]);
  timers.run(0);
  assert.deepEqual(log.splice(FILES), ['look at 1000', 'refused']);
  assert.equal(completion.isRefused, true);
  assert.equal(completion.retry(), true);
  timers.run(0);
  assert.equal(completion.isRefused, false);
  assert.deepEqual(log.splice(FILES), ['look at 1000', 'the disk works', 'done', 'goal']);
});

test('when it is stopped meanwhile, nothing more is reported', () => {
  const { timers, log, completion } = foundWhole();
  const told = log.length;
  completion.stop();
  timers.run(1000);
  assert.equal(log.length, told);
});
