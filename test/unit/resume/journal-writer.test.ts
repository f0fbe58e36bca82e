import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JournalWriter } from '../../../src/resume/journal-writer.js';
import { DEFAULT_MEMORY_JOURNAL_OPTIONS, MemoryJournal } from '../../support/fakes/memory-journal.js';
import { seededRandom } from '../../support/simulation/seeded-random.js';
import { Timeline } from '../../support/simulation/timeline.js';

test('records that wait are written before the journal is removed, even if an answer asks for the removal', () => {
  const timers = new Timeline();
  const log: string[] = [];
  const writer = new JournalWriter(
    {
      timers,
      random: seededRandom(1),
      owner: { infoHash: Buffer.alloc(20), pieceCount: 8, fileCount: 1 },
      file: new MemoryJournal(timers, { ...DEFAULT_MEMORY_JOURNAL_OPTIONS, latency: 10, log }),
      claims: () => null,
      snapshot: () => [],
      failed: (failure) => assert.fail(failure),
      noRoom: (failure) => assert.fail(failure),
    },
    1_000,
  );
  const piece = (first: number) => [{ kind: 'pieces', runs: [{ first, end: first + 1 }] } as const];
  writer.rewrite(() => undefined);
  timers.run(20);
  writer.append(piece(1), true, () => writer.remove(() => log.push('removed')));
  writer.append(piece(2), false, () => undefined);
  timers.run(100);
  assert.deepEqual(log, ['replace', 'append', 'append unflushed', 'remove', 'removed']);
});
