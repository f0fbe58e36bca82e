/** System calls fail in turn in a download that goes on after a kill, in one of some files, and in one of more of them. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { TorrentOptions } from '../../src/torrent/torrent-options.js';
import { assertRepaired, dieHalfway, download, FaultyFolder, MINUTE } from '../support/disk/faulty-download.js';
import { DISK_ERRORS, NO_FAULT } from '../support/disk/faulty-operations.js';

const folder = new FaultyFolder();
after(() => folder.end());

/** Every error of every call takes ten times as long as one error of each second call. */
const ALL = process.env['DISK_FAULTS'] === 'all';

interface Form {
  readonly options: Partial<TorrentOptions>;
  readonly before: (dir: string) => void;
}

function selecting(...select: string[]): Partial<TorrentOptions> {
  return { selection: { select, exclude: [], ranges: null } };
}

const FORMS: Readonly<Record<string, Form>> = {
  'a download that goes on after a kill': { options: {}, before: (dir) => dieHalfway(dir) },
  'one without part names that goes on after a kill': {
    options: { partNames: false },
    before: (dir) => dieHalfway(dir, { partNames: false }),
  },
  'a download of two files of four': { options: selecting('1', '4'), before: () => undefined },
  'a download of more files than the one before': {
    options: {},
    before: (dir) => assert.ok(download(dir, NO_FAULT, MINUTE, selecting('1', '4')).done),
  },
};

for (const [name, { options, before }] of Object.entries(FORMS)) {
  test(`${name}: each system call fails once, and it completes, or says why not and the next one does`, () => {
    const first = folder.fresh();
    before(first);
    const { calls, done: isDone, log: said } = download(first, NO_FAULT, MINUTE, options);
    assert.ok(isDone, said.join('\n'));
    for (let index = 0; index < calls.length; index += ALL ? 1 : 2) {
      for (const code of ALL ? DISK_ERRORS : [DISK_ERRORS[(index >> 1) % DISK_ERRORS.length] as string]) {
        const dir = folder.fresh();
        before(dir);
        const run = download(dir, (_call, at) => (at === index ? code : null), 10 * MINUTE, options);
        const what = `${code} of call ${index}, ${calls[index]}:\n${run.log.join('\n')}`;
        assert.ok(run.done || run.failure !== null, `neither done nor failed after ${what}`);
        // What is done was compared when it was; of some files, the next run has more to do.
        if (!run.done || options.selection !== undefined) assertRepaired(dir);
        folder.forget(dir);
      }
    }
  });
}
