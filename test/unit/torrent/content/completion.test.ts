import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Completion } from '../../../../src/torrent/content/completion.js';
import { DEFAULT_TORRENT_OPTIONS } from '../../../../src/torrent/torrent-options.js';
import { sampleTorrent } from '../../../support/sample-torrent.js';
import { Timeline } from '../../../support/simulation/timeline.js';

const FILES = 1000;

/** A torrent of `FILES` files of one piece each, all found whole on the disk. */
function foundWhole() {
  const { metainfo, layout } = sampleTorrent(
    Array.from({ length: FILES }, (_, index) => ({ path: `t/${index}`, length: 1 })),
    1,
  );
  const timers = new Timeline();
  const log: string[] = [];
  const completion = new Completion({
    timers,
    metainfo,
    layout,
    storage: { finishFile: () => assert.fail(), finalName: (file) => metainfo.files[file]?.path.join('/') ?? '' },
    content: { files: new Set(metainfo.files.keys()) },
    options: DEFAULT_TORRENT_OPTIONS,
    events: {
      fileDone: (_, path) => log.push(path),
      done: () => log.push('done'),
      goalReached: () => log.push('goal'),
    },
    amountLeft: () => 0,
    ratio: () => 0,
    diskFailed: () => assert.fail(),
    diskWorked: () => assert.fail(),
  });
  completion.begin([...layout.pieceIndices()], new Set(metainfo.files.keys()));
  return { timers, log, completion };
}

test('found files are reported one by one over several turns of the loop, and only then the download is done', () => {
  const { timers, log } = foundWhole();
  assert.ok(log.length < FILES / 2, `${log.length} files in the first turn`);
  timers.run(0);
  assert.deepEqual(log, [...Array.from({ length: FILES }, (_, index) => `t/${index}`), 'done', 'goal']);
});

test('when it is stopped meanwhile, nothing more is reported', () => {
  const { timers, log, completion } = foundWhole();
  const told = log.length;
  completion.stop();
  timers.run(1000);
  assert.equal(log.length, told);
});
