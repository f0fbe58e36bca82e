import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha1 } from '../../../src/base/digest.js';
import type { InfoHash } from '../../../src/metainfo/metainfo.js';
import { KeptMetadata } from '../../../src/resume/kept-metadata.js';
import { DEFAULT_MEMORY_JOURNAL_OPTIONS, MemoryJournal } from '../../support/fakes/memory-journal.js';
import { LockedTarget, MemoryLock } from '../../support/fakes/memory-lock.js';
import { Timeline } from '../../support/simulation/timeline.js';

test('metadata is written, read and removed in turn, and each call is answered before later ones', () => {
  const timeline = new Timeline();
  const log: string[] = [];
  const journal = new MemoryJournal(timeline, { ...DEFAULT_MEMORY_JOURNAL_OPTIONS, latency: 5, log });
  const info = Buffer.from('info');
  const openTarget = () => ({ journal, lock: new MemoryLock(timeline, new LockedTarget()) });
  const kept = new KeptMetadata(timeline, openTarget, sha1(info) as InfoHash, 'd');
  kept.whenIdle(() => log.push('idle'));
  kept.write(info, (message) => assert.fail(message));
  kept.read((found) => log.push(`found ${found}`));
  kept.remove(() => log.push('removed'));
  kept.whenIdle(() => log.push('idle again'));
  assert.deepEqual(log.splice(0), ['idle', 'replace']);
  timeline.run(100);
  assert.deepEqual(log, ['read', 'found info', 'remove', 'removed', 'idle again']);
  assert.equal(journal.image(null), null);
});
