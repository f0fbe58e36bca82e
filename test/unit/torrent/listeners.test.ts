/** What a program throws when it is told of a torrent ends that torrent alone, whatever it was told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLink } from '../../../src/metainfo/magnet.js';
import { wireNames } from '../../../src/metainfo/named-hashes.js';
import { parseMetainfo } from '../../../src/metainfo/parse-metainfo.js';
import { metadataTarget } from '../../../src/resume/kept-metadata.js';
import { createMetainfo } from '../../../src/session/create-torrent.js';
import type { MagnetEvents } from '../../../src/session/magnet-torrent.js';
import { Session } from '../../../src/session/session.js';
import { DEFAULT_SESSION_OPTIONS } from '../../../src/session/session-options.js';
import { DEFAULT_TORRENT_OPTIONS } from '../../../src/torrent/torrent-options.js';
import { answer, FakeTrackers } from '../../support/fakes/fake-tracker.js';
import { DEFAULT_MEMORY_JOURNAL_OPTIONS, MemoryJournal } from '../../support/fakes/memory-journal.js';
import { LockedTarget, MemoryLock } from '../../support/fakes/memory-lock.js';
import { MemorySlotPool } from '../../support/fakes/memory-slot-pool.js';
import { DEFAULT_MEMORY_STORAGE_OPTIONS, MemoryStorage } from '../../support/fakes/memory-storage.js';
import { sampleTorrent } from '../../support/sample-torrent.js';
import { seededRandom } from '../../support/simulation/seeded-random.js';
import { SimulatedNetwork } from '../../support/simulation/simulated-network.js';
import { Timeline } from '../../support/simulation/timeline.js';
import { NOTHING_SAID } from '../../support/torrent-bytes.js';
import { LONE_SESSION } from '../../support/worlds/lone-session.js';

const sample = sampleTorrent([{ path: 'a', length: 40_000 }], 16_384);
const { content } = sample;
const metainfo = parseMetainfo(
  createMetainfo({
    ...NOTHING_SAID,
    metaVersion: '1',
    name: 'a',
    content: { length: 40_000, executable: false },
    pieceLength: 16_384,
    pieces: sample.metainfo.pieces,
    pieceRoots: null,
  }),
);

const METADATA: ReadonlySet<string> = new Set(wireNames(metainfo).map(metadataTarget));

/** Everything is there, and so is the metadata of an earlier run. The listeners of `throwing` throw. */
function tellOf(throwing: readonly string[], mode: 'download' | 'seed', isLink: boolean): readonly string[] {
  const timeline = new Timeline();
  const log: string[] = [];
  const gotException = (error: unknown): unknown => log.push(`of no torrent: ${error}`);
  const rawServer = new SimulatedNetwork(timeline, seededRandom(1)).host('10.0.0.1', { gotException });
  const session = new Session(
    {
      ...LONE_SESSION,
      rawServer,
      random: seededRandom(2),
      slots: new MemorySlotPool(8 << 20),
      openStorage: ({ timers: answers }) =>
        new MemoryStorage(metainfo, rawServer, { ...DEFAULT_MEMORY_STORAGE_OPTIONS, answers, content }),
      openTarget: ({ name }) => ({
        journal: new MemoryJournal(rawServer, {
          ...DEFAULT_MEMORY_JOURNAL_OPTIONS,
          found: METADATA.has(name) ? { bytes: metainfo.info, changedAt: 0n, doubt: null } : null,
        }),
        lock: new MemoryLock(rawServer, new LockedTarget()),
      }),
      trackerClient: new FakeTrackers(timeline, () => answer()),
      answer: (answered) => timeline.addTask(answered, 0),
      close: (answered) => rawServer.addTask(answered, 0),
    },
    DEFAULT_SESSION_OPTIONS,
  );
  const hear =
    (name: string) =>
    (...news: readonly unknown[]): void => {
      log.push(name === 'failed' ? `failed: ${news[0]}` : name);
      if (throwing.includes(name)) throw new Error('mine');
    };
  const events: MagnetEvents = {
    gotMetadata: hear('gotMetadata'),
    started: hear('started'),
    fileDone: hear('fileDone'),
    trackerAnswered: hear('trackerAnswered'),
    warned: hear('warned'),
    done: hear('done'),
    goalReached: hear('goalReached'),
    failed: hear('failed'),
  };
  const options = { ...DEFAULT_TORRENT_OPTIONS, mode };
  const link = parseLink(metainfo.infoHash.toString('hex'));
  if (isLink) session.addMagnet(link, options, events);
  else session.addTorrent(metainfo, options, events);
  timeline.run(10_000);
  session.stop(() => log.push('session stopped'));
  timeline.run(10_000);
  return log;
}

test('what a listener throws ends its torrent, which is told so, and is no fault of the session', () => {
  const order = ['gotMetadata', 'started', 'fileDone', 'done', 'goalReached'];
  for (const mode of ['download', 'seed'] as const)
    for (const isLink of [true, false])
      for (const event of isLink ? order : order.slice(1)) {
        const told = order.slice(isLink ? 0 : 1, order.indexOf(event) + 1);
        const log = [...told, 'failed: Error: mine', 'session stopped'];
        assert.deepEqual(tellOf([event], mode, isLink), log, `${event}, ${mode}, ${isLink ? 'a link' : 'a .torrent'}`);
      }
});

test('what the listener of a failure throws belongs to no torrent', () => {
  const log = tellOf(['done', 'failed'], 'download', false);
  const told = ['started', 'fileDone', 'done', 'failed: Error: mine'];
  assert.deepEqual(log, [...told, 'of no torrent: Error: mine', 'session stopped']);
});
