/**
 * Cuts a download off at a random moment, by a kill or by a power cut. A power cut keeps a random part of the bytes
 * that were not flushed. All that is believed afterwards is on the disk, and little is hashed or lost.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { SurveyOutcome } from '../../src/disk/storage.js';
import { believe, DEFAULT_BELIEF_OPTIONS } from '../../src/resume/belief.js';
import { DEFAULT_JOURNAL_KEEPER_OPTIONS, JournalKeeper } from '../../src/resume/journal-keeper.js';
import { readJournal } from '../../src/resume/read-journal.js';
import { piecesToCheck } from '../../src/torrent/existing/adoption.js';
import { DEFAULT_MEMORY_JOURNAL_OPTIONS, journaled, MemoryJournal } from '../support/fakes/memory-journal.js';
import { DEFAULT_MEMORY_STORAGE_OPTIONS, MemoryStorage } from '../support/fakes/memory-storage.js';
import { sampleTorrent } from '../support/sample-torrent.js';
import { seededRandom } from '../support/simulation/seeded-random.js';
import { Timeline } from '../support/simulation/timeline.js';

const KIB = 1024;
const SAMPLE = sampleTorrent(
  [
    { path: 't/a', length: 41 * KIB },
    { path: 't/.pad/3072', length: 3 * KIB, padding: true },
    { path: 't/b', length: 90 * KIB },
    { path: 't/c', length: 2 * KIB },
    { path: 't/d', length: 56 * KIB },
  ],
  4 * KIB,
);
const { metainfo, layout } = SAMPLE;
const OWNER = { infoHash: metainfo.infoHash, pieceCount: metainfo.pieceCount, fileCount: metainfo.files.length };
const DOUBT_LENGTH = 12 * KIB;

const run = fc.record({
  seed: fc.nat(),
  /** How long the disk takes for each operation, and how often a piece comes, in milliseconds. */
  latency: fc.nat(40),
  pace: fc.integer({ min: 1, max: 120 }),
  batch: fc.integer({ min: 1, max: 64 * KIB }),
  minLength: fc.integer({ min: 1, max: 2_000 }),
  cutAt: fc.nat(5_000),
  powerCut: fc.boolean(),
});

type Run = typeof run extends fc.Arbitrary<infer T> ? T : never;

function surveyOf(storage: MemoryStorage, timeline: Timeline): Extract<SurveyOutcome, { ok: true }> {
  let told: SurveyOutcome | undefined;
  storage.survey((outcome) => {
    told = outcome;
  });
  timeline.run(100);
  assert.ok(told?.ok);
  return told;
}

/** Downloads in a random order until it is cut off, and returns what is found and believed after that. */
function cutOff({ seed, latency, pace, batch, minLength, cutAt, powerCut }: Run) {
  const random = seededRandom(seed);
  const timeline = new Timeline();
  const disk = new MemoryStorage(metainfo, timeline, { ...DEFAULT_MEMORY_STORAGE_OPTIONS, latency });
  const file = new MemoryJournal(timeline, { ...DEFAULT_MEMORY_JOURNAL_OPTIONS, latency });
  const keeper = new JournalKeeper(
    { timers: timeline, random, layout, owner: OWNER, storage: disk, file, claimsFiles: false, warned: assert.fail },
    { ...DEFAULT_JOURNAL_KEEPER_OPTIONS, length: batch, minLength, newestLength: DOUBT_LENGTH },
  );
  const storage = journaled(disk, layout, keeper);
  keeper.begin(
    { rewrites: false, verified: [], unfinished: new Map(), files: new Map(), unflushed: [] },
    () => undefined,
  );
  const writtenAt = new Map<number, number>();
  const order = Array.from(layout.pieceIndices()).sort((a, b) => ((a * 29) % 47) - ((b * 29) % 47));
  for (const [index, piece] of order.entries())
    timeline.addTask(() => {
      storage.commitPiece(piece, { data: Buffer.from(SAMPLE.bytesOf(piece)) }, () =>
        writtenAt.set(piece, timeline.now()),
      );
    }, index * pace);
  timeline.run(cutAt);
  const image = disk.image(powerCut ? random : null);
  const journal = file.image(powerCut ? random : null);

  const later = new MemoryStorage(metainfo, timeline, { ...DEFAULT_MEMORY_STORAGE_OPTIONS, image });
  const contents = journal === null ? null : readJournal(journal.bytes, OWNER);
  if (journal !== null) assert.ok(contents !== null);
  const { files: survey } = surveyOf(later, timeline);
  const possible = piecesToCheck(metainfo, layout, survey, null);
  const belief =
    journal === null || contents === null
      ? { believed: [], doubted: [], unknown: possible, known: new Set() }
      : believe(
          {
            files: metainfo.files,
            layout,
            random,
            survey,
            possible,
            contents,
            writtenAt: journal.changedAt,
            partNames: true,
          },
          { ...DEFAULT_BELIEF_OPTIONS, doubtLength: DOUBT_LENGTH },
        );
  const onDisk = later.contents();
  const isRight = (piece: number): boolean =>
    onDisk.subarray(piece * 4 * KIB, (piece + 1) * 4 * KIB).equals(SAMPLE.bytesOf(piece));
  return { belief, isRight, writtenAt, isJournalThere: journal !== null };
}

test('when a download is cut off at any time, all that is believed or doubted is on the disk', () => {
  let believed = 0;
  fc.assert(
    fc.property(run, (one) => {
      const { belief, isRight } = cutOff(one);
      for (const piece of [...belief.believed, ...belief.doubted]) assert.ok(isRight(piece), `piece ${piece}`);
      believed += belief.believed.length;
    }),
    { numRuns: 500 },
  );
  assert.ok(believed > 1_000, `of ${believed} believed pieces little can be learnt`);
});

test('after a kill only doubted pieces are hashed, and only the pieces of the last moments are lost', () => {
  fc.assert(
    fc.property(run, (one) => {
      const { belief, writtenAt, isJournalThere } = cutOff({ ...one, powerCut: false });
      if (!isJournalThere) return;
      // The newest piece, and one of each of four files.
      assert.ok(belief.doubted.length <= DOUBT_LENGTH / (4 * KIB) + 4);
      const kept = new Set<number>([...belief.believed, ...belief.doubted, ...belief.unknown]);
      // A second until the piece is named, the operation on the journal that this waits for, and its own operation.
      const moments = 1_000 + 2 * one.latency;
      for (const [piece, at] of writtenAt)
        if (at < one.cutAt - moments) assert.ok(kept.has(piece), `piece ${piece} came at ${at}`);
    }),
    { numRuns: 300 },
  );
});
