import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Output, RunEvent } from '../../../src/cli/output/events.js';
import { type ReadableTorrent, ReadingRun, type ReadingSession } from '../../../src/cli/run/reading-run.js';
import type { RunEnd } from '../../../src/cli/run/run.js';
import type { AddedEvents } from '../../../src/session/session.js';
import { DEFAULT_SESSION_OPTIONS } from '../../../src/session/session-options.js';
import type { TorrentStatus } from '../../../src/torrent/status.js';
import { DEFAULT_TORRENT_OPTIONS } from '../../../src/torrent/torrent-options.js';
import { Timeline } from '../../support/simulation/timeline.js';
import { makeMetainfo, makeStatus } from './support/fake-session.js';

/** A run whose reader waits all the time for the bytes of a torrent that the test drives. */
function play(stopTimeout: number) {
  const time = new Timeline();
  const events: RunEvent[] = [];
  const ends: RunEnd[] = [];
  let status = makeStatus();
  const torrent: ReadableTorrent = {
    status: () => status,
    stop: (answered) => answered(),
    openReader: () => assert.fail('nothing is read'),
    isAwaited: true,
  };
  let begun: AddedEvents | null = null;
  const session: ReadingSession = {
    listen: (answered) => answered({ ok: true, port: 6881 }),
    addTorrent: (_metainfo, _options, told) => {
      begun = told;
      return torrent;
    },
    addMagnet: () => assert.fail('there is no link'),
    dhtStatus: () => null,
    proxyTrouble: () => null,
    stop: (answered) => answered(),
  };
  const output: Output = { tell: (event) => events.push(event), close: () => undefined };
  const reader = { check: () => undefined, begin: () => undefined, end: () => undefined };
  const options = {
    session: DEFAULT_SESSION_OPTIONS,
    cacheDir: null,
    torrent: DEFAULT_TORRENT_OPTIONS,
    deadline: { limit: null, left: null },
    stopTimeout,
  };
  const run = new ReadingRun(
    () => session,
    options,
    reader,
    time,
    output,
    (end) => ends.push(end),
  );
  run.start({ input: 'a', ok: true, kind: 'torrent', metainfo: makeMetainfo('a') });
  (begun as AddedEvents | null)?.started();
  const is = (more: Partial<TorrentStatus>): void => {
    status = makeStatus(more);
  };
  return { time, ends, is };
}

test('a reader gives up when no piece comes, unless the limit of the user holds it back', () => {
  const { time, ends, is } = play(10_000);
  is({ limited: true });
  time.run(60_000);
  assert.deepEqual(ends, []);
  is({ limited: false });
  time.run(9_000);
  assert.deepEqual(ends, []);
  time.run(1_000);
  assert.deepEqual(ends, [{ exitCode: 2, clean: true }]);
});
