import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AnnounceOutcome } from '../../../src/discovery/trackers/tracker-client.js';
import { type AddedTorrent, type ListenAnswer, Session } from '../../../src/session/session.js';
import { DEFAULT_SESSION_OPTIONS } from '../../../src/session/session-options.js';
import { DEFAULT_TORRENT_OPTIONS, type TorrentOptions } from '../../../src/torrent/torrent-options.js';
import { answer, FakeTrackers } from '../../support/fakes/fake-tracker.js';
import { memoryTarget } from '../../support/fakes/memory-lock.js';
import { MemorySlotPool } from '../../support/fakes/memory-slot-pool.js';
import { DEFAULT_MEMORY_STORAGE_OPTIONS, MemoryStorage } from '../../support/fakes/memory-storage.js';
import { sampleTorrent } from '../../support/sample-torrent.js';
import { seededRandom } from '../../support/simulation/seeded-random.js';
import { SimulatedNetwork } from '../../support/simulation/simulated-network.js';
import { Timeline } from '../../support/simulation/timeline.js';
import { LONE_SESSION } from '../../support/worlds/lone-session.js';

/** A session of one torrent that has announced itself to a tracker which then answers with `outcome`, or never. */
function begin(
  outcome: AnnounceOutcome | null,
  trackerAnswered: () => void = () => undefined,
  options: Partial<TorrentOptions> = {},
  started: (torrent: AddedTorrent) => void = () => undefined,
) {
  const timeline = new Timeline();
  const log: string[] = [];
  const say = (what: string): void => {
    log.push(`${Math.round(timeline.now())} ${what}`);
  };
  const { metainfo } = sampleTorrent([{ path: 'a', length: 40_000 }], 16_384);
  const rawServer = new SimulatedNetwork(timeline, seededRandom(1)).host('10.0.0.1', {});
  const trackers = new FakeTrackers(timeline, ({ event }) => {
    say(`told ${event}`);
    return outcome;
  });
  const session = new Session(
    {
      ...LONE_SESSION,
      rawServer,
      random: seededRandom(2),
      slots: new MemorySlotPool(8 << 20),
      openStorage: ({ timers: answers }) =>
        new MemoryStorage(metainfo, rawServer, { ...DEFAULT_MEMORY_STORAGE_OPTIONS, answers }),
      openTarget: () => memoryTarget(rawServer),
      trackerClient: trackers,
      // As Node's loop does, which runs nothing of itself once it is closed.
      answer: (answered) =>
        timeline.addTask(() => {
          try {
            answered();
          } catch (error) {
            say(`bug: ${error}`);
          }
        }, 0),
      close: (answered) =>
        rawServer.addTask(() => {
          rawServer.close();
          answered();
        }, 0),
    },
    DEFAULT_SESSION_OPTIONS,
  );
  const nothing = (): void => undefined;
  const add = () =>
    session.addTorrent(
      metainfo,
      { ...DEFAULT_TORRENT_OPTIONS, trackers: ['http://tracker.test/announce'], ...options },
      {
        started: () => started(torrent),
        fileDone: nothing,
        trackerAnswered,
        warned: nothing,
        done: nothing,
        goalReached: nothing,
        failed: (failure) => say(`failed: ${failure.message}`),
      },
    );
  const torrent: AddedTorrent = add();
  timeline.run(100);
  return { timeline, log, say, session, torrent, trackers, add };
}

test('each stop of a torrent that says good-bye is answered when it has ended', () => {
  const { timeline, log, say, session, torrent, trackers } = begin(null);
  torrent.stop(() => say('torrent stopped'));
  session.stop(() => say('session stopped'));
  timeline.run(10_000);
  torrent.stop(() => say('stopped again'));
  timeline.run(1_000);
  assert.deepEqual(log, [
    '0 told started',
    '100 told stopped',
    '2100 torrent stopped',
    '2100 session stopped',
    '10100 stopped again',
  ]);
  assert.equal(trackers.cancelled, 2, 'nothing is left under way');
});

