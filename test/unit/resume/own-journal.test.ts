import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Doubt } from '../../../src/disk/system/trust.js';
import type { JournalReadOutcome } from '../../../src/disk/target.js';
import type { InfoHash } from '../../../src/metainfo/info-hash.js';
import { encodeHead, encodeRecords, lastSeal } from '../../../src/resume/journal-format.js';
import { OwnJournal } from '../../../src/resume/own-journal.js';
import { DEFAULT_MEMORY_JOURNAL_OPTIONS, MemoryJournal } from '../../support/fakes/memory-journal.js';
import { Timeline } from '../../support/simulation/timeline.js';

const A = Buffer.alloc(20, 1) as unknown as InfoHash;
const B = Buffer.alloc(20, 2) as unknown as InfoHash;

function journalOf(infoHash: InfoHash): Buffer {
  const head = encodeHead({ infoHash, pieceCount: 4, fileCount: 1 }, Buffer.alloc(8));
  return Buffer.concat([head, encodeRecords(lastSeal(head), [{ kind: 'pieces', runs: [{ first: 0, end: 2 }] }])]);
}

/** A folder in which two torrents have the same name. */
class Folder {
  readonly timeline = new Timeline();
  readonly plain = this.#file();
  readonly marked = { a: this.#file(), b: this.#file() };
  readonly taken = new Set<string>();

  #file(): MemoryJournal {
    return new MemoryJournal(this.timeline, DEFAULT_MEMORY_JOURNAL_OPTIONS);
  }

  open(which: 'a' | 'b'): OwnJournal {
    const named = (file: MemoryJournal, path: string) => ({
      path,
      read: file.read.bind(file),
      append: file.append.bind(file),
      replace: file.replace.bind(file),
      remove: file.remove.bind(file),
    });
    return new OwnJournal(
      named(this.plain, 'set.btget'),
      named(this.marked[which], `set.${which}.btget`),
      which === 'a' ? A : B,
      this.taken,
    );
  }

  /** Opens the journals of both torrents at once, in this order, as one process does. */
  start(order: readonly ('a' | 'b')[]): Map<'a' | 'b', { journal: OwnJournal; found: Buffer | null }> {
    const started = new Map<'a' | 'b', { journal: OwnJournal; found: Buffer | null }>();
    for (const which of order) {
      const journal = this.open(which);
      journal.read((outcome: JournalReadOutcome) => {
        assert.ok(outcome.ok);
        started.set(which, { journal, found: outcome.found?.bytes ?? null });
      });
    }
    this.timeline.run(100);
    assert.equal(started.size, order.length);
    return started;
  }

  /** Each torrent that was started writes its journal, and the process ends. */
  runAndEnd(order: readonly ('a' | 'b')[]): string[] {
    const started = this.start(order);
    const found = order.map((which) => {
      const own = journalOf(which === 'a' ? A : B);
      const { found, journal } = started.get(which) ?? assert.fail();
      assert.ok(found === null || found.equals(own), `${which} was given what is not its own`);
      journal.replace(own, () => undefined);
      this.timeline.run(100);
      return `${which} ${found === null ? 'found nothing' : 'found its own'} at ${journal.path}`;
    });
    for (const { journal } of started.values()) journal.release();
    assert.equal(this.taken.size, 0);
    return found;
  }
}

test('a single torrent has the journal of its name', () => {
  const folder = new Folder();
  assert.deepEqual(folder.runAndEnd(['a']), ['a found nothing at set.btget']);
  assert.deepEqual(folder.runAndEnd(['a']), ['a found its own at set.btget']);
});

test('two torrents of one name find their own journals again, alone or together, in both orders', () => {
  const orders: readonly (readonly ('a' | 'b')[])[] = [['a'], ['b'], ['a', 'b'], ['b', 'a']];
  for (const first of orders) {
    for (const second of orders) {
      const folder = new Folder();
      folder.runAndEnd(first);
      folder.runAndEnd(second);
      const last = folder.runAndEnd(['b', 'a']);
      for (const which of ['a', 'b'] as const) {
        const known = first.includes(which) || second.includes(which);
        const line = last.find((told) => told.startsWith(which)) ?? '';
        assert.equal(line.includes('its own'), known, `${first} then ${second}: ${line}`);
      }
    }
  }
});

test('a journal with a damaged head belongs to no torrent, so the torrent takes its name', () => {
  const folder = new Folder();
  const damaged = journalOf(B);
  damaged.writeUInt8((damaged[25] ?? 0) ^ 1, 25);
  folder.plain.replace(damaged, () => undefined);
  folder.timeline.run(10);
  const { journal } = folder.start(['a']).get('a') ?? assert.fail();
  assert.equal(journal.path, 'set.btget');
});

test("a journal with the info-hash in its name that may be forged does not hide the torrent's own", () => {
  const folder = new Folder();
  const open = (doubt: Doubt | null): OwnJournal => {
    const forged = { bytes: journalOf(A), changedAt: 7n, doubt };
    const marked = new MemoryJournal(folder.timeline, { ...DEFAULT_MEMORY_JOURNAL_OPTIONS, found: forged });
    return new OwnJournal(folder.plain, marked, A, new Set());
  };
  folder.plain.replace(journalOf(A), () => undefined);
  folder.timeline.run(10);
  const [forged, ours] = [open({ about: 'owner', why: 'is of another user' }), open(null)];
  const read: string[] = [];
  for (const [name, journal] of Object.entries({ forged, ours }))
    journal.read((outcome) =>
      read.push(`${name}: ${outcome.ok && outcome.found?.changedAt === 7n ? 'marked' : 'plain'}`),
    );
  folder.timeline.run(100);
  assert.deepEqual(read.sort(), ['forged: plain', 'ours: marked']);
});

test('a torrent that ends before it has chosen its journal keeps no other torrent from it', () => {
  const folder = new Folder();
  const journal = folder.open('a');
  journal.read(() => undefined);
  journal.release();
  folder.timeline.run(100);
  assert.equal(folder.taken.size, 0);
});