test('a bug that a tracker’s answer triggers ends the torrent, not the session, and no tracker is asked again', () => {
  const { timeline, log, say, session } = begin(answer(), () => {
    throw new Error('a bug');
  });
  timeline.run(4_000_000);
  session.stop(() => say('session stopped'));
  timeline.run(1_000);
  assert.deepEqual(log, ['0 told started', '0 failed: a bug', '4000100 session stopped']);
});

test('a torrent that is removed may be added again once it has stopped, and not earlier', () => {
  const { timeline, log, say, session, torrent, add } = begin(null);
  session.remove(torrent, () => say('removed'));
  timeline.run(1_000);
  assert.throws(add, /is given twice/);
  timeline.run(1_500);
  add();
  timeline.run(100);
  session.stop(() => say('session stopped'));
  timeline.run(10_000);
  assert.deepEqual(log, [
    '0 told started',
    '100 told stopped',
    '2100 removed',
    '2600 told started',
    '2700 told stopped',
    '4700 session stopped',
  ]);
});

test('each call of a session that stops, or has stopped, is answered, and it takes no torrent', () => {
  const { timeline, log, say, session, torrent, add } = begin(null);
  const listened = (what: string) => (outcome: ListenAnswer) =>
    say(`${what}: ${outcome.ok ? outcome.port : outcome.failure.code}`);
  session.listen(listened('listened before'));
  session.stop(() => say('stopped'));
  session.stop(() => say('stopped too'));
  session.listen(listened('listened meanwhile'));
  assert.throws(add, { code: 'interrupted', message: 'the session has been stopped' });
  timeline.run(10_000);
  session.stop(() => say('stopped again'));
  torrent.stop(() => say('torrent stopped'));
  session.remove(torrent, () => say('removed'));
  session.listen(listened('listened after'));
  assert.throws(add, { code: 'interrupted' });
  timeline.run(1_000);
  assert.deepEqual(log, [
    '0 told started',
    '100 listened before: interrupted',
    '100 told stopped',
    '100 listened meanwhile: interrupted',
    '2100 stopped',
    '2100 stopped too',
    '10100 stopped again',
    '10100 torrent stopped',
    '10100 removed',
    '10100 listened after: interrupted',
  ]);
});

test('what is thrown when a stop is answered is told, and keeps no other answer back', () => {
  const { timeline, log, say, session, torrent } = begin(null);
  const mine = (whose: string) => (): void => {
    throw new Error(`mine, of ${whose}`);
  };
  torrent.stop(mine('the torrent'));
  session.remove(torrent, mine('the removal'));
  session.stop(mine('the session'));
  session.stop(() => say('session stopped'));
  timeline.run(10_000);
  assert.deepEqual(log, [
    '0 told started',
    '100 told stopped',
    '2100 bug: Error: mine, of the torrent',
    '2100 bug: Error: mine, of the removal',
    '2100 bug: Error: mine, of the session',
    '2100 session stopped',
  ]);
});

test('a reader of a torrent that stops, or fails while it waits, is told so, and one that comes later too', () => {
  const mine = (): void => {
    throw new Error('a bug');
  };
  const options = { onDemand: { window: 16_384, kept: 16_384 }, seedGoal: { ratio: null, time: null } };
  const told = [false, true].map((fails) => {
    const read = (from: AddedTorrent, what: string): void =>
      from
        .openReader(0, { begin: 0, end: 40_000 }, false)
        .read(Buffer.alloc(16_384), (outcome) => say(`${what}: ${outcome.ok ? outcome.length : outcome.failure.code}`));
    const early: string[] = [];
    let say = (what: string): unknown => early.push(`0 ${what}`);
    const begun = begin(fails ? answer() : null, mine, options, (from) => read(from, 'waits'));
    const { timeline, log, session, torrent } = begun;
    say = begun.say;
    torrent.stop(() => undefined);
    timeline.run(4_000);
    read(torrent, 'comes late');
    session.stop(() => undefined);
    timeline.run(4_000);
    read(torrent, 'comes last');
    timeline.run(1_000);
    return [...early, ...log];
  });
  const late = ['4100 comes late: interrupted', '8100 comes last: interrupted'];
  assert.deepEqual(told, [
    ['0 told started', '100 told stopped', '100 waits: interrupted', ...late],
    ['0 waits: interrupted', '0 told started', '0 failed: a bug', ...late],
  ]);
});
